package import Hashing

/// A chunk or map that no copy gives.
package enum ReadError: Error, Sendable, CustomStringConvertible {
  /// The index knows nothing of it, or only packs that are gone.
  case unknown(ContentID, tier: Tier.Name, missingPacks: [PackID])
  /// Every place where it should be, and what is wrong there.
  case lost(ContentID, tier: Tier.Name, reasons: [String])

  package var id: ContentID {
    switch self {
    case .unknown(let id, _, _), .lost(let id, _, _): id
    }
  }

  package var description: String {
    switch self {
    case .unknown(let id, let tier, let packs):
      let gone = packs.isEmpty ? "" : "; gone are the packs \(joined(packs.map(\.description)))"
      return "\(id) is not in the index of the \(tier.rawValue) tier\(gone)"
    case .lost(let id, let tier, let reasons):
      return "no good copy of \(id) in the \(tier.rawValue) tier: \(joined(reasons))"
    }
  }

  private func joined(_ parts: [String]) -> String {
    let shown = parts.prefix(4).joined(separator: "; ")
    return parts.count > 4 ? "\(shown); and \(parts.count - 4) more" : shown
  }
}
