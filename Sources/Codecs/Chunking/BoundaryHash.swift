internal import Bytes
package import Hashing

/// A keyed 64-bit hash over one block, as fast as memory is read.
///
/// The block's 512 little-endian words are each added to a word of the key; the halves of every
/// sum are multiplied with one another and all products added up, modulo 2^64 (the NH construction
/// of UMAC, RFC 4418 section 5.2, over 64-bit sums). A final mixing step spreads what was summed
/// over all bits. Eight lanes are summed side by side, which a compiler turns into vector code.
/// Without the key nobody can tell where a disk will be cut.
package struct BoundaryHash: Sendable {
  private let key: [UInt64]

  private static let wordCount = ChunkSizes.blockByteCount / 8

  /// The key is SHA-256 of the seed followed by a counter, again and again, until it is long
  /// enough.
  ///
  /// - Parameter seed: the vault's; 32 bytes.
  package init(seed: Digest) {
    var digester = Digester()
    var key: [UInt64] = []
    for counter in 0..<UInt32(Self.wordCount / 4) {
      var block = ByteWriter(reservingCapacity: 36)
      block.digest(seed)
      block.integer(counter)
      let words = digester.digest(block.bytes.span.bytes).words
      key += [words.0, words.1, words.2, words.3]
    }
    self.key = key
  }

  /// - Parameters:
  ///   - bytes: what holds the block.
  ///   - offset: where the block's 4,096 bytes begin.
  func value(of bytes: RawSpan, at offset: Int) -> UInt64 {
    precondition(key.count == Self.wordCount)
    return key.withUnsafeBytes { key in
      bytes.extracting(offset..<offset + ChunkSizes.blockByteCount).withUnsafeBytes { block in
        sum(block.baseAddress!, key.baseAddress!)
      }
    }
  }
}

private typealias Lanes = SIMD8<UInt64>

@inline(__always)
private func sum(_ block: UnsafeRawPointer, _ key: UnsafeRawPointer) -> UInt64 {
  let lowHalf = Lanes(repeating: 0xFFFF_FFFF)
  let half = Lanes(repeating: 32)
  var total = Lanes(repeating: 0)
  for offset in stride(from: 0, to: ChunkSizes.blockByteCount, by: MemoryLayout<Lanes>.size) {
    let words = block.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
    let keyed = words &+ key.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
    total &+= (keyed & lowHalf) &* (keyed &>> half)
  }
  return mixed(total.wrappedSum())
}

/// Spreads every bit over all others (the finalizer of MurmurHash3's 64-bit form).
@inline(__always)
private func mixed(_ value: UInt64) -> UInt64 {
  var value = value
  value = (value ^ value >> 33) &* 0xFF51_AFD7_ED55_8CCD
  value = (value ^ value >> 33) &* 0xC4CE_B9FE_1A85_EC53
  return value ^ value >> 33
}
