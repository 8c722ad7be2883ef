package import Tiers
package import Vaults
package import Workers

/// Keeps the secondary tier up to date with the vault tier.
package struct Replication {
  package let vault: Vault
  package let notices: Notices

  package init(vault: Vault, notices: Notices) {
    self.vault = vault
    self.notices = notices
  }

  /// How far the secondary tier is.
  package struct Status: Sendable {
    /// Every point of the vault tier up to then is in the secondary tier; nil where none ever was.
    package var lastSync: Timestamp?
    package var replicatedCount: Int
    /// Points that the vault tier has and the secondary tier has not.
    package var behind: [RecoveryPoint]
    package var isPrimaryReachable: Bool
  }

  /// Copies what the secondary tier lacks and notes that it is in sync.
  ///
  /// - Throws: ``VaultError/tierMissing(_:)``, ``TierError``, ``ReadError``, ``StoreError``,
  ///   ``Cancelled``.
  package func run(progress: Progress, cancellation: Cancellation) throws -> PointCopy.Report {
    let primary = try vault.require(.vault)
    let secondary = try vault.require(.secondary)
    let source = try OpenTier(
      primary, notices: notices, otherTiers: vault.tiers(besides: primary))
    let target = try vault.openForWriting(
      secondary, notices: notices, progress: progress, cancellation: cancellation)
    // What is committed after this moment is for the next time.
    let started = Timestamp.now
    let missing = try vault.points(notices: notices).filter(isBehind).map(\.point)
    let report = try PointCopy(vault: vault, from: source, to: target)
      .run(missing, progress: progress, cancellation: cancellation)
    let held = try vault.points(notices: notices).filter { $0.tiers.contains(.secondary) }
    // Points taken within one second are given later ones.
    let time = max(started, held.last?.point.time ?? started)
    try vault.saveLastSync(LastSync(time: time, points: held.count))
    return report
  }

  package func status() throws -> Status {
    try vault.require(.secondary).requireReadable()
    let all = try vault.points(notices: notices)
    let replicated = all.count { $0.tiers.contains(.secondary) }
    let behind = all.filter(isBehind).map(\.point)
    var lastSync = vault.lastSync(notices: notices)?.time
    // A backup may have been under way when the last replication looked.
    if let earliest = behind.first?.time, let sync = lastSync, earliest <= sync {
      lastSync = Timestamp(secondsSince1970: earliest.secondsSince1970 - 1)
    }
    return Status(
      lastSync: lastSync, replicatedCount: replicated, behind: behind,
      isPrimaryReachable: vault.tier(.vault)?.stores.isEmpty == false)
  }

  private func isBehind(_ listed: ListedPoint) -> Bool {
    listed.tiers.contains(.vault) && !listed.tiers.contains(.secondary)
  }
}
