import TestSupport
import Tiers
import Vaults

/// What the vault of one history is like.
struct Shape: Sendable, CustomStringConvertible {
  let redundancy: Redundancy
  let hasSnapshots: Bool
  let secondaryCount: Int
  /// As the vault's descriptor spells it.
  let compression: String
  let machineCount: Int
  let isEncrypted: Bool
  let isOnDisk: Bool

  init(isOnDisk: Bool, random: inout SeededRandom) {
    let choices: [Redundancy] = [.single, .lrs, .lrs, .lrs, .zrs, .zrs, .zrs, .grs, .grs, .grs]
    redundancy = choices[random.below(choices.count)]
    hasSnapshots = random.below(10) < 7
    secondaryCount = redundancy == .grs ? [1, 3, 3, 2][random.below(4)] : 0
    compression = random.below(4) == 0 ? "zstd:1" : "none"
    machineCount = 1 + random.below(2)
    isEncrypted = random.below(2) == 0
    self.isOnDisk = isOnDisk
  }

  /// How many stores a tier has.
  func storeCount(of tier: Tier.Name) -> Int {
    switch tier {
    case .snapshot: hasSnapshots ? 1 : 0
    case .vault: redundancy.copyCount
    case .secondary: secondaryCount
    }
  }

  /// On how many stores a point has to be when it is acknowledged.
  func neededCount(in tier: Tier.Name) -> Int {
    let count = storeCount(of: tier)
    switch redundancy.rule(for: tier, of: count) {
    case .all: return count
    case .atLeast(let needed): return needed
    }
  }

  var description: String {
    "\(redundancy.rawValue)\(hasSnapshots ? ", snapshots" : "")"
      + (secondaryCount > 0 ? ", \(secondaryCount) secondary" : "")
      + ", compression \(compression), \(machineCount) machines"
      + (isEncrypted ? ", encrypted" : "") + (isOnDisk ? ", on disk" : "")
  }
}
