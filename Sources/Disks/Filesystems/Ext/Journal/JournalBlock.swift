internal import Bytes

/// The blocks of a log that say what the others are. Big-endian
/// (Linux, Documentation/filesystems/ext4/journal.rst):
///
///     descriptor := header, tag*, [checksum:u32 at the end]
///     tag        := block:u32, checksum:u16, flags:u16, [blockHigh:u32], [2 bytes], [uuid:16]
///                |  block:u32, flags:u32, blockHigh:u32, checksum:u32, [uuid:16]
///     commit     := header, checksumType:u8, checksumSize:u8, 0:u16, checksum:u32×8,
///                   seconds:u64, nanoseconds:u32
///     revoke     := header, byteCount:u32, (block:u32 | block:u64)*, [checksum:u32 at the end]
///
/// A tag of the first form is as long as the journal's features make it; the second one comes with
/// checksums of version 3. Each tag stands for a block that follows the descriptor.
enum JournalBlock {
  enum Kind: UInt32 {
    case descriptor = 1
    case commit = 2
    case revoke = 5
  }

  struct Tag {
    struct Flags: OptionSet {
      let rawValue: UInt16
      /// Its first four bytes were the magic number, and are zeros in the log.
      static let escaped = Flags(rawValue: 1)
      static let sameIdentity = Flags(rawValue: 2)
      static let last = Flags(rawValue: 8)
    }

    /// Where the block belongs.
    let block: UInt64
    let flags: Flags
    /// Of the block: 32 bits in version 3, 16 in version 2.
    let checksum: UInt32
  }

  static let headerByteCount = 12

  /// The tags of a descriptor, up to the last one that has room.
  static func tags(in block: RawSpan, _ superblock: JournalSuperblock) throws -> [Tag] {
    let features = superblock.features
    let has64 = features.contains(.blockNumbers64)
    let is3 = features.contains(.checksums3)
    let size = is3 ? 16 : 8 + (has64 ? 4 : 0) + (features.contains(.checksums2) ? 2 : 0)
    let end = block.byteCount - (superblock.hasBlockChecksums ? 4 : 0)
    var tags: [Tag] = []
    var place = headerByteCount
    while place + size <= end {
      let flags = Tag.Flags(rawValue: try block.bigEndian(at: place + 6))
      let low: UInt32 = try block.bigEndian(at: place)
      let high: UInt32 = has64 ? try block.bigEndian(at: place + 8) : 0
      let checksum: UInt32 =
        is3
        ? try block.bigEndian(at: place + 12)
        : UInt32(try block.bigEndian(at: place + 4, as: UInt16.self))
      tags.append(
        Tag(block: UInt64(high) << 32 | UInt64(low), flags: flags, checksum: checksum))
      place += size + (flags.contains(.sameIdentity) ? 0 : 16)
      if flags.contains(.last) { break }
    }
    return tags
  }

  /// The numbers of blocks that a revoke block names; nil where it is damaged.
  static func revoked(in block: RawSpan, _ superblock: JournalSuperblock) throws -> [UInt64]? {
    let byteCount = Int(try block.bigEndian(at: headerByteCount, as: UInt32.self))
    guard byteCount <= block.byteCount - (superblock.hasBlockChecksums ? 4 : 0) else { return nil }
    let size = superblock.features.contains(.blockNumbers64) ? 8 : 4
    var numbers: [UInt64] = []
    var place = 16
    while place + size <= byteCount {
      numbers.append(
        size == 8
          ? try block.bigEndian(at: place)
          : UInt64(try block.bigEndian(at: place, as: UInt32.self)))
      place += size
    }
    return numbers
  }

  /// Whether a descriptor or revoke block is as it was written.
  static func isIntact(_ block: RawSpan, _ superblock: JournalSuperblock) throws -> Bool {
    guard superblock.hasBlockChecksums else { return true }
    let castagnoli = CyclicChecksum.castagnoli
    let end = block.byteCount - 4
    var value = castagnoli.updating(superblock.checksumSeed, with: block.extracting(0..<end))
    value = castagnoli.updating(value, with: UInt32(0))
    return try block.bigEndian(at: end) == value
  }

  /// Whether a commit block is as it was written, or at least as far as its fields go, for it may
  /// have been cut off behind them.
  static func isIntact(commit block: RawSpan, _ superblock: JournalSuperblock) throws -> Bool {
    guard superblock.hasBlockChecksums else { return true }
    let fields = 60
    let castagnoli = CyclicChecksum.castagnoli
    let stored: UInt32 = try block.bigEndian(at: 16)
    var head = castagnoli.updating(superblock.checksumSeed, with: block.extracting(0..<16))
    head = castagnoli.updating(head, with: UInt32(0))
    let whole = castagnoli.updating(head, with: block.extracting(20..<block.byteCount))
    if whole == stored { return true }
    let zeros = [UInt8](repeating: 0, count: block.byteCount - fields)
    let cut = castagnoli.updating(
      castagnoli.updating(head, with: block.extracting(20..<fields)), with: zeros.span.bytes)
    return cut == stored
  }

  /// Whether a logged block is as it was written.
  static func isIntact(
    logged block: RawSpan, _ tag: Tag, sequence: UInt32, _ superblock: JournalSuperblock
  ) -> Bool {
    guard superblock.hasBlockChecksums else { return true }
    let castagnoli = CyclicChecksum.castagnoli
    let value = castagnoli.updating(
      castagnoli.updating(superblock.checksumSeed, with: sequence.byteSwapped), with: block)
    return superblock.features.contains(.checksums3)
      ? tag.checksum == value : tag.checksum == value & 0xFFFF
  }
}
