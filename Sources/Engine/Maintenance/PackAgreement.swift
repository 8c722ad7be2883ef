internal import Bytes
internal import Hashing
internal import Packs

/// Puts a pack together again from damaged copies by what most of them agree on, proven by its
/// name: for a vault whose key is not at hand, where no record can be checked by itself.
struct PackAgreement {
  private let copies: [[UInt8]]
  /// Where the copies differ, with what they have there: what most have comes first.
  private var contested: [(range: Range<Int>, variants: [ArraySlice<UInt8>])] = []
  private var bytes: [UInt8]

  private static let blockByteCount = 4096
  /// Each attempt is a digest of the whole pack.
  private static let attemptLimit = 256

  /// - Parameter copies: what the stores have of the pack; nil where that is nothing.
  init?(_ copies: [[UInt8]]) {
    guard let longest = copies.max(by: { $0.count < $1.count }) else { return nil }
    self.copies = copies
    bytes = longest
    for start in stride(from: 0, to: longest.count, by: Self.blockByteCount) {
      let range = start..<min(start + Self.blockByteCount, longest.count)
      let variants = variants(in: range)
      bytes.replaceSubrange(range, with: variants[0])
      if variants.count > 1 { contested.append((range, variants)) }
    }
  }

  private func variants(in range: Range<Int>) -> [ArraySlice<UInt8>] {
    var found: [(bytes: ArraySlice<UInt8>, count: Int)] = []
    for copy in copies where range.upperBound <= copy.count {
      if let known = found.firstIndex(where: { $0.bytes == copy[range] }) {
        found[known].count += 1
      } else {
        found.append((copy[range], 1))
      }
    }
    return found.sorted { $0.count > $1.count }.map(\.bytes)
  }

  /// The whole pack, if it follows from the copies within some hundred attempts.
  mutating func pack(_ id: PackID, digester: inout Digester) -> [UInt8]? {
    var chosen = [Int](repeating: 0, count: contested.count)
    for _ in 0..<Self.attemptLimit {
      if digester.digest(bytes.span.bytes) == id.digest { return bytes }
      let next = chosen.indices.first { chosen[$0] + 1 < contested[$0].variants.count }
      guard let next else { return nil }
      for place in chosen.indices[..<next] { choose(0, at: place, &chosen) }
      choose(chosen[next] + 1, at: next, &chosen)
    }
    return nil
  }

  private mutating func choose(_ variant: Int, at place: Int, _ chosen: inout [Int]) {
    chosen[place] = variant
    bytes.replaceSubrange(contested[place].range, with: contested[place].variants[variant])
  }
}
