import ArgumentParser
import Maintenance
import Vaults

struct ReclaimCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reclaim",
    abstract: "Free what no recovery point needs.",
    discussion: """
      Marks what all points need, those in the trash that can come back with them. Packs of which \
      nothing is needed, and what is left of packs after little was moved out of them, are deleted \
      when a grace of 24 hours is over and everyone has ended who wrote when they were set aside: \
      run it again then, or from cron. Backups, restores and scrubs may go on meanwhile. Stopped \
      at any moment it has lost nothing. Where it cannot be told what a point needs, listed or in \
      the trash, nothing is freed in that tier before `kluis scrub --repair` has healed it, or \
      `kluis delete POINT --purge` has given it up. An encrypted vault's key is needed.

      EXAMPLES:
        kluis reclaim --dry-run
        kluis reclaim
        kluis reclaim --max-repack 20G --threshold 30
        kluis reclaim --grace 0
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Flag(help: "Only say what there is to free.")
  var dryRun = false

  @Option(help: ArgumentHelp("Move no more than this out of packs.", valueName: "size"))
  var maxRepack: Size?

  @Option(
    help: ArgumentHelp(
      "Rewrite packs of which less than this part is needed; 0 for none.", valueName: "percent"))
  var threshold: UInt64 = 50

  @Option(
    help: ArgumentHelp(
      "How many hours packs are set aside before they are deleted; 0 only where nothing else runs.",
      valueName: "hours"))
  var grace: Double = 24

  func validate() throws {
    guard threshold <= 100 else { throw ValidationError("--threshold is from 0 to 100") }
    guard grace >= 0, grace <= 1e6 else {
      throw ValidationError("--grace is a number of hours, not less than 0")
    }
  }

  func run() throws {
    try Session.run(
      [kluis.shared, shared],
      harmless: "Nothing was harmed: the next `kluis reclaim` goes on from what was done."
    ) { session in
      let vault = try session.openVault()
      var reclaim = Reclaim(of: vault, notices: session.notices)
      reclaim.isDryRun = dryRun
      reclaim.thresholdPercent = threshold
      reclaim.repackLimit = maxRepack?.byteCount
      reclaim.graceSeconds = Int64(grace * 3600)
      let report = try session.withProgress("reclaim") { progress in
        try reclaim.run(progress: progress, cancellation: session.cancellation)
      }
      if session.options.json { try printJSON(report) } else { explain(report, session) }
      let failures = report.tiers.compactMap(\.failure)
      for failure in failures { printError("kluis: \(failure)") }
      if !failures.isEmpty { throw ExitCode(Status.failed) }
    }
  }

  private func explain(_ report: Reclaim.Report, _ session: Session) {
    var table = Table([
      "tier", ">points", ">needed", dryRun ? ">to free" : ">freed",
      dryRun ? ">to repack" : ">repacked", ">waiting", "until",
    ])
    for tier in report.tiers {
      table.add([
        tier.tier, "\(tier.points)", Text.size(tier.neededBytes), Text.size(tier.freedBytes),
        Text.size(tier.repackedBytes), Text.size(tier.waitingBytes),
        tier.waitingPacks > 0 ? tier.waitingUntil?.description ?? "" : "",
      ])
    }
    session.say(table.text)
    for tier in report.tiers {
      for writer in tier.waitingFor { session.say("the \(tier.tier) tier waits for: \(writer)") }
      if tier.revivedPacks > 0 {
        session.say(
          "\(Text.count(tier.revivedPacks, "pack")) of the \(tier.tier) tier "
            + "\(tier.revivedPacks == 1 ? "is" : "are") needed after all")
      }
    }
  }
}
