internal import Bytes
internal import Hashing
internal import Packs

/// Puts a pack together again from damaged copies by what most of them agree on, proven by its
/// name: for a vault whose key is not at hand, where no record can be checked by itself.
struct PackAgreement {
  private let copies: [[UInt8]]

  /// Each attempt is a digest of the whole pack.
  private static let attemptLimit = 256

  /// - Parameter copies: what the stores have of the pack.
  init(_ copies: [[UInt8]]) { self.copies = copies }

  /// The whole pack, if it follows from the copies within some hundred attempts.
  func pack(_ id: PackID, digester: inout Digester) -> [UInt8]? {
    // A copy may have become shorter, or longer.
    let byteCounts = Set(copies.map(\.count)).sorted(by: >)
    for byteCount in byteCounts {
      var attempts = PackAttempts(copies, byteCount)
      let limit = Self.attemptLimit / byteCounts.count
      if let found = attempts.pack(id, limit: limit, digester: &digester) { return found }
    }
    return nil
  }
}

/// What the copies give for a pack of one size.
private struct PackAttempts {
  private let copies: [[UInt8]]
  /// Where the copies differ. Those come first of which the votes tell least.
  private var contested: [Contest] = []
  private var bytes: [UInt8]

  private static let blockByteCount = 4096

  /// A block that the copies do not agree on.
  private struct Contest {
    let range: Range<Int>
    /// What most copies have comes first.
    let variants: [(bytes: ArraySlice<UInt8>, votes: Int)]

    /// By how many copies the first is ahead.
    var lead: Int { variants[0].votes - variants[1].votes }
  }

  init(_ copies: [[UInt8]], _ byteCount: Int) {
    self.copies = copies
    bytes = [UInt8](repeating: 0, count: byteCount)
    for start in stride(from: 0, to: byteCount, by: Self.blockByteCount) {
      let range = start..<min(start + Self.blockByteCount, byteCount)
      let variants = variants(in: range)
      bytes.replaceSubrange(range, with: variants[0].bytes)
      if variants.count > 1 { contested.append(Contest(range: range, variants: variants)) }
    }
    contested.sort { $0.lead < $1.lead }
  }

  private func variants(in range: Range<Int>) -> [(bytes: ArraySlice<UInt8>, votes: Int)] {
    var found: [(bytes: ArraySlice<UInt8>, votes: Int)] = []
    for copy in copies where range.upperBound <= copy.count {
      if let known = found.firstIndex(where: { $0.bytes == copy[range] }) {
        found[known].votes += 1
      } else {
        found.append((copy[range], 1))
      }
    }
    return found.sorted { $0.votes > $1.votes }
  }

  mutating func pack(_ id: PackID, limit: Int, digester: inout Digester) -> [UInt8]? {
    var chosen = [Int](repeating: 0, count: contested.count)
    for _ in 0..<limit {
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
    bytes.replaceSubrange(
      contested[place].range, with: contested[place].variants[variant].bytes)
  }
}
