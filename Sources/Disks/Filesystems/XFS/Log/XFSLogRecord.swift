internal import Bytes

/// A record of the log: what was written at once (XFS Algorithms & Data Structures, "Log Records").
/// Big-endian but for the checksum, offsets in bytes:
///
///     record   := header extra* data, padding to blocks
///     header   := 0x00 0xFEEDBABE:u32, 0x04 cycle:u32, 0x08 version:u32, 0x0C dataSize:u32,
///                 0x10 lsn:u64, 0x18 tail:u64, 0x20 checksum:u32, 0x24 previous:u32,
///                 0x28 operations:u32, 0x2C word:u32×64, 0x12C format:u32, 0x130 uuid:16,
///                 0x140 size:u32
///     extra    := cycle:u32, word:u32×64     one block for each 32 KiB of the size but the first
///
/// The first word of each block of data is kept in the headers, for the number of the turn stands
/// in its place. A lsn is a turn and a block of the log in 32 bits each.
struct XFSLogRecord: Sendable {
  static let magic: UInt32 = 0xFEED_BABE
  private static let greatestByteCount = 256 << 10
  private static let wordsPerHeader = 64

  /// Where it begins in the log.
  let block: Int
  let sequence: UInt64
  /// What must be read to replay everything that is not in its place yet begins here.
  let tailBlock: Int
  let dataByteCount: Int
  let operationCount: Int
  /// How large it could have become.
  let sizeLimit: Int
  let headerBlockCount: Int

  var blockCount: Int {
    headerBlockCount + (dataByteCount + XFSLogArea.blockByteCount - 1) / XFSLogArea.blockByteCount
  }

  /// Nil where there is no header of a record, or none that makes sense.
  ///
  /// - Parameter header: a block.
  init?(_ header: RawSpan, at block: Int, in log: XFSLogArea) throws {
    let version: UInt32 = try header.bigEndian(at: 0x08)
    let length: UInt32 = try header.bigEndian(at: 0x0C)
    let size: UInt32 = try header.bigEndian(at: 0x140)
    let tail = Int(try header.bigEndian(at: 0x18, as: UInt64.self) & 0xFFFF_FFFF)
    guard try header.bigEndian(at: 0) == Self.magic, version == 1 || version == 2,
      length > 0, length <= Self.greatestByteCount, size <= Self.greatestByteCount,
      tail < log.blockCount
    else { return nil }
    self.block = block
    sequence = try header.bigEndian(at: 0x10)
    tailBlock = tail
    dataByteCount = Int(length)
    operationCount = Int(try header.bigEndian(at: 0x28, as: UInt32.self))
    let isLong = log.hasLongRecords && version == 2
    sizeLimit = isLong ? Int(size) : 32 << 10
    headerBlockCount = isLong && size > 32 << 10 ? Int((size + 32767) / 32768) : 1
    // mkfs writes one that is longer than it says it may be.
    guard blockCount <= log.blockCount,
      (dataByteCount + 511) / 512 <= headerBlockCount * Self.wordsPerHeader || operationCount == 1
    else { return nil }
  }

  init?(at block: Int, in log: XFSLogArea) throws {
    let header = try log.blocks(1, from: block)
    try self.init(header.span.bytes, at: block, in: log)
  }

  /// What the record holds, its first words back in their places; nil where the checksum does not
  /// match.
  func data(in log: XFSLogArea) throws -> [UInt8]? {
    let bytes = try log.blocks(blockCount, from: block)
    guard try isIntact(bytes.span.bytes) else { return nil }
    let size = XFSLogArea.blockByteCount
    var data = Array(bytes[(headerBlockCount * size)...].prefix(dataByteCount))
    let kept = headerBlockCount * Self.wordsPerHeader
    for index in 0..<min((dataByteCount + size - 1) / size, kept) {
      let (header, word) = index.quotientAndRemainder(dividingBy: Self.wordsPerHeader)
      let place = header * size + (header == 0 ? 0x2C : 4) + 4 * word
      for byte in 0..<4 where index * size + byte < data.count {
        data[index * size + byte] = bytes[place + byte]
      }
    }
    return data
  }

  /// Whether nothing of it was torn; mkfs writes no checksum.
  private func isIntact(_ bytes: RawSpan) throws -> Bool {
    let stored: UInt32 = try bytes.littleEndian(at: 0x20)
    if stored == 0 { return true }
    // The header's end is padded to eight bytes on some machines, and counted.
    for headerByteCount in [328, 324] {
      let castagnoli = CyclicChecksum.castagnoli
      var value = castagnoli.updating(.max, with: bytes.extracting(0..<0x20))
      value = castagnoli.updating(value, with: UInt32(0))
      value = castagnoli.updating(value, with: bytes.extracting(0x24..<headerByteCount))
      for index in 1..<max(1, headerBlockCount) {
        let extra = index * XFSLogArea.blockByteCount
        value = castagnoli.updating(value, with: bytes.extracting(extra..<extra + 260))
      }
      let start = headerBlockCount * XFSLogArea.blockByteCount
      value = castagnoli.updating(value, with: bytes.extracting(start..<start + dataByteCount))
      if ~value == stored { return true }
    }
    return false
  }

  /// Refuses what belongs to another file system.
  static func checkOwner(_ header: RawSpan, at block: Int, in log: XFSLogArea) throws {
    let uuid = try header.field(at: 0x130, count: 16)
    // The first systems with this format wrote nothing there.
    guard uuid.isZero || uuid.isEqual(to: log.superblock.uuid.span.bytes) else {
      throw log.damaged(block, "it belongs to another file system")
    }
  }

  /// Refuses what was written by a machine of another byte order.
  func checkFormat(in log: XFSLogArea) throws {
    let header = try log.blocks(1, from: block)
    let format: UInt32 = try header.span.bytes.bigEndian(at: 0x12C)
    guard format == 1 else {
      throw FileSystemError(
        .unsupported, in: xfsTypeName, "the log", "it was written in format \(format)")
    }
  }
}
