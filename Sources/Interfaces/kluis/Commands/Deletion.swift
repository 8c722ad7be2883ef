import ArgumentParser
import Glibc
import Maintenance
import Vaults

struct Expire: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take out of the list what policies no longer keep.",
    discussion: """
      Never takes a machine's newest point, a locked one, or one of a machine without a policy. \
      What goes can be brought back with `kluis undelete` for 14 days, unless its policy says \
      otherwise; `kluis reclaim` frees the space after that.

      EXAMPLES:
        kluis expire --dry-run
        kluis expire
        kluis expire web01
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "Only this machine's points.")
  var machine: String?

  @Flag(help: "Only say what would go.")
  var dryRun = false

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: Deletion.harmless) { session in
      let vault = try session.openVault()
      let expiry = Expiry(of: vault, notices: session.notices)
      let points =
        try dryRun ? expiry.plans(of: machine).flatMap(\.plan.leaving) : expiry.run(of: machine)
      try Deletion.report(points.map(\.id), verb: dryRun ? "would expire" : "expired", session)
    }
  }
}

struct Delete: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Delete recovery points.",
    discussion: """
      Asks first on a terminal; elsewhere give --yes. A deleted point can be brought back with \
      `kluis undelete` for 14 days, unless its machine's policy says otherwise. --purge gives up \
      one that was deleted, before its time in the trash is over, and `kluis reclaim` frees what \
      only it needs. A locked point is neither deleted nor purged.

      EXAMPLES:
        kluis delete web01@2026-11-22T15:04:05Z-7f3a
        kluis delete --machine web01 --yes
        kluis points --deleted
        kluis delete web01@2026-11-22T15:04:05Z-7f3a --purge
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "Recovery points.")
  var points: [String] = []

  @Option(help: "All points of a machine; with --purge all that are in the trash.")
  var machine: String?

  @Flag(help: "Take points out of the trash for good.")
  var purge = false

  @Flag(help: "Do not ask.")
  var yes = false

  func validate() throws {
    if points.isEmpty == (machine == nil) {
      throw ValidationError("name points, or a machine with --machine")
    }
  }

  func run() throws {
    let harmless = purge ? Deletion.harmlessPurge : Deletion.harmless
    try Session.run([kluis.shared, shared], harmless: harmless) { session in
      let vault = try session.openVault()
      if purge { return try purge(vault, session) }
      let chosen = try chosen(vault, session)
      guard try yes || Deletion.confirm(chosen.map(\.id), "delete") else {
        return session.say("nothing was deleted")
      }
      var deleted: [RecoveryPoint] = []
      for point in chosen {
        try vault.delete(
          point, isExpiry: false,
          trashDays: vault.trashDays(of: point.machine, notices: session.notices), now: .now,
          notices: session.notices)
        deleted.append(point)
      }
      try Deletion.report(deleted.map(\.id), verb: "deleted", session)
    }
  }

  private func purge(_ vault: Vault, _ session: Session) throws {
    var chosen: [String] = []
    if let machine {
      chosen = try vault.deletedPoints(of: machine, now: .now, notices: session.notices)
        .map(\.point.id)
      if chosen.isEmpty { return session.say("no deleted points of \(quoted(machine))") }
    }
    for name in points {
      // Where nobody can read what lies in the trash, its id is enough.
      let id = try Deletion.deleted(name, vault, session)?.point.id ?? name
      if !chosen.contains(id) { chosen.append(id) }
    }
    guard try yes || Deletion.confirm(chosen, "give up for good, and never bring back,") else {
      return session.say("nothing was given up")
    }
    for id in chosen { try vault.purge(id, now: .now, notices: session.notices) }
    try Deletion.report(chosen, verb: "gave up", session)
  }

  private func chosen(_ vault: Vault, _ session: Session) throws -> [RecoveryPoint] {
    if let machine {
      let all = try vault.points(of: machine, notices: session.notices).map(\.point)
      if all.isEmpty { throw VaultError.unknownMachine(machine) }
      return all
    }
    var chosen: [RecoveryPoint] = []
    for name in points {
      // A machine's name alone means its newest point elsewhere, which is a trap here.
      guard name.contains("@") else {
        throw ValidationError(
          "'\(name)' names no single point: give its id, or --machine for all of a machine")
      }
      let point = try vault.point(name, notices: session.notices).point
      if !chosen.contains(where: { $0.id == point.id }) { chosen.append(point) }
    }
    return chosen
  }
}

