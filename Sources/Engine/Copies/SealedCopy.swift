internal import Encryption
internal import Hashing
package import Stores
package import Tiers
package import Vaults
package import Workers

/// Brings all that one tier holds to another without the vault's key: transfer and replication of
/// what nobody here can read.
///
/// What a point needs is not known, so everything that the source's index lists and the target
/// lacks is sent, as it is sealed; then the points, as they are. Each pack and each part of the
/// source's index is checked by its name. Stopped at any moment it leaves both tiers sound, and the
/// next run goes on.
package struct SealedCopy {
  package let vault: Vault
  package let source: Tier
  package let target: Tier
  package var workerCount = availableCores()

  package init(vault: Vault, from source: Tier, to target: Tier) {
    self.vault = vault
    self.source = source
    self.target = target
  }

  /// What was sent.
  package struct Report: Sendable {
    /// Points that the target has since.
    package var points: [ObjectPath] = []
    /// Bytes of the packs that were written.
    package var sentBytes: UInt64 = 0
  }

  /// - Throws: ``SealedCopyError``, ``PackError``, ``StoreError``, ``Cancelled``.
  package func run(
    notices: Notices, progress: Progress, cancellation: Cancellation
  ) throws -> Report {
    // Listed before the index is read, so that all that these points need is in it.
    let removals = try vault.removals(notices: notices)
    let points = try vault.pointFiles(notices: notices).filter {
      $0.tiers.contains(source.name) && !$0.tiers.contains(target.name)
        // Whether it was brought back since takes the key to tell.
        && !removals.tell(of: $0.path)
    }
    let open = try vault.openForWriting(
      target, notices: notices, progress: progress, cancellation: cancellation)
    var report = Report()
    if points.isEmpty { return report }
    let origin = try OpenTier(source, notices: notices)
    // A bit that flipped in an entry would hide what a point needs, and nothing here would miss it.
    _ = try origin.recheckIndex()
    let missing = origin.index.missingPacks
    guard missing.isEmpty else { throw SealedCopyError(tier: source.name, missing: missing) }
    let needed = NeededRecords(of: origin, lackedBy: open)
    needed.markEverything()
    report.sentBytes = try PackShipment(
      source: origin, target: open, compression: vault.compression, workerCount: workerCount
    ).send(needed, progress, cancellation.child())
    let latest = try vault.latestForCommit(target, notices: notices)
    try copyMachines(to: latest.tier, notices)
    for point in points {
      let isCopied = try vault.copyDocument(point.path, from: source, to: latest.tier)
      if isCopied { report.points.append(point.path) }
    }
    return report
  }

  /// Only those that the target lacks: which of two is the newer one takes the key to tell.
  private func copyMachines(to target: Tier, _ notices: Notices) throws {
    let known = try vault.machinePaths(in: target, notices: notices)
    for path in try vault.machinePaths(in: source, notices: notices).subtracting(known) {
      try vault.copyDocument(path, from: source, to: target)
    }
  }
}

/// A tier has lost something, and which points that concerns is not known without the key.
package struct SealedCopyError: Error, CustomStringConvertible {
  let tier: Tier.Name
  let missing: [PackID]

  package var description: String {
    "the \(tier.rawValue) tier has lost \(missing.count) packs (pack \(missing[0])), and which "
      + "points still have all they need is not known without the vault's key: heal it with "
      + "`kluis scrub --repair`, or give the key"
  }
}
