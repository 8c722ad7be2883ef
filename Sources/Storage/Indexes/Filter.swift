internal import Hashing

/// A split-block Bloom filter: tells "not here" from one cache line.
///
/// An id picks a block with its second word and sets one bit in each of the block's eight 32-bit
/// words, picked by its third. With ten bits an entry about one absent id in a hundred gets
/// "maybe". The construction is that of the Parquet format ("Split block Bloom filter"), except
/// that a digest needs no further hashing.
enum Filter {
  static let blockByteCount = 32

  static func blockCount(for entryCount: Int) -> Int {
    max(1, entryCount * 10 / (blockByteCount * 8))
  }

  static func insert(_ id: Digest, into filter: inout [UInt32]) {
    let start = blockIndex(id, filter.count / 8) * 8
    for word in 0..<8 { filter[start + word] |= bit(id, word) }
  }

  /// - Parameter offset: where in `bytes` the filter begins.
  static func mayContain(_ id: Digest, in bytes: RawSpan, at offset: Int, blocks: Int) -> Bool {
    let start = offset + blockIndex(id, blocks) * blockByteCount
    for word in 0..<8 {
      let bits = UInt32(
        littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + word * 4, as: UInt32.self))
      if bits & bit(id, word) == 0 { return false }
    }
    return true
  }

  private static func blockIndex(_ id: Digest, _ blocks: Int) -> Int {
    Int(id.words.1.multipliedFullWidth(by: UInt64(blocks)).high)
  }

  private static func bit(_ id: Digest, _ word: Int) -> UInt32 {
    1 << UInt32(truncatingIfNeeded: id.words.2 >> (UInt64(word) * 5) & 31)
  }
}
