internal import Bytes
internal import Hashing

/// A sorted list of where chunks and maps lie.
///
///     segment   := preamble filter entries
///     preamble  := "KLUISIDX" version:u32 fanoutBits:u32 packCount:u32 filterBlocks:u32
///                  entryCount:u32 zero:u32 pack* fanout digest:32
///     pack      := id:32 byteCount:u64
///     fanout    := u32 * 2^fanoutBits        how many entries have no larger first bits
///     filter    := block * filterBlocks      a block is 32 bytes
///     entries   := entry * entryCount        in the order of their ids
///     entry     := id:32 pack:u32 offset:u32 stored:u32 plain:u32
///
/// Integers are little-endian. `digest` is the SHA-256 of the preamble before it; the file's name
/// is the SHA-256 of all of it. `pack` is a number in the list of packs, `offset` where the
/// record's header begins there. Version 1.
enum SegmentFormat {
  static let version: UInt32 = 1
  static let fixedByteCount = 32
  static let packByteCount = 40
  static let entryByteCount = 48
  /// So many entries share a place in the fan-out table: about a page of them.
  static let entriesPerFanout = 64
  static let maximumFanoutBits = 20
}

/// The sizes that a segment's first bytes give.
struct SegmentLayout: Equatable {
  let fanoutBits: Int
  let packCount: Int
  let filterBlocks: Int
  let entryCount: Int

  init(packCount: Int, entryCount: Int) {
    self.packCount = packCount
    self.entryCount = entryCount
    let places = max(1, entryCount / SegmentFormat.entriesPerFanout)
    fanoutBits = min(SegmentFormat.maximumFanoutBits, Int.bitWidth - 1 - places.leadingZeroBitCount)
    filterBlocks = Filter.blockCount(for: entryCount)
  }

  /// Reads the fixed part; nil where it is not a segment's or does not fit the file's size.
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= SegmentFormat.fixedByteCount, bytes.starts(with: "KLUISIDX")
    else { return nil }
    func field(_ offset: Int) -> Int {
      Int(UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
    guard field(8) == Int(SegmentFormat.version), field(28) == 0 else { return nil }
    fanoutBits = field(12)
    packCount = field(16)
    filterBlocks = field(20)
    entryCount = field(24)
    guard fanoutBits <= SegmentFormat.maximumFanoutBits, filterBlocks > 0,
      byteCount == bytes.byteCount
    else { return nil }
  }

  var packsOffset: Int { SegmentFormat.fixedByteCount }
  var fanoutOffset: Int { packsOffset + packCount * SegmentFormat.packByteCount }
  var digestOffset: Int { fanoutOffset + (4 << fanoutBits) }
  var filterOffset: Int { digestOffset + Digest.byteCount }
  var entriesOffset: Int { filterOffset + filterBlocks * Filter.blockByteCount }
  var byteCount: Int { entriesOffset + entryCount * SegmentFormat.entryByteCount }
}
