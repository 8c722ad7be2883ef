internal import Bytes

/// Extended attributes (Linux, Documentation/filesystems/ext4/attributes.rst):
///
///     body  := 0xEA020000:u32 entry* 0:u32 … values     behind the fields of an inode
///     block := 0xEA020000:u32, references:u32, blocks:u32, hash:u32, checksum:u32, 0:12,
///              entry* 0:u32 … values
///     entry := nameLength:u8, prefix:u8, valuePlace:u16, valueInode:u32, valueSize:u32, hash:u32,
///              name, padding to 4
///
/// A value's place counts from the first entry in a body, and from the start of a block. A value
/// with an inode is the content of that.
extension ExtVolume {
  private static let attributeMagic: UInt32 = 0xEA02_0000
  private static let blockHeaderByteCount = 32

  struct RawAttribute: ~Escapable {
    let prefix: UInt8
    let name: RawSpan
    /// Empty where ``valueInode`` has it.
    let value: RawSpan
    let valueInode: UInt32
    let valueByteCount: Int
    let hash: UInt32

    @_lifetime(copy name, copy value)
    init(
      prefix: UInt8, name: RawSpan, value: RawSpan, valueInode: UInt32, valueByteCount: Int,
      hash: UInt32
    ) {
      self.prefix = prefix
      self.name = name
      self.value = value
      self.valueInode = valueInode
      self.valueByteCount = valueByteCount
      self.hash = hash
    }
  }

  /// All extended attributes of an item that a person sees.
  func extendedAttributes(of inode: ExtInode) throws -> [ExtendedAttribute] {
    var found: [ExtendedAttribute] = []
    try forEachAttributeInBody(of: inode) { try append($0, of: inode, to: &found) }
    try forEachAttributeInBlock(of: inode) { try append($0, of: inode, to: &found) }
    return found
  }

  private func append(
    _ attribute: borrowing RawAttribute, of inode: ExtInode, to found: inout [ExtendedAttribute]
  ) throws {
    guard let prefix = ExtAttributePrefix.text(of: attribute.prefix, name: attribute.name) else {
      return
    }
    var value = Array(attribute.value)
    if attribute.valueInode != 0 { value = try self.value(of: attribute, of: inode) }
    if ExtAttributePrefix.isAccessControlList(attribute.prefix) {
      guard let list = accessControlList(value.span.bytes) else {
        throw damaged(inode.structure, "its access control list is not one")
      }
      value = list
    }
    found.append(
      ExtendedAttribute(
        name: FileName(Array(prefix.utf8) + Array(attribute.name)), value: value))
  }

  /// Those that lie in the inode itself.
  func forEachAttributeInBody(
    of inode: ExtInode, _ visit: (borrowing RawAttribute) throws -> Void
  ) throws {
    let start = 128 + inode.extraByteCount
    let span = inode.span
    guard inode.hasRoomForAttributes, start + 4 <= span.byteCount else { return }
    // Without the magic number the inode has none.
    guard try span.littleEndian(at: start) == Self.attributeMagic else { return }
    let area = span.extracting(start + 4..<span.byteCount)
    try forEachAttribute(in: area, from: 0, of: inode, at: nil, visit)
  }

  private func forEachAttributeInBlock(
    of inode: ExtInode, _ visit: (borrowing RawAttribute) throws -> Void
  ) throws {
    guard inode.attributeBlock != 0 else { return }
    let place = inode.attributeBlock
    let bytes = try fileBlock(place, of: "the attributes of \(inode.structure)")
    let span = bytes.span.bytes
    func wrong(_ reason: String) -> FileSystemError {
      damaged("the attributes of \(inode.structure)", block: place, reason)
    }
    guard try span.littleEndian(at: 0) == Self.attributeMagic else {
      throw wrong("the magic number is missing")
    }
    guard try span.littleEndian(at: 8) == 1 as UInt32 else { throw wrong("more than one block") }
    if superblock.hasMetadataChecksums {
      let castagnoli = CyclicChecksum.castagnoli
      var value = castagnoli.updating(superblock.checksumSeed, with: place)
      value = castagnoli.updating(value, with: span.extracting(0..<0x10))
      value = castagnoli.updating(value, with: UInt32(0))
      value = castagnoli.updating(value, with: span.extracting(0x14..<span.byteCount))
      guard try span.littleEndian(at: 0x10) == value else {
        throw wrong("the checksum does not match")
      }
    }
    try forEachAttribute(in: span, from: Self.blockHeaderByteCount, of: inode, at: place, visit)
  }

  private func forEachAttribute(
    in area: RawSpan, from start: Int, of inode: ExtInode, at place: UInt64?,
    _ visit: (borrowing RawAttribute) throws -> Void
  ) throws {
    func wrong() -> FileSystemError {
      damaged(
        "the attributes of \(inode.structure)", block: place, "an attribute goes over their end")
    }
    var position = start
    while true {
      guard position + 4 <= area.byteCount else { throw wrong() }
      if try area.littleEndian(at: position, as: UInt32.self) == 0 { return }
      guard position + 16 <= area.byteCount else { throw wrong() }
      let nameLength = Int(try area.littleEndian(at: position, as: UInt8.self))
      let valuePlace = Int(try area.littleEndian(at: position + 2, as: UInt16.self))
      let valueInode: UInt32 = try area.littleEndian(at: position + 4)
      let valueSize = Int(try area.littleEndian(at: position + 8, as: UInt32.self))
      let nameStart = position + 16
      let next = nameStart + (nameLength + 3) / 4 * 4
      guard next <= area.byteCount else { throw wrong() }
      let isElsewhere = valueInode != 0 || valueSize == 0
      guard isElsewhere || valuePlace <= area.byteCount && valueSize <= area.byteCount - valuePlace
      else { throw wrong() }
      let valueRange = isElsewhere ? 0..<0 : valuePlace..<valuePlace + valueSize
      try visit(
        RawAttribute(
          prefix: try area.littleEndian(at: position + 1),
          name: area.extracting(nameStart..<nameStart + nameLength),
          value: area.extracting(valueRange), valueInode: valueInode, valueByteCount: valueSize,
          hash: try area.littleEndian(at: position + 12)))
      position = next
    }
  }
}
