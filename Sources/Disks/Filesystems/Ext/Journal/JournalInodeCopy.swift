internal import Bytes

/// The journal's inode as the superblock keeps it beside the true one
/// (Linux, Documentation/filesystems/ext4/super.rst, s_jnl_blocks):
///
///     journalCopy := map:60, sizeHigh:u32, size:u32
extension ExtVolume {
  /// Nil where there is none.
  var journalInodeCopy: ExtInode? {
    get throws {
      guard let copy = superblock.journalCopy else { return nil }
      let fields = copy.span.bytes
      let map = fields.extracting(0..<ExtInode.mapByteCount)
      let sizeHigh: UInt32 = try fields.littleEndian(at: 60)
      let size: UInt32 = try fields.littleEndian(at: 64)
      let byteCount = UInt64(sizeHigh) << 32 | UInt64(size)
      guard byteCount <= UInt64(Int64.max) else { return nil }
      // The copy has no flags. The root of a tree of extents has room for four.
      let isTree =
        try map.littleEndian(at: 0, as: UInt16.self) == 0xF30A
        && map.littleEndian(at: 4, as: UInt16.self) == 4
      var bytes = [UInt8](repeating: 0, count: superblock.inodeByteCount)
      bytes.replaceSubrange(0x28..<0x28 + ExtInode.mapByteCount, with: Array(map))
      let number = superblock.journalInode
      return ExtInode(
        number: number, mode: 0x8180, flags: isTree ? .extents : [], generation: 0, linkCount: 1,
        byteCount: byteCount, allocated: 0, attributeBlock: 0, extraByteCount: 0,
        hasRoomForAttributes: false,
        checksumSeed: checksumSeed(ofInode: number, generation: 0), block: bytes, place: 0,
        inodeByteCount: superblock.inodeByteCount)
    }
  }
}
