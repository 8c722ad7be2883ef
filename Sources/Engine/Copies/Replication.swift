internal import Encryption
internal import Stores
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

  /// What was sent.
  package struct Report: Sendable {
    package var pointCount: Int
    /// Bytes of the packs that were written.
    package var sentBytes: UInt64
  }

  /// How far the secondary tier is.
  package struct Status: Sendable {
    /// Every point of the vault tier up to then is in the secondary tier; nil where none ever was.
    package var lastSync: Timestamp?
    package var replicatedCount: Int
    /// Points that the vault tier has and the secondary tier has not, oldest first.
    package var behind: [Behind]
    package var isPrimaryReachable: Bool
  }

  /// A point that is not replicated yet.
  package struct Behind: Sendable {
    /// The point's id; where the vault's key is not at hand, its place in the stores.
    package var name: String
    package var time: Timestamp
    /// About what has to be sent for it; nil where that takes the key to tell.
    package var storedBytes: UInt64?
  }

  /// Copies what the secondary tier lacks and notes that it is in sync. Does so without the vault's
  /// key as well.
  ///
  /// - Throws: ``VaultError/tierMissing(_:)``, ``TierError``, ``ReadError``, ``StoreError``,
  ///   ``Cancelled``.
  package func run(progress: Progress, cancellation: Cancellation) throws -> Report {
    let primary = try vault.require(.vault)
    let secondary = try vault.require(.secondary)
    try primary.requireReadable()
    // What is committed after this moment is for the next time.
    let started = Timestamp.now
    let report: Report
    if vault.protection.isLocked {
      let sent = try SealedCopy(vault: vault, from: primary, to: secondary)
        .run(notices: notices, progress: progress, cancellation: cancellation)
      report = Report(pointCount: sent.points.count, sentBytes: sent.sentBytes)
    } else {
      let sent = try copyPoints(from: primary, to: secondary, progress, cancellation)
      report = Report(pointCount: sent.points.count, sentBytes: sent.sentBytes)
    }
    let held = try vault.pointFiles(notices: notices).filter { $0.tiers.contains(.secondary) }
    // Points taken within one second are given later ones.
    let time = max(started, held.last?.time ?? started)
    try vault.saveLastSync(LastSync(time: time, points: held.count))
    return report
  }

  private func copyPoints(
    from primary: Tier, to secondary: Tier, _ progress: Progress, _ cancellation: Cancellation
  ) throws -> PointCopy.Report {
    let source = try OpenTier(
      primary, notices: notices, otherTiers: vault.tiers(besides: primary))
    let target = try vault.openForWriting(
      secondary, notices: notices, progress: progress, cancellation: cancellation)
    let missing = try vault.points(notices: notices).filter { isBehind($0.tiers) }
    return try PointCopy(vault: vault, from: source, to: target)
      .run(missing.map(\.point), progress: progress, cancellation: cancellation)
  }

  package func status() throws -> Status {
    try vault.require(.secondary).requireReadable()
    let (behind, replicatedCount) =
      vault.protection.isLocked ? try lockedState() : try state()
    var lastSync = vault.lastSync(notices: notices)?.time
    // A backup may have been under way when the last replication looked.
    if let earliest = behind.first?.time, let sync = lastSync, earliest <= sync {
      lastSync = Timestamp(secondsSince1970: earliest.secondsSince1970 - 1)
    }
    return Status(
      lastSync: lastSync, replicatedCount: replicatedCount, behind: behind,
      isPrimaryReachable: vault.tier(.vault)?.stores.isEmpty == false)
  }

  private func state() throws -> (behind: [Behind], replicatedCount: Int) {
    let all = try vault.points(notices: notices)
    let behind = all.filter { isBehind($0.tiers) }.map(\.point)
    return (
      behind.map { point in
        Behind(
          name: point.id, time: point.time,
          storedBytes: point.trees.reduce(0) { $0 + $1.storedBytes })
      }, all.count { $0.tiers.contains(.secondary) }
    )
  }

  /// The same as far as the names of the files tell.
  private func lockedState() throws -> (behind: [Behind], replicatedCount: Int) {
    let all = try vault.pointFiles(notices: notices)
    let behind = all.filter { isBehind($0.tiers) }.compactMap { file in
      file.time.map { Behind(name: file.path.description, time: $0, storedBytes: nil) }
    }
    return (behind, all.count { $0.tiers.contains(.secondary) })
  }

  private func isBehind(_ tiers: [Tier.Name]) -> Bool {
    tiers.contains(.vault) && !tiers.contains(.secondary)
  }
}
