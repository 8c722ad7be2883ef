internal import Bytes

/// Expands LZO1X as Linux writes it (Documentation/staging/lzo.rst), without its run-length form,
/// which btrfs does not use.
///
/// A stream is a row of instructions: a byte that says how far back bytes are taken from and how
/// many, or how many new ones follow; a match of distance 0x4000 ends it. The library for it,
/// liblzo2, is in C and its licence is not for every program.
///
/// - Returns: how many bytes came; nil where the stream is damaged, or does not fit into `target`.
package func expandLZO1X(_ payload: RawSpan, into target: inout MutableRawSpan) -> Int? {
  target.withUnsafeMutableBytes { to in
    payload.withUnsafeBytes { from in
      var expansion = LZO1XExpansion(input: from, output: to)
      return expansion.run() ? expansion.produced : nil
    }
  }
}

private struct LZO1XExpansion {
  let input: UnsafeRawBufferPointer
  let output: UnsafeMutableRawBufferPointer
  var taken = 0
  private(set) var produced = 0
  /// New bytes that the last instruction brought: 0, 1 to 3, or 4 for more. What a byte below 16
  /// means depends on it.
  private var literals = 0

  private enum Step { case goOn, end, damaged }

  init(input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer) {
    self.input = input
    self.output = output
  }

  /// Returns whether the stream came to its end. Each step takes at least one byte of the input.
  mutating func run() -> Bool {
    guard let first = input.first else { return false }
    if first > 17 {
      taken = 1
      let count = Int(first) - 17
      guard copyLiterals(count) else { return false }
      literals = min(count, 4)
    }
    while true {
      switch step() {
      case .goOn: continue
      case .end: return true
      case .damaged: return false
      }
    }
  }

  private mutating func step() -> Step {
    guard let byte = take() else { return .damaged }
    let code = Int(byte)
    switch code {
    case 0..<16 where literals == 0:
      guard let count = longCount(code, most: 15) else { return .damaged }
      guard copyLiterals(count + 3) else { return .damaged }
      literals = 4
      return .goOn
    case 0..<16:
      guard let high = take() else { return .damaged }
      let near = Int(high) << 2 + code >> 2 + 1
      return literals == 4
        ? match(distance: near + 2048, count: 3, then: code & 3)
        : match(distance: near, count: 2, then: code & 3)
    case 16..<32:
      guard let count = longCount(code & 7, most: 7), let more = takePair() else { return .damaged }
      let distance = 0x4000 + (code & 8) << 11 + more >> 2
      if distance == 0x4000 { return count + 2 == 3 ? .end : .damaged }
      return match(distance: distance, count: count + 2, then: more & 3)
    case 32..<64:
      guard let count = longCount(code & 31, most: 31), let more = takePair() else {
        return .damaged
      }
      return match(distance: more >> 2 + 1, count: count + 2, then: more & 3)
    default:
      guard let high = take() else { return .damaged }
      let count = code < 128 ? 3 + code >> 5 & 1 : 5 + code >> 5 & 3
      return match(distance: Int(high) << 3 + code >> 2 & 7 + 1, count: count, then: code & 3)
    }
  }

  private mutating func take() -> UInt8? {
    guard taken < input.count else { return nil }
    taken += 1
    return input[taken - 1]
  }

  private mutating func takePair() -> Int? {
    guard let low = take(), let high = take() else { return nil }
    return Int(low) | Int(high) << 8
  }

  /// A count that, where its bits are all zero, goes on in the bytes that follow: 255 for each
  /// zero, then the first that is none.
  private mutating func longCount(_ bits: Int, most: Int) -> Int? {
    if bits != 0 { return bits }
    var count = most
    while let byte = take() {
      if byte != 0 { return count + Int(byte) }
      count += 255
    }
    return nil
  }

  private mutating func copyLiterals(_ count: Int) -> Bool {
    guard count <= input.count - taken, count <= output.count - produced else { return false }
    output[produced..<produced + count].copyBytes(from: input[taken..<taken + count])
    taken += count
    produced += count
    return true
  }

  private mutating func match(distance: Int, count: Int, then literals: Int) -> Step {
    guard distance <= produced, count <= output.count - produced else { return .damaged }
    // Byte after byte, for a match may reach into what it makes.
    for place in produced..<produced + count { output[place] = output[place - distance] }
    produced += count
    self.literals = literals
    return copyLiterals(literals) ? .goOn : .damaged
  }
}
