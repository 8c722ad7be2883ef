/// A set of records of a tier's index, by their numbers in it: a bit for each, so that a vault of
/// any size costs little memory.
package struct RecordSet: Sendable {
  private var words: [UInt64]

  /// An empty set over the records of `index`.
  package init(over index: TierIndex) {
    words = Array(repeating: 0, count: index.recordCount / 64 + 1)
  }

  package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

  package func contains(_ number: Int) -> Bool { words[number / 64] & bit(number) != 0 }

  /// Adds a record; whether it was not in the set.
  package mutating func insert(_ number: Int) -> Bool {
    defer { words[number / 64] |= bit(number) }
    return !contains(number)
  }

  /// The numbers in the set, ascending.
  package func visit(_ body: (Int) -> Void) {
    for (place, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        body(place * 64 + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
  }

  package mutating func subtract(_ other: RecordSet) {
    for place in words.indices { words[place] &= ~other.words[place] }
  }

  package mutating func formUnion(_ other: RecordSet) {
    for place in words.indices { words[place] |= other.words[place] }
  }

  private func bit(_ number: Int) -> UInt64 { 1 << UInt64(number % 64) }
}
