internal import Bytes

/// The Huffman form of XPRESS (MS-XCA 2.1 and 2.2), in chunks as Windows compacts files.
///
///     chunk := lengths:4bit{512} (codeword bits? | byte | u16)*
///
/// A symbol below 256 is a byte. Another is a match: its low four bits are the length less 3, with
/// a byte and perhaps a `u16` more from 15 on; the next four how many bits say the distance.
package enum XpressHuffman {
  private static let symbolCount = 512
  private static let tableByteCount = symbolCount / 2
  /// A longer text would have a table for each 64 KiB.
  private static let most = 1 << 16

  /// Expands a chunk that is compressed to as many bytes as `target` has, at most 64 KiB.
  package static func expand(
    _ chunk: RawSpan, into target: inout MutableRawSpan
  ) throws(DecompressionError) {
    let isWhole = target.withUnsafeMutableBytes { to in
      chunk.withUnsafeBytes { from in expand(from, into: to) }
    }
    if !isWhole { throw DecompressionError(format: .xpressHuffman, expected: target.byteCount) }
  }

  private static func expand(
    _ chunk: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard chunk.count >= tableByteCount, target.count <= most else { return false }
    var lengths = [UInt8](repeating: 0, count: symbolCount)
    for place in 0..<tableByteCount {
      lengths[2 * place] = chunk[place] & 15
      lengths[2 * place + 1] = chunk[place] >> 4
    }
    var code = PrefixCode()
    guard code.describe(lengths[...]) else { return false }
    return expand(WordBits(chunk, from: tableByteCount), code, into: target)
  }

  private static func expand(
    _ bits: WordBits, _ code: PrefixCode, into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    var bits = bits
    var produced = 0
    while produced < target.count {
      guard let symbol = code.take(from: &bits) else { return false }
      if symbol < 256 {
        target[produced] = UInt8(truncatingIfNeeded: symbol)
        produced += 1
        continue
      }
      let distanceBits = symbol >> 4 & 15
      let distance = 1 << distanceBits | bits.take(distanceBits)
      guard let length = symbol & 15 < 15 ? symbol & 15 : longLength(&bits) else { return false }
      guard distance <= produced, length + 3 <= target.count - produced else { return false }
      copyMatch(target, at: produced, distance: distance, count: length + 3)
      produced += length + 3
    }
    return !bits.isOverrun
  }

  private static func longLength(_ bits: inout WordBits) -> Int? {
    guard let byte = bits.takeByte() else { return nil }
    if byte < 255 { return byte + 15 }
    guard let low = bits.takeByte(), let high = bits.takeByte() else { return nil }
    let length = low | high << 8
    return length >= 15 ? length : nil
  }
}
