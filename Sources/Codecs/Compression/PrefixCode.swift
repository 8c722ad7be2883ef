/// A canonical prefix code (Huffman's) with codewords of at most 16 bits, as XPRESS Huffman and LZX
/// describe theirs: by the length of each symbol's codeword, 0 where it has none; shorter codewords
/// come first, those of one length in the order of their symbols.
struct PrefixCode {
  /// Codewords of so many bits are looked up at once.
  private static let quickBits = 11
  private static let longest = 16

  /// For each beginning of a codeword: symbol × 16 + length; 0 where the codeword is longer.
  private var quick = [UInt16](repeating: 0, count: 1 << Self.quickBits)
  /// The symbols in the order of their codewords.
  private var sorted: [UInt16] = []
  /// For each length, what the next 16 bits are below if the codeword is no longer than that.
  private var ends = [Int](repeating: 0, count: Self.longest + 1)
  /// For each length, what to add to a codeword for its place in `sorted`.
  private var shifts = [Int](repeating: 0, count: Self.longest + 1)

  /// Makes the code that `lengths` describe, one for each symbol from 0 on.
  ///
  /// - Returns: false where more codewords are wanted than there are, or fewer: a code is complete,
  ///   or has no codeword at all.
  mutating func describe(_ lengths: ArraySlice<UInt8>) -> Bool {
    var counts = [Int](repeating: 0, count: Self.longest + 1)
    for length in lengths {
      guard length <= Self.longest else { return false }
      counts[Int(length)] += 1
    }
    counts[0] = 0
    var codeword = 0
    var place = 0
    var places = counts
    for length in 1...Self.longest {
      codeword <<= 1
      places[length] = place
      shifts[length] = place - codeword
      codeword += counts[length]
      place += counts[length]
      guard codeword <= 1 << length else { return false }
      ends[length] = codeword << (Self.longest - length)
    }
    guard place == 0 || codeword == 1 << Self.longest else { return false }
    sorted = [UInt16](repeating: 0, count: place)
    for (symbol, length) in lengths.enumerated() where length > 0 {
      sorted[places[Int(length)]] = UInt16(symbol)
      places[Int(length)] += 1
    }
    fillQuick(counts)
    return true
  }

  private mutating func fillQuick(_ counts: [Int]) {
    var entry = 0
    var place = 0
    for length in 1...Self.quickBits {
      for symbol in sorted[place..<place + counts[length]] {
        let next = entry + 1 << (Self.quickBits - length)
        for same in entry..<next { quick[same] = symbol << 4 | UInt16(length) }
        entry = next
      }
      place += counts[length]
    }
    for longer in entry..<quick.count { quick[longer] = 0 }
  }

  /// The next symbol of `bits`; nil where the code has no codeword.
  @inline(__always)
  func take(from bits: inout WordBits) -> Int? {
    bits.refill()
    let entry = Int(quick[bits.next16 >> (16 - Self.quickBits)])
    if entry == 0 { return takeLong(from: &bits) }
    bits.drop(entry & 15)
    return entry >> 4
  }

  @inline(never)
  private func takeLong(from bits: inout WordBits) -> Int? {
    let next = bits.next16
    for length in Self.quickBits + 1...Self.longest where next < ends[length] {
      bits.drop(length)
      return Int(sorted[next >> (Self.longest - length) + shifts[length]])
    }
    return nil
  }
}
