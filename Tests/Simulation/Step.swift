import TestSupport

/// One thing that happens in a history. What exactly follows from its seed and from the world as it
/// is then, so a history may lose steps and still be one.
struct Step: Sendable, CustomStringConvertible {
  enum Kind: String, CaseIterable, Sendable {
    // Operations.
    case backUp, backUpOnlySnapshot, transfer, replicate, verify, scrub, repair, resumeRepair
    case rebuildIndex, restore, delete, undelete, purge, reclaim
    // Faults.
    case lose, bringBack, empty, remember, rollBack, damage, limit, relieve
    // Looking whether all is as promised.
    case check
  }

  let kind: Kind
  let seed: UInt64

  /// How often a kind comes among all.
  private static func weight(of kind: Kind) -> Int {
    switch kind {
    case .backUp: 24
    case .backUpOnlySnapshot: 5
    case .transfer, .replicate, .repair: 7
    case .verify, .scrub, .rebuildIndex, .remember, .limit: 3
    case .resumeRepair, .undelete, .purge: 2
    case .delete: 9
    case .reclaim: 8
    case .restore, .empty, .check: 4
    case .rollBack: 4
    case .lose: 8
    case .bringBack: 7
    case .damage: 14
    case .relieve: 4
    }
  }

  /// How often a kind comes where most of it is about deleting and freeing.
  private static func weightInRetention(of kind: Kind) -> Int {
    switch kind {
    case .backUp: 32
    case .delete: 24
    case .reclaim: 24
    case .undelete, .transfer, .replicate: 6
    case .bringBack: 5
    case .lose, .check: 4
    case .repair, .rebuildIndex, .empty, .damage, .purge: 2
    case .backUpOnlySnapshot, .remember, .rollBack, .verify, .scrub, .restore: 1
    case .resumeRepair, .limit, .relieve: 0
    }
  }

  private static let choices = Kind.allCases.flatMap { kind in
    [Kind](repeating: kind, count: weight(of: kind))
  }

  private static let choicesInRetention = Kind.allCases.flatMap { kind in
    [Kind](repeating: kind, count: weightInRetention(of: kind))
  }

  init(isAboutRetention: Bool, random: inout SeededRandom) {
    let choices = isAboutRetention ? Self.choicesInRetention : Self.choices
    kind = choices[random.below(choices.count)]
    seed = random.next()
  }

  init(_ kind: Kind, seed: UInt64) {
    self.kind = kind
    self.seed = seed
  }

  var description: String { kind.rawValue }
}
