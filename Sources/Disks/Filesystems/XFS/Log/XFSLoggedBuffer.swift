internal import Bytes

/// Changes of a buffer: what the item of one says (Linux, fs/xfs/libxfs/xfs_log_format.h).
/// Little-endian:
///
///     format := type:u16, regions:u16, flags:u16, sectors:u16, sector:i64, words:u32, map:u32*
///
/// Each bit of the map stands for 128 bytes of the buffer; runs of ones are the regions.
struct XFSLoggedBuffer {
  static let chunkByteCount = 128
  private static let greatestSectorCount = 128

  struct Flags: OptionSet {
    let rawValue: UInt16
    /// Inodes, of which the log has what links those together that have no name, and no more.
    static let inodes = Flags(rawValue: 0x01)
    static let givenUp = Flags(rawValue: 0x02)
    static let quotas: Flags = [
      .init(rawValue: 0x04), .init(rawValue: 0x08), .init(rawValue: 0x10),
    ]
  }

  /// What is in a buffer, in the upper bits of the flags. What no file is read from is not named.
  enum Content: UInt16 {
    /// Old systems do not say.
    case unknown = 0
    case tree = 4
    case inodes = 8
    case symbolicLink = 9
    case onlyDirectoryBlock = 10
    case directoryData = 11
    case directoryLeaf = 13
    case directoryLeafBelowNode = 14
    case node = 15
    case attributeLeaf = 16
    case attributeValue = 17
    case superblock = 18
  }

  let flags: Flags
  /// Nil for what no file is read from.
  let content: Content?
  let sector: UInt64
  let sectorCount: Int
  private let map: [UInt32]

  init(_ format: RawSpan) throws {
    let word: UInt16 = try format.littleEndian(at: 4)
    flags = Flags(rawValue: word & 0x7FF)
    content = Content(rawValue: word >> 11)
    sectorCount = Int(try format.littleEndian(at: 6, as: UInt16.self))
    sector = try format.littleEndian(at: 8)
    let words = Int(try format.littleEndian(at: 16, as: UInt32.self))
    guard sectorCount > 0, sectorCount <= Self.greatestSectorCount, sector < 1 << 54,
      words <= (format.byteCount - 20) / 4
    else {
      throw FileSystemError(.damaged, in: xfsTypeName, "the log", "a buffer is not one")
    }
    map = try (0..<words).map { try format.littleEndian(at: 20 + 4 * $0) }
  }

  /// The runs of chunks that were logged, in bytes of the buffer.
  var runs: [Range<Int>] {
    var runs: [Range<Int>] = []
    var start: Int?
    for bit in 0...map.count * 32 {
      let isSet = bit < map.count * 32 && map[bit / 32] >> UInt32(bit % 32) & 1 == 1
      if isSet, start == nil { start = bit }
      if !isSet, let first = start {
        runs.append(first * Self.chunkByteCount..<bit * Self.chunkByteCount)
        start = nil
      }
    }
    return runs
  }
}
