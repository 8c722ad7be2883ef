internal import Bytes

/// LZX as Windows compacts files with it and as WIM has it: that of MS-PATCH 2.1 to 2.6 without its
/// deltas, in chunks that stand alone, with a window of 32 KiB, and calls always translated.
///
///     chunk        := block*
///     block        := type:3bit default:1bit size:16bit?        32,768 bytes, or so many
///     verbatim     := 1: code lengths, then symbols
///     aligned      := 2: 8 × length:3bit of the code of low bits, then likewise
///     uncompressed := 3: bits up to a word, 3 × u32 recent distances, bytes, one more if odd
///
/// A main symbol below 256 is a byte. Another is a match: its low three bits are the length less 2,
/// with a symbol of the length code more at 7; the others the slot that the distance is in, the
/// first three of which are the recent distances.
package enum LZX {
  private static let most = 1 << 15

  /// Expands a chunk that is compressed to as many bytes as `target` has, at most 32 KiB.
  package static func expand(
    _ chunk: RawSpan, into target: inout MutableRawSpan
  ) throws(DecompressionError) {
    let expected = target.byteCount
    let isWhole = target.withUnsafeMutableBytes { to in
      chunk.withUnsafeBytes { from in
        guard to.count <= most else { return false }
        var expansion = LZXExpansion(from, into: to)
        guard expansion.run() else { return false }
        restoreCalls(in: to)
        return true
      }
    }
    if !isWhole { throw DecompressionError(format: .lzx, expected: expected) }
  }

  /// Undoes what the compressor did to what looks like calls of x86: E8 and a distance, which it
  /// made a place, the same for all calls of a function. WIM has it that the file is of 12,000,000
  /// bytes. No call starts in the last ten bytes.
  private static func restoreCalls(in bytes: UnsafeMutableRawBufferPointer) {
    let fileByteCount: Int32 = 12_000_000
    var place = 0
    while place < bytes.count - 10 {
      guard bytes[place] == 0xE8 else {
        place += 1
        continue
      }
      let target = Int32(
        littleEndian: bytes.loadUnaligned(fromByteOffset: place + 1, as: Int32.self))
      if target >= -Int32(place), target < fileByteCount {
        let distance = target < 0 ? target + fileByteCount : target - Int32(place)
        bytes.storeBytes(of: distance.littleEndian, toByteOffset: place + 1, as: Int32.self)
      }
      place += 5
    }
  }
}

/// The expansion of one chunk.
private struct LZXExpansion {
  /// The lengths of the main code's 256 bytes.
  private static let bytes = 0..<256
  /// Of its matches: eight lengths for each of the 30 slots that a window of 32 KiB has.
  private static let matches = 256..<256 + 8 * 30
  /// Of the length code.
  private static let longLengths = matches.upperBound..<matches.upperBound + 249

  private let output: UnsafeMutableRawBufferPointer
  private var bits: WordBits
  private var produced = 0
  /// Distances of matches, the last one first.
  private var recent = (1, 1, 1)
  /// Of the main and the length code; those of a block are told by how they differ from the last.
  private var lengths = [UInt8](repeating: 0, count: Self.longLengths.upperBound)
  private var main = PrefixCode()
  private var length = PrefixCode()
  /// Of the lowest three bits of a distance.
  private var low = PrefixCode()
  /// What code lengths are told in.
  private var pre = PrefixCode()

  init(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) {
    bits = WordBits(input, from: 0)
    self.output = output
  }

  /// Returns whether the output was filled. Each block gives at least one byte.
  mutating func run() -> Bool {
    while produced < output.count {
      let type = bits.take(3)
      let count = bits.take(1) == 1 ? 32_768 : bits.take(16)
      guard count > 0, count <= output.count - produced, !bits.isOverrun else { return false }
      let end = produced + count
      switch type {
      case 1: guard readCodes(), expandBlock(to: end, isAligned: false) else { return false }
      case 2:
        guard readLowCode(), readCodes(), expandBlock(to: end, isAligned: true) else {
          return false
        }
      case 3: guard copyBlock(to: end) else { return false }
      default: return false
      }
    }
    return !bits.isOverrun
  }

