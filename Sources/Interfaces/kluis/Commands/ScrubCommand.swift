import ArgumentParser
import Maintenance
import Vaults

struct ScrubCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scrub",
    abstract: "Read every byte of every copy; heal what is wrong.",
    discussion: """
      Needs no key; with one, points that somebody forged are found as well, and what points need, \
      those in the trash with them, and a tier has lost without a trace. With --repair, what is \
      missing or damaged is written anew from any copy in any tier. May be stopped; the next scrub \
      goes on where it was. If no copy is good, the recovery points that are lost are named.

      EXAMPLES:
        kluis scrub
        kluis scrub --repair
        kluis scrub --limit-rate 50M
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Flag(help: "Write anew what is missing or damaged.")
  var repair = false

  @Flag(help: "Begin from the start, not where an earlier scrub was stopped.")
  var restart = false

  @Option(help: ArgumentHelp("Read no more than this each second.", valueName: "size"))
  var limitRate: Size?

  func validate() throws {
    if limitRate?.byteCount == 0 { throw ValidationError("--limit-rate is more than nothing") }
  }

  func run() throws {
    try Session.run(
      [kluis.shared, shared],
      harmless: "Nothing was harmed: the next `kluis scrub` goes on where this one was."
    ) { session in
      let vault = try session.openVault(.ifGiven)
      var scrub = Scrub(vault, notices: session.notices)
      scrub.repairs = repair
      scrub.settling = .seconds(1)
      scrub.restarts = restart
      scrub.bytesPerSecond = limitRate?.byteCount
      let start = ContinuousClock.now
      let report = try session.withProgress("scrub") { progress in
        try scrub.run(progress: progress, cancellation: session.cancellation)
      }
      let seconds = start.duration(to: .now) / .seconds(1)
      if session.options.json { try printJSON(report) } else { explain(report, seconds, session) }
      try conclude(report)
    }
  }

  private func conclude(_ report: Scrub.Report) throws {
    let isLost = report.openProblems.contains { $0.isRepairable == false }
    if isLost || !report.lostPoints.isEmpty { throw ExitCode(Status.failed) }
    if !report.lacks.isEmpty || report.stores.contains(where: { !$0.problems.isEmpty }) {
      throw ExitCode(Status.degraded)
    }
  }

  private func explain(_ report: Scrub.Report, _ seconds: Double, _ session: Session) {
    var table = Table([
      "tier", "store", ">objects", ">size", ">missing", ">damaged", ">repaired", ">foreign",
    ])
    for store in report.stores {
      table.add([
        store.tier, store.store, "\(store.objects)", Text.size(store.bytes),
        "\(store.count(.missing))", "\(store.count(.damaged))", "\(store.repairedCount)",
        "\(store.foreign.count)",
      ])
    }
    session.say(table.text)
    for store in report.stores { explain(store, session) }
    for lack in report.lacks {
      printError(
        "lacking: \(Text.count(lack.records, "record")) that points in the \(lack.tier) tier need; "
          + (lack.isRepaired ? "brought from another tier" : "another tier has what it lacks"))
    }
    for lost in report.lostPoints { explain(lost) }
    session.say(
      "\(Text.size(report.readBytes)) read in \(Text.duration(seconds)): \(verdict(report))")
  }

  private func explain(_ lost: Scrub.LostPoint) {
    let disk = lost.disk.isEmpty ? "" : " disk \(lost.disk), byte \(lost.offset)"
    guard lost.isDeleted == true else {
      return printError("lost: \(lost.point)\(disk): \(lost.reason)")
    }
    printError(
      "lost: \(lost.point), in the trash,\(disk): \(lost.reason); "
        + "`kluis delete \(lost.point) --purge` gives it up")
  }

  private func explain(_ store: Scrub.StoreReport, _ session: Session) {
    for problem in store.problems.prefix(Self.shownProblems) {
      let outcome =
        problem.repairedFrom.map { "repaired from \($0)" }
        ?? (problem.isRepairable == false ? "LOST" : "can be repaired: use --repair")
      printError(
        "\(problem.kind.rawValue): \(store.store)/\(problem.object): \(problem.reason); \(outcome)")
    }
    let rest = store.problems.count - Self.shownProblems
    if rest > 0 { printError("… and \(rest) more in \(store.store) (see --json)") }
    for path in store.foreign.prefix(Self.shownProblems) {
      printError("foreign: \(store.store)/\(path) was not written by Kluis, and is left alone")
    }
  }

  private static let shownProblems = 20

  private func verdict(_ report: Scrub.Report) -> String {
    let problems = report.stores.reduce(0) { $0 + $1.problems.count }
    let repaired = report.stores.reduce(0) { $0 + $1.repairedCount }
    if problems == 0 { return verdictOfSoundStores(report) }
    if repaired == problems { return "\(Text.count(problems, "object")) repaired" }
    if repair { return "\(problems - repaired) of \(problems) objects could NOT be repaired" }
    let lost = report.openProblems.count { $0.isRepairable == false }
    if lost > 0 { return "\(Text.count(lost, "object")) LOST, of \(problems) missing or damaged" }
    return "\(Text.count(problems, "object")) missing or damaged; `kluis scrub --repair` heals them"
  }

  /// Of stores that are as they were written.
  private func verdictOfSoundStores(_ report: Scrub.Report) -> String {
    if !report.lostPoints.isEmpty { return "stores are sound, and points are LOST" }
    if report.lacks.isEmpty { return "all good" }
    if report.lacks.allSatisfy(\.isRepaired) { return "what tiers lacked was brought to them" }
    return repair
      ? "what tiers lack could NOT be brought to them"
      : "tiers lack something; `kluis scrub --repair` brings it from others"
  }
}
