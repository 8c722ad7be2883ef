internal import Bytes

/// The first block of a journal. Big-endian, offsets in bytes
/// (Linux, Documentation/filesystems/ext4/journal.rst):
///
///     superblock := header, 0x0C blockSize:u32, 0x10 blocks:u32, 0x14 first:u32, 0x18
/// sequence:u32,
///                   0x1C start:u32, 0x20 error:u32, and in version 2
///                   0x24 features:u32×3, 0x30 uuid:16, 0x50 checksumType:u8,
///                   0x54 fastCommitBlocks:u32, 0xFC checksum:u32
///     header     := 0xC03B3998:u32, kind:u32, sequence:u32
struct JournalSuperblock {
  static let byteCount = 1024
  static let magic: UInt32 = 0xC03B_3998

  struct Features: OptionSet {
    let rawValue: UInt32
    static let revoke = Features(rawValue: 0x1)
    static let blockNumbers64 = Features(rawValue: 0x2)
    static let asynchronousCommit = Features(rawValue: 0x4)
    static let checksums2 = Features(rawValue: 0x8)
    static let checksums3 = Features(rawValue: 0x10)
    static let fastCommit = Features(rawValue: 0x20)
    static let known: Features = [
      .revoke, .blockNumbers64, .asynchronousCommit, .checksums2, .checksums3, .fastCommit,
    ]
  }

  let blockCount: UInt32
  let first: UInt32
  /// The first transaction that is not in its place yet.
  let sequence: UInt32
  /// Where it begins; 0 where all are in their place.
  let start: UInt32
  let error: UInt32
  let features: Features
  /// Whether commits carry a checksum of all blocks of their transaction.
  let hasTransactionChecksums: Bool
  /// What every checksum begins with.
  let checksumSeed: UInt32
  private let fastCommitBlockCount: UInt32

  /// - Parameters:
  ///   - bytes: ``byteCount`` of them.
  ///   - wrong: makes an error of a reason.
  init(_ bytes: RawSpan, blockByteCount: Int, wrong: (String) -> FileSystemError) throws {
    let kind: UInt32 = try bytes.bigEndian(at: 4)
    guard try bytes.bigEndian(at: 0) == Self.magic, kind == 3 || kind == 4 else {
      throw wrong("its superblock is none")
    }
    let blockSize: UInt32 = try bytes.bigEndian(at: 0x0C)
    guard blockSize == UInt32(blockByteCount) else {
      throw wrong("its blocks have \(blockSize) bytes, those of the file system \(blockByteCount)")
    }
    blockCount = try bytes.bigEndian(at: 0x10)
    first = try bytes.bigEndian(at: 0x14)
    sequence = try bytes.bigEndian(at: 0x18)
    start = try bytes.bigEndian(at: 0x1C)
    error = try bytes.bigEndian(at: 0x20)
    let hasFeatures = kind == 4
    features = Features(rawValue: hasFeatures ? try bytes.bigEndian(at: 0x28) : 0)
    let compatible: UInt32 = hasFeatures ? try bytes.bigEndian(at: 0x24) : 0
    hasTransactionChecksums = compatible & 1 != 0
    fastCommitBlockCount = hasFeatures ? try bytes.bigEndian(at: 0x54) : 0
    checksumSeed = CyclicChecksum.castagnoli.updating(
      .max, with: try bytes.field(at: 0x30, count: 16))

    let unknown = features.subtracting(.known).rawValue
    guard unknown == 0 else {
      throw wrong("it uses unknown features 0x\(String(unknown, radix: 16))")
    }
    guard !features.isSuperset(of: [.checksums2, .checksums3]),
      !(hasTransactionChecksums && hasBlockChecksums)
    else { throw wrong("it uses two kinds of checksums at once") }
    if hasBlockChecksums { try checkChecksum(of: bytes, wrong: wrong) }
    guard first > 0, first < end, start == 0 || start >= first && start < end else {
      throw wrong("its log begins at block \(start), of \(first) to \(end)")
    }
  }

  var hasBlockChecksums: Bool {
    features.contains(.checksums2) || features.contains(.checksums3)
  }

  /// The block behind the log, which goes on at ``first`` then.
  var end: UInt32 { blockCount - fastCommitBlocks }

  /// Blocks at the end of the journal that are not part of the log, for fast commits.
  var fastCommitBlocks: UInt32 {
    guard features.contains(.fastCommit) else { return 0 }
    let count = fastCommitBlockCount == 0 ? 256 : fastCommitBlockCount
    // A log is never shorter than this.
    return blockCount >= 1024 && count <= blockCount - 1024 ? count : 0
  }

  private func checkChecksum(of bytes: RawSpan, wrong: (String) -> FileSystemError) throws {
    let type: UInt8 = try bytes.bigEndian(at: 0x50)
    guard type == 4 else { throw wrong("its checksums are of the unknown type \(type)") }
    let castagnoli = CyclicChecksum.castagnoli
    var value = castagnoli.updating(.max, with: bytes.extracting(0..<0xFC))
    value = castagnoli.updating(value, with: UInt32(0))
    value = castagnoli.updating(value, with: bytes.extracting(0x100..<Self.byteCount))
    guard try bytes.bigEndian(at: 0xFC) == value else {
      throw wrong("the checksum of its superblock does not match")
    }
  }
}