  private mutating func readLowCode() -> Bool {
    var lengths = [UInt8](repeating: 0, count: 8)
    for symbol in 0..<8 { lengths[symbol] = UInt8(bits.take(3)) }
    return low.describe(lengths[...])
  }

  private mutating func readCodes() -> Bool {
    guard readLengths(Self.bytes), readLengths(Self.matches), readLengths(Self.longLengths) else {
      return false
    }
    return main.describe(lengths[..<Self.matches.upperBound])
      && length.describe(lengths[Self.longLengths])
  }

  /// Brings the lengths of `symbols` from those of the last block to those of this one.
  private mutating func readLengths(_ symbols: Range<Int>) -> Bool {
    var preLengths = [UInt8](repeating: 0, count: 20)
    for symbol in 0..<20 { preLengths[symbol] = UInt8(bits.take(4)) }
    guard pre.describe(preLengths[...]) else { return false }
    var symbol = symbols.lowerBound
    while symbol < symbols.upperBound {
      guard let told = pre.take(from: &bits) else { return false }
      let run: Int
      let value: UInt8
      switch told {
      case 17: (run, value) = (4 + bits.take(4), 0)
      case 18: (run, value) = (20 + bits.take(5), 0)
      case 19:
        run = 4 + bits.take(1)
        guard let told = pre.take(from: &bits), told <= 16 else { return false }
        value = changed(lengths[symbol], by: told)
      default: (run, value) = (1, changed(lengths[symbol], by: told))
      }
      guard run <= symbols.upperBound - symbol else { return false }
      for place in symbol..<symbol + run { lengths[place] = value }
      symbol += run
    }
    return true
  }

  private func changed(_ length: UInt8, by told: Int) -> UInt8 {
    UInt8((Int(length) + 17 - told) % 17)
  }

  private mutating func expandBlock(to end: Int, isAligned: Bool) -> Bool {
    let (main, length, output) = (main, length, output)
    var (bits, produced) = (bits, produced)
    while produced < end {
      guard let symbol = main.take(from: &bits) else { return false }
      if symbol < 256 {
        output[produced] = UInt8(truncatingIfNeeded: symbol)
        produced += 1
        continue
      }
      var count = symbol & 7 + 2
      if symbol & 7 == 7 {
        guard let more = length.take(from: &bits) else { return false }
        count += more
      }
      let distance = takeDistance(slot: (symbol - 256) >> 3, isAligned, &bits)
      guard let distance, distance <= produced, count <= end - produced else { return false }
      copyMatch(output, at: produced, distance: distance, count: count)
      produced += count
    }
    self.bits = bits
    self.produced = produced
    return true
  }

  @inline(__always)
  private mutating func takeDistance(
    slot: Int, _ isAligned: Bool, _ bits: inout WordBits
  ) -> Int? {
    switch slot {
    case 0: break
    case 1: recent = (recent.1, recent.0, recent.2)
    case 2: recent = (recent.2, recent.1, recent.0)
    default:
      // Slots come in pairs of one size, which doubles from pair to pair; the first has one place.
      let more = max(0, slot / 2 - 1)
      var distance = slot < 4 ? slot : (2 | slot & 1) << more
      if isAligned && more >= 3 {
        distance += bits.take(more - 3) << 3
        guard let symbol = low.take(from: &bits) else { return nil }
        distance += symbol
      } else {
        distance += bits.take(more)
      }
      recent = (distance - 2, recent.0, recent.1)
    }
    return recent.0
  }

  private mutating func copyBlock(to end: Int) -> Bool {
    bits.endWord()
    guard let distances = bits.takeBytes(12) else { return false }
    let told = (0..<3).map { number in
      Int(distances.loadUnaligned(fromByteOffset: 4 * number, as: UInt32.self).littleEndian)
    }
    guard told.allSatisfy({ $0 > 0 }), let bytes = bits.takeBytes(end - produced) else {
      return false
    }
    recent = (told[0], told[1], told[2])
    UnsafeMutableRawBufferPointer(rebasing: output[produced..<end]).copyMemory(from: bytes)
    if bytes.count % 2 == 1 { _ = bits.takeByte() }
    produced = end
    return true
  }
}
