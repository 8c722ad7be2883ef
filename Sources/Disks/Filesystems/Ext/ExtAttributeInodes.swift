internal import Bytes

/// Values of extended attributes that are so large that they are files
/// (Linux, Documentation/filesystems/ext4/attributes.rst and fs/ext4/xattr.c).
///
/// The hash of the value stands in the inode in the place of a time, and a hash of name and value
/// in the entry.
extension ExtVolume {
  private static let greatestValue = 1 << 24

  func value(of attribute: borrowing RawAttribute, of owner: ExtInode) throws -> [UInt8] {
    let inode = try inode(attribute.valueInode)
    func wrong(_ reason: String) -> FileSystemError {
      damaged("\(inode.structure), the value of an attribute of \(owner.structure)", reason)
    }
    guard inode.kind == .regular, inode.flags.contains(.attributeValue),
      !inode.flags.contains(.encrypted)
    else { throw wrong("it holds no such value") }
    guard inode.byteCount == UInt64(attribute.valueByteCount),
      attribute.valueByteCount <= Self.greatestValue
    else { throw wrong("it has \(inode.byteCount) bytes, not \(attribute.valueByteCount)") }
    let bytes =
      inode.flags.contains(.inlineData)
      ? try inlineBytes(of: inode)
      : try content(of: inode).bytes(limit: Self.greatestValue)
    if try isBoundTo(owner, inode) { return bytes }
    let stored: UInt32 = try inode.span.littleEndian(at: 0x08)
    let computed = CyclicChecksum.castagnoli.updating(
      superblock.checksumSeed, with: bytes.span.bytes)
    guard stored == computed else { throw wrong("the checksum of the value does not match") }
    guard
      attribute.hash == entryHash(attribute.name, computed, isSigned: false)
        || attribute.hash == entryHash(attribute.name, computed, isSigned: true)
    else { throw wrong("it is the value of another attribute") }
    return bytes
  }

  /// The older kind, which has no hash but says whose it is.
  private func isBoundTo(_ owner: ExtInode, _ inode: ExtInode) throws -> Bool {
    try inode.span.littleEndian(at: 0x10) == owner.number
      && inode.generation == owner.generation
  }

  /// The hash of a name and of its value's one word.
  private func entryHash(_ name: RawSpan, _ value: UInt32, isSigned: Bool) -> UInt32 {
    var hash: UInt32 = 0
    for place in 0..<name.byteCount {
      let byte = name.unsafeLoad(fromByteOffset: place, as: UInt8.self)
      let number = isSigned ? UInt32(bitPattern: Int32(Int8(bitPattern: byte))) : UInt32(byte)
      hash = hash << 5 ^ hash >> 27 ^ number
    }
    return hash << 16 ^ hash >> 16 ^ value
  }
}
