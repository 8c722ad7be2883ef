/// Bits of a stream of little-endian words of 16 bits, the highest of a word first, as XPRESS
/// Huffman and LZX have them (MS-XCA 2.2.4).
///
/// Words are taken when they are needed and not before, since bytes stand between them. Beyond the
/// end of the input there are zeros, for a decoder looks further than it takes; whether it took one
/// of them, ``isOverrun`` says.
struct WordBits {
  private let input: UnsafeRawBufferPointer
  /// Where in the input the next word or byte is.
  private(set) var place: Int
  /// The next bits, from the highest on; zeros behind them.
  private var window: UInt64 = 0
  /// How many bits the window holds.
  private var count = 0
  /// How many of those that were taken into the window the input did not have.
  private var missing = 0

  init(_ input: UnsafeRawBufferPointer, from place: Int) {
    self.input = input
    self.place = place
  }

  /// Whether bits were taken that the input does not have.
  var isOverrun: Bool { missing > count }

  /// Takes a word where fewer than 16 bits are at hand.
  @inline(__always)
  mutating func refill() {
    if count >= 16 { return }
    if input.count - place >= 2 {
      let word = input.loadUnaligned(fromByteOffset: place, as: UInt16.self).littleEndian
      window |= UInt64(word) &<< UInt64(truncatingIfNeeded: 48 - count)
      place += 2
    } else {
      missing += 16
    }
    count += 16
  }

  /// The next 16 bits; those that were not refilled are zeros.
  @inline(__always)
  var next16: Int { Int(truncatingIfNeeded: window >> 48) }

  /// Takes `bits` that a refill brought, at most 16.
  @inline(__always)
  mutating func drop(_ bits: Int) {
    window &<<= UInt64(truncatingIfNeeded: bits)
    count &-= bits
  }

  /// Takes a number of at most 16 bits.
  @inline(__always)
  mutating func take(_ bits: Int) -> Int {
    refill()
    let value = next16 &>> (16 - bits)
    drop(bits)
    return value
  }

  /// Takes a byte that stands behind the words taken so far.
  mutating func takeByte() -> Int? {
    guard place < input.count else { return nil }
    place += 1
    return Int(input[place - 1])
  }

  /// Takes bytes that stand behind the words taken so far.
  mutating func takeBytes(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= input.count - place else { return nil }
    place += count
    return UnsafeRawBufferPointer(rebasing: input[place - count..<place])
  }

  /// Forgets the rest of the word that the next bit is in: all of it, where that is its first.
  mutating func endWord() {
    refill()
    // One word was taken too early where bits of two are at hand.
    if count > 16, missing == 0 { place -= 2 }
    window = 0
    count = 0
    missing = 0
  }
}
