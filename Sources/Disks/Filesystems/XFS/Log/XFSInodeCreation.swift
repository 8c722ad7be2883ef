internal import Bytes

extension XFSReplayWriter {
  /// Makes inodes that are not in use, in version 5, where only that they were made is logged
  /// (Linux, fs/xfs/xfs_icreate_item.c). But for the first two fields big-endian:
  ///
  ///     format := type:u16, regions:u16, group:u32, block:u32, count:u32, inodeSize:u32,
  ///               blocks:u32, generation:u32
  mutating func createInodes(_ format: RawSpan) throws {
    let group = UInt64(try format.bigEndian(at: 4, as: UInt32.self))
    let first = UInt64(try format.bigEndian(at: 8, as: UInt32.self))
    let count = Int(try format.bigEndian(at: 12, as: UInt32.self))
    let size: UInt32 = try format.bigEndian(at: 16)
    let blocks = Int(try format.bigEndian(at: 20, as: UInt32.self))
    let generation: UInt32 = try format.bigEndian(at: 24)
    let perBlock = 1 << Int(superblock.inodesPerBlockShift)
    guard superblock.features.hasChecksums, Int(size) == superblock.inodeByteCount,
      count > 0, count <= max(64, perBlock), blocks * perBlock == count,
      first < UInt64(superblock.blocksPerGroup),
      let start = superblock.block(group << superblock.groupShift | first),
      superblock.canHoldFile(UInt64(blocks), from: start)
    else { throw damaged("inodes were made where there can be none") }
    let sectorsPerBlock = superblock.blockByteCount / 512
    let cluster = superblock.inodeClusterBlockCount
    for block in stride(from: 0, to: blocks, by: cluster)
    where given.contains(
      (start + UInt64(block)) * UInt64(sectorsPerBlock), count: cluster * sectorsPerBlock)
    {
      return
    }
    let number = group << superblock.groupShift | first
    for block in 0..<blocks {
      var bytes: [UInt8] = []
      for index in 0..<perBlock {
        bytes += newInode(
          (number + UInt64(block)) << superblock.inodesPerBlockShift | UInt64(index), generation)
      }
      try sectors.write(bytes, at: (start + UInt64(block)) * UInt64(sectorsPerBlock))
    }
  }

  private func newInode(_ number: UInt64, _ generation: UInt32) -> [UInt8] {
    var inode = [UInt8](repeating: 0, count: superblock.inodeByteCount)
    inode.put(bigEndian: XFSInode.magic, at: 0)
    inode[4] = 3
    inode.put(bigEndian: generation, at: 0x5C)
    inode.put(bigEndian: UInt32.max, at: 0x60)
    inode.put(bigEndian: number, at: 0x98)
    inode.replaceSubrange(0xA0..<0xB0, with: superblock.metadataUUID)
    inode.seal(checksumAt: 0x64)
    return inode
  }
}
