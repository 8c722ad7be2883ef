import ArgumentParser
import Maintenance
import Vaults

struct PolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policy",
    abstract: "Say which of a machine's points are kept.",
    discussion: """
      Each rule keeps points of its own; `kluis expire` takes those out of the list that no rule \
      keeps. Of each day, week, month or year (in UTC, weeks from Monday) the newest point is \
      kept, and only those count that have one. The newest point of a machine stays in any case. \
      Rules that are given take the place of those before. Without rules the policy is shown.

      EXAMPLES:
        kluis policy web01 --keep-last 3 --keep-daily 7 --keep-monthly 12
        kluis policy web01 --preview
        kluis policy web01
        kluis policy --default --keep-daily 30 --keep-tag keep=yes
        kluis policy db01 --keep-all
        kluis policy db01 --off
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The machine; all of them without a name.")
  var machine: String?

  @Flag(help: "The policy of machines that have none of their own.")
  var `default` = false

  @Option(help: ArgumentHelp("Keep the newest points.", valueName: "n"))
  var keepLast: Int?

  @Option(help: ArgumentHelp("Keep the newest point of each of n days.", valueName: "n"))
  var keepDaily: Int?

  @Option(help: ArgumentHelp("… of n weeks.", valueName: "n"))
  var keepWeekly: Int?

  @Option(help: ArgumentHelp("… of n months.", valueName: "n"))
  var keepMonthly: Int?

  @Option(help: ArgumentHelp("… of n years.", valueName: "n"))
  var keepYearly: Int?

  @Option(
    name: .customLong("keep-tag"),
    help: ArgumentHelp("Keep points that have this tag.", valueName: "key=value"))
  var keepTags: [Pair] = []

  @Flag(help: "Keep every point, whatever the default says.")
  var keepAll = false

  @Option(
    help: ArgumentHelp(
      "For how many days a deleted point can be brought back (14; 0 for not at all).",
      valueName: "n"))
  var trashDays: Int?

  @Flag(help: "Take the policy away.")
  var off = false

  @Flag(help: "Say which points would go, and why each of the others stays; change nothing.")
  var preview = false

  func validate() throws {
    for case let count? in [keepLast, keepDaily, keepWeekly, keepMonthly, keepYearly] {
      guard count >= 1, count <= 1_000_000 else {
        throw ValidationError("a rule keeps at least 1 and at most 1000000 points")
      }
    }
    if let trashDays, !(0...36_500).contains(trashDays) {
      throw ValidationError("--trash-days is from 0 to 36500")
    }
    if off, named.hasRules || trashDays != nil {
      throw ValidationError("--off takes the policy away: give no rules with it")
    }
    if keepAll, !named.counts.isEmpty || !keepTags.isEmpty {
      throw ValidationError("--keep-all keeps every point: give no other rules with it")
    }
    if `default`, machine != nil { throw ValidationError("name a machine or give --default") }
    if machine == nil, !`default`, isChange, !preview {
      throw ValidationError("whose policy? name a machine, or give --default")
    }
  }

  private var named: RetentionPolicy {
    var policy = RetentionPolicy()
    policy.keepLast = keepLast
    policy.keepDaily = keepDaily
    policy.keepWeekly = keepWeekly
    policy.keepMonthly = keepMonthly
    policy.keepYearly = keepYearly
    if !keepTags.isEmpty {
      policy.keepTags = Dictionary(keepTags.map { ($0.name, $0.value) }) { $1 }
    }
    policy.keepAll = keepAll ? true : nil
    return policy
  }

  private var isChange: Bool { off || named.hasRules || trashDays != nil }

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Nothing was changed.") { session in
      let vault = try session.openVault()
      if preview { return try showPreview(vault, session) }
      if isChange { try change(vault, session) }
      try show(vault, session)
    }
  }

  private func change(_ vault: Vault, _ session: Session) throws {
    let known =
      try machine.map { try vault.machine($0, notices: session.notices)?.policy }
      ?? vault.defaultPolicy(notices: session.notices)
    // Days in the trash and rules are changed each by themselves.
    var policy: RetentionPolicy? = named
    if !named.hasRules { policy = known ?? RetentionPolicy() }
    policy?.trashDays = trashDays ?? known?.trashDays
    if off { policy = nil }
    if let machine {
      try vault.setPolicy(policy, of: machine, now: .now, notices: session.notices)
    } else {
      try vault.setDefaultPolicy(policy, now: .now, notices: session.notices)
    }
  }

  private func show(_ vault: Vault, _ session: Session) throws {
    var reports: [PolicyReport] = []
    if machine == nil {
      reports.append(
        PolicyReport(
          machine: nil, source: "default",
          policy: try vault.defaultPolicy(notices: session.notices)))
    }
    if !`default` {
      let names =
        try machine.map { [$0] }
        ?? Set(vault.points(notices: session.notices).map(\.point.machine)).sorted()
      for name in names { reports.append(try report(on: name, vault, session)) }
    }
    if session.options.json { return try printJSON(reports) }
    for report in reports { session.say(report.text) }
  }

  private func report(
    on name: String, _ vault: Vault, _ session: Session
  ) throws -> PolicyReport {
    guard try vault.machine(name, notices: session.notices) != nil else {
      throw VaultError.unknownMachine(name)
    }
    let found = try vault.policy(of: name, notices: session.notices)
    return PolicyReport(
      machine: name, source: found.map { $0.isOwn ? "own" : "default" } ?? "none",
      policy: found?.policy)
  }

  private func showPreview(_ vault: Vault, _ session: Session) throws {
    let plans = try Expiry(of: vault, notices: session.notices)
      .plans(of: machine, by: named.hasRules ? named : nil)
    if session.options.json {
      return try printJSON(plans.flatMap(\.plan.decisions).map(DecisionReport.init))
    }
    if let machine, plans.isEmpty { throw VaultError.unknownMachine(machine) }
    var table = Table(["point", "", "why"])
    for decision in plans.flatMap(\.plan.decisions) {
      table.add([
        decision.point.id, decision.goes ? "goes" : "stays",
        decision.reasons.joined(separator: ", "),
      ])
    }
    session.say(table.text)
  }
}

/// A policy as `--json` shows it.
private struct PolicyReport: Encodable {
  let machine: String?
  let source: String
  let policy: RetentionPolicy?

  var text: String {
    let name = machine ?? "default"
    guard let policy else { return "\(name): no policy, all points are kept" }
    var parts = policy.counts.map { "\($0.period.rawValue) \($0.count)" }
    parts += (policy.keepTags ?? [:]).sorted { $0.key < $1.key }.map { "tag \($0.key)=\($0.value)" }
    if policy.keepAll == true { parts.append("all") }
    let kept = parts.isEmpty ? "all points are kept" : "keeps \(parts.joined(separator: ", "))"
    let days = policy.trashDays ?? RetentionPolicy.standardTrashDays
    let origin = machine != nil && source == "default" ? " (the vault's default)" : ""
    return "\(name): \(kept); deleted points come back for \(Text.count(days, "day"))\(origin)"
  }
}

/// What would become of a point, as `--json` shows it.
private struct DecisionReport: Encodable {
  let id: String
  let stays: Bool
  let reasons: [String]

  init(_ decision: RetentionPlan.Decision) {
    id = decision.point.id
    stays = !decision.goes
    reasons = decision.reasons
  }
}
