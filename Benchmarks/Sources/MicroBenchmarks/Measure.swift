/// Runs `body` several times and gives the median of its seconds.
func medianSeconds(rounds: Int = 7, _ body: () -> Void) -> Double {
  body()
  let clock = ContinuousClock()
  let seconds = (0..<rounds).map { _ in clock.measure(body) / .seconds(1) }
  return seconds.sorted()[rounds / 2]
}

/// Keeps the compiler from leaving out what nobody looks at.
@inline(never)
func use<Value>(_ value: Value) {}

/// `text` in a column of `width`.
func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

func oneDecimal(_ value: Double) -> String {
  let tenths = Int((value * 10).rounded())
  return "\(tenths / 10).\(tenths % 10)"
}

/// Random numbers from a seed (SplitMix64), so that every run measures the same bytes.
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
