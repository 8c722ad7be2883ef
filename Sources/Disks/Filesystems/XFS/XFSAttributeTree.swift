internal import Bytes

/// Attributes in leaves of a tree (XFS Algorithms & Data Structures, "Leaf Attributes", "Node
/// Attributes"). Big-endian; in version 5 the first header has 56 bytes:
///
///     node   := next:u32, previous:u32, magic:u16, …, count:u16, level:u16, [0:u32], branch*
///     branch := greatestHash:u32, block:u32
///     leaf   := next:u32, previous:u32, magic:u16, …, count:u16, used:u16, first:u16, holes:u8,
///               0:u8, free:12, [0:u32], entry* … values
///     entry  := hash:u32, place:u16, flags:u8, 0:u8
///     local  := valueLength:u16, nameLength:u8, name, value
///     remote := block:u32, valueLength:u32, nameLength:u8, name
extension XFSVolume {
  private static let greatestDepth = 5
  private static let greatestValue = 65_536

  func forEachTreeAttribute(
    of inode: XFSInode, _ fork: XFSFork, _ visit: (borrowing XFSRawAttribute) throws -> Void
  ) throws {
    let structure = "the attributes of \(inode.structure)"
    var blocks = XFSForkBlocks(fork, of: inode, on: self, structure)
    let hasChecksums = superblock.features.hasChecksums
    let (leafMagic, nodeMagic): (UInt16, UInt16) =
      hasChecksums ? (0x3BEE, 0x3EBE) : (0xFBEE, 0xFEBE)
    var number: UInt32 = 0
    var seen: Set<UInt32> = []
    var isBelow = false
    while true {
      guard seen.insert(number).inserted else {
        throw damaged(structure, "block \(number) comes twice in them")
      }
      let (place, bytes) = try blocks.blocks(1, at: UInt64(number))
      let span = bytes.span.bytes
      try verify(span, .hashTree, at: place, owner: inode.number, structure)
      let magic: UInt16 = try span.bigEndian(at: 8)
      let fields = hasChecksums ? 56 : 12
      if magic == nodeMagic, !isBelow {
        let count: UInt16 = try span.bigEndian(at: fields)
        guard count > 0, seen.count <= Self.greatestDepth else {
          throw damaged(structure, block: place, "a tree without leaves")
        }
        number = try span.bigEndian(at: hasChecksums ? 68 : 20)
        continue
      }
      guard magic == leafMagic else {
        throw damaged(structure, block: place, "the magic number is missing")
      }
      isBelow = true
      try forEachAttribute(in: span, at: place, fields, structure, visit)
      number = try span.bigEndian(at: 0)
      if number == 0 { return }
    }
  }

  /// - Parameter fields: where the header goes on behind what all blocks of trees have.
  private func forEachAttribute(
    in leaf: RawSpan, at place: UInt64, _ fields: Int, _ structure: String,
    _ visit: (borrowing XFSRawAttribute) throws -> Void
  ) throws {
    func wrong() -> FileSystemError {
      damaged(structure, block: place, "an attribute goes over the end")
    }
    let count = Int(try leaf.bigEndian(at: fields, as: UInt16.self))
    let start = fields == 12 ? 32 : 80
    guard count <= (leaf.byteCount - start) / 8 else { throw wrong() }
    for index in 0..<count {
      let entry = start + 8 * index
      let position = Int(try leaf.bigEndian(at: entry + 4, as: UInt16.self))
      let flags = XFSRawAttribute.Flags(rawValue: try leaf.bigEndian(at: entry + 6))
      let isLocal = flags.contains(.local)
      let namePlace = position + (isLocal ? 3 : 9)
      guard position >= start, namePlace <= leaf.byteCount else { throw wrong() }
      let nameLength = Int(try leaf.bigEndian(at: namePlace - 1, as: UInt8.self))
      let valueLength =
        isLocal
        ? Int(try leaf.bigEndian(at: position, as: UInt16.self))
        : Int(try leaf.bigEndian(at: position + 4, as: UInt32.self))
      let value = namePlace + nameLength
      guard value + (isLocal ? valueLength : 0) <= leaf.byteCount else { throw wrong() }
      let block: UInt32 = isLocal ? 0 : try leaf.bigEndian(at: position)
      try visit(
        XFSRawAttribute(
          flags: flags, name: leaf.extracting(namePlace..<value),
          value: leaf.extracting(value..<value + (isLocal ? valueLength : 0)),
          remote: isLocal ? nil : .init(block: UInt64(block), byteCount: valueLength)))
    }
  }

  /// A value that lies in blocks of its own, in version 5 with a header in each:
  ///
  ///     header := "XARM", offset:u32, bytes:u32, checksum:u32, uuid:16, owner:u64, place:u64,
  ///               lsn:u64
  func value(_ remote: XFSRawAttribute.Remote, of inode: XFSInode) throws -> [UInt8] {
    let structure = "an attribute of \(inode.structure)"
    guard let fork = inode.attributes, remote.byteCount <= Self.greatestValue else {
      throw damaged(structure, "a value of \(remote.byteCount) bytes")
    }
    var blocks = XFSForkBlocks(fork, of: inode, on: self, structure)
    let headerByteCount = superblock.features.hasChecksums ? 56 : 0
    let room = superblock.blockByteCount - headerByteCount
    var value: [UInt8] = []
    value.reserveCapacity(remote.byteCount)
    var number = remote.block
    while value.count < remote.byteCount {
      let (place, bytes) = try blocks.blocks(1, at: number)
      let span = bytes.span.bytes
      let count = min(room, remote.byteCount - value.count)
      if headerByteCount > 0 {
        guard try span.bigEndian(at: 0) == 0x5841_524D as UInt32,
          try span.bigEndian(at: 4) == UInt32(value.count),
          try span.bigEndian(at: 8) == UInt32(count)
        else { throw damaged(structure, block: place, "it is not the part that is due") }
        try verify(span, .remote, at: place, owner: inode.number, structure)
      }
      value += Array(span.extracting(headerByteCount..<headerByteCount + count))
      number += 1
    }
    return value
  }
}
