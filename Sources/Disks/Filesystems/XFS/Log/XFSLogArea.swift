internal import BlockDevices
internal import Bytes

/// The log of a file system: a ring of blocks of 512 bytes, whatever its sectors are (XFS
/// Algorithms & Data Structures, "Journaling Log"). Each block begins with the number of the turn
/// in which it was written, or is the header of a record, which has that number in its second word.
struct XFSLogArea: Sendable {
  static let blockByteCount = 512
  private static let greatestByteCount: UInt64 = 1 << 31

  let device: any BlockDevice
  let superblock: XFSSuperblock
  /// Where it begins, in bytes.
  let start: UInt64
  /// At least 64.
  let blockCount: Int
  /// Whether records may be longer than 32 KiB.
  let hasLongRecords: Bool

  /// - Throws: ``FileSystemError`` where the device does not have all of it.
  init(_ device: any BlockDevice, _ superblock: XFSSuperblock) throws {
    self.device = device
    self.superblock = superblock
    let size = UInt64(superblock.blockByteCount)
    let byteCount = UInt64(superblock.logBlockCount) * size
    hasLongRecords = superblock.features.hasLog2
    guard let block = superblock.block(superblock.logStart),
      byteCount >= 64 * 512, byteCount <= Self.greatestByteCount
    else {
      throw FileSystemError(.damaged, in: xfsTypeName, "the log", "it has \(byteCount) bytes")
    }
    start = block * size
    blockCount = Int(byteCount / UInt64(Self.blockByteCount))
    guard device.holds(byteCount, at: start) else {
      throw FileSystemError(.damaged, in: xfsTypeName, "the log", "the device ends before it does")
    }
  }

  func damaged(_ block: Int, _ reason: String) -> FileSystemError {
    FileSystemError(
      .damaged, in: xfsTypeName, "the log",
      block: start / UInt64(superblock.blockByteCount)
        + UInt64(block) * UInt64(Self.blockByteCount) / UInt64(superblock.blockByteCount),
      reason)
  }

  /// A number within the ring, of one that may be over its end.
  func wrapped(_ block: Int) -> Int { block % blockCount }

  /// How many blocks it is from one block on to another.
  func distance(from first: Int, to last: Int) -> Int {
    last >= first ? last - first : last + blockCount - first
  }

  /// Blocks that follow one another around the ring.
  ///
  /// - Parameters:
  ///   - first: within the ring.
  ///   - count: no more than the ring has.
  func blocks(_ count: Int, from first: Int) throws -> [UInt8] {
    precondition(first < blockCount && count <= blockCount, "blocks of the ring")
    let before = min(count, blockCount - first)
    let size = Self.blockByteCount
    var bytes = try device.bytes(at: start + UInt64(first * size), count: before * size)
    if before < count { bytes += try device.bytes(at: start, count: (count - before) * size) }
    return bytes
  }

  /// In which turn a block was written.
  static func cycle(ofBlock index: Int, in bytes: RawSpan) throws -> UInt32 {
    let word: UInt32 = try bytes.bigEndian(at: index * blockByteCount)
    return word == XFSLogRecord.magic ? try bytes.bigEndian(at: index * blockByteCount + 4) : word
  }

  func cycle(of block: Int) throws -> UInt32 {
    let bytes = try blocks(1, from: block)
    return try Self.cycle(ofBlock: 0, in: bytes.span.bytes)
  }
}
