import ArgumentParser
import Maintenance
import Tiers
import Vaults

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prove that recovery points can be restored.",
    discussion: """
      Reads every map and chunk that a point needs, expands it and checks its digest. Without a \
      POINT all points are verified; what they share is read once.

      EXAMPLES:
        kluis verify
        kluis verify web01@latest --tier vault
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The recovery point; all without one.")
  var point: String?

  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Nothing was changed.") { session in
      let vault = try session.openVault()
      var reports: [TierReport] = []
      for (tier, points) in try pointsByTier(vault, session.notices) {
        let open = try OpenTier(tier, notices: session.notices)
        let report = try session.withProgress("verify \(tier.name.rawValue) tier") { progress in
          try Verification(points: points).run(
            in: open, progress: progress, cancellation: session.cancellation)
        }
        reports.append(TierReport(tier: tier.name.rawValue, points: points.count, report))
      }
      if session.options.json { try printJSON(reports) } else { explain(reports, session) }
      if reports.contains(where: { !$0.damaged.isEmpty }) { throw ExitCode(Status.failed) }
    }
  }

  private func pointsByTier(
    _ vault: Vault, _ notices: Notices
  ) throws -> [(Tier, [RecoveryPoint])] {
    try tier.check(in: vault)
    let listed =
      try point.map { [try vault.point($0, in: tier.name, notices: notices)] }
      ?? vault.points(notices: notices)
    return vault.tiers.compactMap { tier in
      let points = listed.filter { entry in
        (self.tier.name ?? entry.tiers[0]) == tier.name && entry.tiers.contains(tier.name)
      }
      return points.isEmpty ? nil : (tier, points.map(\.point))
    }
  }

  private func explain(_ reports: [TierReport], _ session: Session) {
    if reports.isEmpty { session.say("no recovery points to verify") }
    for report in reports {
      for disk in report.damaged {
        printError(
          "\(disk.point) disk \(disk.disk): damaged from byte \(disk.offset) on: \(disk.reason)")
      }
      let read = "\(report.maps) maps and \(report.chunks) chunks, \(Text.size(report.bytes))"
      let verdict = report.damaged.isEmpty ? "all good" : "DAMAGED"
      session.say(
        "\(report.tier) tier: \(Text.count(report.points, "point")), \(read): \(verdict)")
    }
  }
}

/// What was verified in a tier, as `--json` shows it.
private struct TierReport: Encodable {
  let tier: String
  let points: Int
  let maps: Int
  let chunks: Int
  let bytes: UInt64
  let damaged: [Verification.DamagedDisk]

  init(tier: String, points: Int, _ report: Verification.Report) {
    self.tier = tier
    self.points = points
    maps = report.mapCount
    chunks = report.chunkCount
    bytes = report.byteCount
    damaged = report.damaged
  }
}
