import Copies
import Encryption
import Stores
import TestSupport
import Tiers
import Vaults
import Workers

/// Operations on an encrypted vault whose key is not at hand.
///
/// They move and check what they cannot read. What only the key tells they leave as it is, and some
/// of it keeps them from going on.
extension World {
  /// Whether an operation is at times run without the key.
  func mayLackKey(_ kind: Step.Kind) -> Bool {
    guard shape.isEncrypted else { return false }
    switch kind {
    case .transfer, .replicate, .scrub, .repair, .resumeRepair, .rebuildIndex: return true
    default: return false
    }
  }

  func transferSealed(_ vault: Vault, _ run: inout Run) throws {
    run.sealedSource = .snapshot
    var copy = SealedCopy(
      vault: vault, from: try vault.require(.snapshot), to: try vault.require(.vault))
    copy.workerCount = 1
    let report = try copy.run(
      notices: run.notices, progress: Progress(), cancellation: run.cancellation)
    run.what += " \(report.points.count) points"
    acknowledge(promisedIn: .snapshot, as: .vault, &run)
  }

  /// Whether an operation failed only since the key was not at hand: a pack is damaged in every
  /// copy, and which of its records are good is not known; or a part of a tier is gone, and what
  /// needs it is not known.
  func isForWantOfKey(_ failure: any Error) throws -> Bool {
    if failure is SealedCopyError { return stores.contains { $0.isSuspect || $0.isForgetful } }
    guard failure is LockedError else { return false }
    return try !Holdings(of: self, isEverywhere: false).lostPacks.isEmpty
  }
}
