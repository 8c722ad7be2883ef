import ArgumentParser
import Copies
import Tiers
import Vaults

struct Transfer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy recovery points from the snapshot tier to the vault tier.",
    discussion: """
      This is the second phase of a backup. It sends only what the vault tier lacks, may be stopped
      at any moment, and goes on where it was. Without a name it transfers all that is missing.

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
      let vault = try session.openVault()
      let report = try PhaseTwo(vault: vault, session: session).transfer(chosen(vault, session))
      if session.options.json {
        return try printJSON(
          TransferReport(points: report.points.map(\.id), sentBytes: report.sentBytes))
      }
      session.say(PhaseTwo.summary(of: report))
    }
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

  static func summary(of report: PointCopy.Report) -> String {
    report.points.isEmpty
      ? "nothing to transfer: the vault tier has all these points"
      : "transferred \(Text.count(report.points.count, "point")) to the vault tier, "
        + "\(Text.size(report.sentBytes)) sent"
  }
}

/// What was transferred, as `--json` shows it.
private struct TransferReport: Encodable {
  let points: [String]
  let sentBytes: UInt64
}
