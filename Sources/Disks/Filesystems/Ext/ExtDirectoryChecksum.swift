internal import Bytes

/// The checksums of a directory's blocks: in the tail of a block of entries, and behind the room
/// for entries of the index in a block of that
/// (Linux, Documentation/filesystems/ext4/directory.rst):
///
///     root := "." entry:12, ".." entry:12, 0:u32, hash:u8, 8:u8, depth:u8, flags:u8, index
///     node := free entry:8, index
///     index := room:u16, count:u16, block:u32, (hash:u32, block:u32)*
///              [0:u32, checksum:u32 behind the room]
extension ExtVolume {
  func isIntact(
    directoryBlock block: RawSpan, _ index: UInt64, of directory: ExtInode
  ) throws -> Bool {
    let castagnoli = CyclicChecksum.castagnoli
    let size = block.byteCount
    if directory.flags.contains(.indexed), let start = try indexStart(in: block, index) {
      return try isIntact(index: block, from: start, of: directory)
    }
    let tail = size - 12
    guard try block.littleEndian(at: tail, as: UInt32.self) == 0,
      try block.littleEndian(at: tail + 4, as: UInt16.self) == 12,
      try block.littleEndian(at: tail + 6, as: UInt16.self) == 0xDE00
    else { return false }
    let stored: UInt32 = try block.littleEndian(at: tail + 8)
    return stored
      == castagnoli.updating(directory.checksumSeed, with: block.extracting(0..<tail))
  }

  /// Where the index begins in a block of a hashed directory; nil in a block of entries.
  private func indexStart(in block: RawSpan, _ index: UInt64) throws -> Int? {
    let first: UInt16 = try block.littleEndian(at: 4)
    if index == 0 {
      let infoLength: UInt8 = try block.littleEndian(at: 24 + 5)
      let reserved: UInt32 = try block.littleEndian(at: 24)
      return first == 12 && infoLength == 8 && reserved == 0 ? 32 : nil
    }
    let inode: UInt32 = try block.littleEndian(at: 0)
    let isWhole =
      block.byteCount < 65_536
      ? Int(first) == block.byteCount
      : first == .max
        || first == 0
    return inode == 0 && isWhole ? 8 : nil
  }

  private func isIntact(
    index block: RawSpan, from start: Int, of directory: ExtInode
  ) throws -> Bool {
    let castagnoli = CyclicChecksum.castagnoli
    let room = Int(try block.littleEndian(at: start, as: UInt16.self))
    let count = Int(try block.littleEndian(at: start + 2, as: UInt16.self))
    let tail = start + room * 8
    guard count <= room, tail <= block.byteCount - 8 else { return false }
    var value = castagnoli.updating(
      directory.checksumSeed, with: block.extracting(0..<start + count * 8))
    value = castagnoli.updating(value, with: block.extracting(tail..<tail + 4))
    value = castagnoli.updating(value, with: UInt32(0))
    return try block.littleEndian(at: tail + 4) == value
  }
}
