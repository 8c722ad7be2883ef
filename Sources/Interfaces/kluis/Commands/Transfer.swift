import ArgumentParser
import Copies
import Encryption
import Stores
import Tiers
import Vaults

struct Transfer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy recovery points from the snapshot tier to the vault tier.",
    discussion: """
      This is the second phase of a backup. It sends only what the vault tier lacks, may be \
      stopped at any moment, and goes on where it was. Without a name it transfers all that is \
      missing, and needs no key.

      EXAMPLES:
        kluis transfer
        kluis transfer web01
        kluis transfer web01@2026-11-22
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "A machine (all its points) or one recovery point; everything without it.")
  var what: String?

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: PhaseTwo.harmless) { session in
      let vault = try session.openVault(what == nil ? .ifGiven : .required)
      let phase = PhaseTwo(vault: vault, session: session)
      if vault.protection.isLocked { return try show(try phase.transferSealed(), session) }
      let report = try phase.transfer(chosen(vault, session))
      if session.options.json {
        return try printJSON(
          TransferReport(points: report.points.map(\.id), sentBytes: report.sentBytes))
      }
      session.say(PhaseTwo.summary(of: report.points.count, report.sentBytes))
    }
  }

  private func show(_ report: SealedCopy.Report, _ session: Session) throws {
    if session.options.json {
      return try printJSON(
        TransferReport(points: report.points.map(\.description), sentBytes: report.sentBytes))
    }
    session.say(PhaseTwo.summary(of: report.points.count, report.sentBytes))
  }

  private func chosen(_ vault: Vault, _ session: Session) throws -> [ListedPoint] {
    guard let what else { return try vault.points(notices: session.notices) }
    if what.contains("@") { return [try vault.point(what, notices: session.notices)] }
    let points = try vault.points(of: what, notices: session.notices)
    if points.isEmpty { throw VaultError.unknownMachine(what) }
    return points
  }
}

/// The transfer that `backup` ends with and that `transfer` does or resumes.
struct PhaseTwo {
  let vault: Vault
  let session: Session

  static let harmless =
    "Nothing was harmed: points in the snapshot tier are as they were, and `kluis transfer` goes "
    + "on from what was sent."

  /// Copies those of `points` that are in the snapshot tier and not in the vault tier.
  func transfer(_ points: [ListedPoint]) throws -> PointCopy.Report {
    guard let snapshot = vault.tier(.snapshot), let target = vault.tier(.vault) else {
      throw VaultError.tierMissing(Tier.Name.snapshot.rawValue)
    }
    let missing = points.filter { $0.tiers.contains(.snapshot) && !$0.tiers.contains(.vault) }
    return try session.withProgress("transfer") { progress in
      let open = try vault.openForWriting(
        target, notices: session.notices, progress: progress,
        cancellation: session.cancellation)
      // Only now: a transfer that was cut off may have left a point on one store of three.
      if missing.isEmpty { return PointCopy.Report() }
      return try PointCopy(
        vault: vault,
        from: try OpenTier(
          snapshot, notices: session.notices, otherTiers: vault.tiers(besides: snapshot)),
        to: open
      ).run(missing.map(\.point), progress: progress, cancellation: session.cancellation)
    }
  }

  /// Copies all that the vault tier lacks, as it is sealed: for a vault whose key is not given.
  func transferSealed() throws -> SealedCopy.Report {
    guard let snapshot = vault.tier(.snapshot), let target = vault.tier(.vault) else {
      throw VaultError.tierMissing(Tier.Name.snapshot.rawValue)
    }
    return try session.withProgress("transfer") { progress in
      try SealedCopy(vault: vault, from: snapshot, to: target)
        .run(notices: session.notices, progress: progress, cancellation: session.cancellation)
    }
  }

  static func summary(of pointCount: Int, _ sentBytes: UInt64) -> String {
    pointCount == 0
      ? "nothing to transfer: the vault tier has all these points"
      : "transferred \(Text.count(pointCount, "point")) to the vault tier, "
        + "\(Text.size(sentBytes)) sent"
  }
}

/// What was transferred, as `--json` shows it.
private struct TransferReport: Encodable {
  let points: [String]
  let sentBytes: UInt64
}
