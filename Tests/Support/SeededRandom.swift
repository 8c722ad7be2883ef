internal import Glibc

/// SplitMix64: small, fast, and the same numbers for the same seed everywhere.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }

  /// A number from 0 on, below `limit`.
  package mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

  package mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) } }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// The seed of this run: `KLUIS_TEST_SEED`, else a fresh one. Every failure of a test that uses it
/// has to print it; ``Seed/description`` is how.
package struct Seed: Sendable, CustomStringConvertible {
  package let value: UInt64

  package static let ofThisRun: Seed = {
    let text = getenv("KLUIS_TEST_SEED").map { String(cString: $0) }
    return Seed(value: text.flatMap { UInt64($0) } ?? UInt64(UInt32.random(in: .min ... .max)))
  }()

  package var random: SeededRandom { SeededRandom(seed: value) }

  package var description: String { "KLUIS_TEST_SEED=\(value)" }
}