struct Undelete: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring deleted recovery points back.",
    discussion: """
      EXAMPLES:
        kluis points --deleted
        kluis undelete web01@2026-11-22T15:04:05Z-7f3a
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "Recovery points, as `kluis points --deleted` shows them.")
  var points: [String]

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: Deletion.harmless) { session in
      let vault = try session.openVault()
      var restored: [RecoveryPoint] = []
      for name in points {
        guard let found = try Deletion.deleted(name, vault, session) else {
          throw RemovalError.notDeleted(name)
        }
        try vault.undelete(found, now: .now, notices: session.notices)
        restored.append(found.point)
      }
      try Deletion.report(restored.map(\.id), verb: "brought back", session)
    }
  }
}

struct Lock: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep a recovery point from being deleted.",
    discussion: """
      Until then neither `kluis expire` nor `kluis delete` takes the point. A lock can be made \
      longer, not shorter; --off takes it away. Without either the lock is shown.

      EXAMPLES:
        kluis lock web01@2026-11-22 --until 2027-11-22
        kluis lock web01@2026-11-22 --until 2027-11-22T12:00:00Z
        kluis lock web01@2026-11-22 --off
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(help: ArgumentHelp("A day or time in UTC.", valueName: "date"))
  var until: String?

  @Flag(help: "Take the lock away.")
  var off = false

  @Flag(help: "Do not ask.")
  var yes = false

  func validate() throws {
    if until != nil, off { throw ValidationError("give --until or --off") }
    if let until, moment(until) == nil {
      throw ValidationError("--until is a day or a time: 2027-11-22 or 2027-11-22T12:00:00Z")
    }
  }

  private func moment(_ text: String) -> Timestamp? {
    Timestamp(text) ?? Timestamp("\(text)T00:00:00Z")
  }

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: Deletion.harmless) { session in
      let vault = try session.openVault()
      let found = try vault.point(point, notices: session.notices).point
      if let until = until.flatMap(moment) {
        guard until > .now else { throw ValidationError("\(until) is over") }
        try vault.setLock(of: found, until: until, now: .now, notices: session.notices)
      } else if off {
        let question = "take the lock of \(found.id) away?"
        guard try yes || Deletion.confirm(question) else {
          return session.say("nothing was changed")
        }
        try vault.setLock(of: found, until: nil, now: .now, notices: session.notices)
      }
      let lock = try vault.lock(of: found, notices: session.notices)
      let holds = lock.flatMap { $0.until > .now ? $0.until : nil }
      if session.options.json {
        return try printJSON(LockReport(id: found.id, lockedUntil: holds))
      }
      session.say("\(found.id) is \(holds.map { "locked until \($0)" } ?? "not locked")")
    }
  }
}

/// What the commands that delete have in common.
enum Deletion {
  static let harmless =
    "Nothing was harmed: what was deleted so far can be brought back with `kluis undelete`."

  static let harmlessPurge =
    "Nothing else was harmed: what was given up so far stays so."

  /// The one point in the trash that a person means by the beginning of its id; nil for none.
  static func deleted(
    _ name: String, _ vault: Vault, _ session: Session
  ) throws -> DeletedPoint? {
    let machine = String(name.prefix { $0 != "@" })
    let deleted = try vault.deletedPoints(of: machine, now: .now, notices: session.notices)
    let matches = deleted.filter { $0.point.id.hasPrefix(name) && name.contains("@") }
    guard matches.count < 2 else {
      throw ValidationError(
        "'\(name)' may be \(matches.map(\.point.id).joined(separator: ", ")): name one")
    }
    return matches.first
  }

  /// Asks a person; where there is none to ask, refuses.
  static func confirm(_ points: [String], _ what: String) throws -> Bool {
    let shown = points.prefix(20).map { "  \($0)" }
    let rest = points.count - shown.count
    return try confirm(
      "\(what) \(Text.count(points.count, "point"))?\n" + shown.joined(separator: "\n")
        + (rest > 0 ? "\n  and \(rest) more" : ""))
  }

  static func confirm(_ question: String) throws -> Bool {
    guard isatty(STDIN_FILENO) != 0 else {
      throw ValidationError("nobody is there to be asked: give --yes")
    }
    printError("\(question)\n[y/N] ", terminator: "")
    return ["y", "yes"].contains(readLine()?.lowercased())
  }

  /// - Parameter points: their ids.
  static func report(_ points: [String], verb: String, _ session: Session) throws {
    if session.options.json { return try printJSON(points) }
    for point in points { session.say("\(verb) \(point)") }
    if points.isEmpty { session.say("nothing expires") }
  }
}

private struct LockReport: Encodable {
  let id: String
  let lockedUntil: Timestamp?
}
