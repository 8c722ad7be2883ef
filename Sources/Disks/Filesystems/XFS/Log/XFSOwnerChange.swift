internal import Bytes

extension XFSReplayWriter {
  /// Blocks of trees that are looked at in all: those of some thirty million extents.
  private static let blockLimit = 1 << 17

  /// Makes an inode the owner of the blocks of its trees of extents, which were another one's
  /// (Linux, fs/xfs/xfs_inode_item_recover.c).
  mutating func takeOver(
    _ fields: XFSLoggedInode.Fields, _ bytes: [UInt8], _ number: UInt64
  ) throws {
    let inode = try XFSInode(number, bytes, superblock) { damaged("inode \(number): \($0)") }
    guard superblock.features.hasChecksums, inode.mode != 0 else { return }
    if fields.contains(.dataOwner) { try takeOver(inode.data, of: inode) }
    if fields.contains(.attributesOwner), let fork = inode.attributes {
      try takeOver(fork, of: inode)
    }
  }

  private mutating func takeOver(_ fork: XFSFork, of inode: XFSInode) throws {
    guard XFSInode.Format(rawValue: fork.format) == .tree else { return }
    let root = inode.span(of: fork)
    let level = Int(try root.bigEndian(at: 0, as: UInt16.self))
    let count = Int(try root.bigEndian(at: 2, as: UInt16.self))
    let room = (root.byteCount - 4) / 16
    guard level > 0, level <= 9, count <= room else {
      throw damaged("\(inode.structure): a tree of extents that is none")
    }
    var nodes = try (0..<count).map { try root.bigEndian(at: 4 + 8 * (room + $0), as: UInt64.self) }
    for depth in (0..<level).reversed() {
      var below: [UInt64] = []
      for node in nodes {
        takenOverCount += 1
        guard let block = superblock.block(node), superblock.canHoldFile(1, from: block),
          takenOverCount <= Self.blockLimit
        else { throw damaged("\(inode.structure): a node where there can be none") }
        below += try children(of: block, depth, takenOverBy: inode)
      }
      nodes = below
    }
  }

  private mutating func children(
    of block: UInt64, _ level: Int, takenOverBy inode: XFSInode
  ) throws -> [UInt64] {
    let count = superblock.blockByteCount / 512
    let sector = block * UInt64(count)
    var bytes = try sectors.read(count, from: sector)
    guard XFSLoggedContent.isExtentTree(bytes.span.bytes),
      try Int(bytes.span.bytes.bigEndian(at: 4, as: UInt16.self)) == level
    else { throw damaged("\(inode.structure): a node of extents that is none") }
    let header = XFSHeader.extentTree
    bytes.put(bigEndian: inode.number, at: header.owner)
    bytes.seal(checksumAt: header.checksum)
    try sectors.write(bytes, at: sector)
    guard level > 0 else { return [] }
    let room = (bytes.count - 72) / 16
    let records = Int(try bytes.span.bytes.bigEndian(at: 6, as: UInt16.self))
    guard records <= room else {
      throw damaged("\(inode.structure): a node with too many children")
    }
    return try (0..<records).map {
      try bytes.span.bytes.bigEndian(at: 72 + 8 * (room + $0), as: UInt64.self)
    }
  }
}
