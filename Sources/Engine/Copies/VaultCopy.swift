internal import Backups
package import Encryption
internal import Restores
package import Tiers
package import Vaults
package import Workers

/// Copies a recovery point into another vault: read and checked here, cut, named and sealed there
/// as a backup of the same disks would be, so that both share what they have in common.
package struct VaultCopy {
  private let point: RecoveryPoint
  private let source: OpenTier
  private let vault: Vault
  private let target: Vault
  /// Seals secrets in the one of both vaults that is not encrypted.
  package var secretsKey: Secret?

  /// - Parameters:
  ///   - source: an open tier of `vault` that has the point.
  ///   - target: the vault that gets it.
  package init(
    _ point: RecoveryPoint, from source: OpenTier, of vault: Vault, to target: Vault
  ) {
    self.point = point
    self.source = source
    self.vault = vault
    self.target = target
  }

  /// Commits the point under its own id to the tier that backups go to first.
  ///
  /// - Returns: the point as the target has it; nil where it had it before.
  /// - Throws: ``RestoreError``, ``StoreError``, ``Cancelled``, ``LockedError``; ``VaultError``
  ///   where the point has secrets and one of both vaults is not encrypted and has no key for them.
  package func run(
    notices: Notices, progress: Progress, cancellation: Cancellation
  ) throws -> RecoveryPoint? {
    let known = try target.points(of: point.machine, notices: notices)
    if known.contains(where: { $0.point.id == point.id }) { return nil }
    var copy = point
    copy.secrets = try sealedAnew()
    let stored = try DiskIntake(
      vault: target, notices: notices, progress: progress, cancellation: cancellation
    ).store(
      point.trees.map { disk in
        DiskIntake.Source(
          name: disk.name, device: try PointDisk(disk, from: source), origin: disk.source,
          format: disk.format)
      })
    copy.replaceTrees(by: stored)
    let latest = try target.latestForCommit(target.firstTier, notices: notices)
    if try latest.vault.machine(point.machine, notices: notices) == nil,
      let machine = try vault.machine(point.machine, notices: notices)
    {
      try latest.vault.save(machine, to: latest.tier)
    }
    try latest.vault.commit(copy, to: latest.tier)
    return copy
  }

  private func sealedAnew() throws -> [SealedSecret]? {
    guard let secrets = point.secrets, !secrets.isEmpty else { return nil }
    let (own, other) = (try vault.secretKeys(secretsKey), try target.secretKeys(secretsKey))
    return try secrets.map { try $0.sealedAnew(of: point.machine, from: own, to: other) }
  }
}
