import ArgumentParser
import Machines
import Tiers
import Vaults

struct Points: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List recovery points, oldest first.",
    discussion: """
      EXAMPLES:
        kluis points
        kluis points web01 --json
        kluis points web01 --consistency application-consistent
        kluis points --deleted
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "Only this machine's.")
  var machine: String?

  @Option(help: "Look into this tier alone: snapshot, vault, secondary or auto for all.")
  var tier: TierChoice = .auto

  @Option(help: "Only these: crash-consistent or application-consistent.")
  var consistency: RecoveryPoint.Consistency?

  @Flag(help: "Those that were deleted, and can be brought back with `kluis undelete`.")
  var deleted = false

  func validate() throws {
    if let machine, machine.contains("@") {
      throw ValidationError(
        "\(quoted(machine)) is a point: `kluis show` shows one, and this lists those of a machine")
    }
  }

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Nothing was changed.") { session in
      let vault = try session.openVault()
      if deleted { return try showDeleted(vault, session) }
      try tier.check(in: vault)
      let all = tier.chosen(try vault.points(of: machine, notices: session.notices))
      let listed = all.filter { $0.point.consistency == consistency ?? $0.point.consistency }
      if session.options.json { return try printJSON(listed.map(PointReport.init)) }
      if listed.isEmpty {
        return print(machine.map { "no recovery points of \(quoted($0))" } ?? "no recovery points")
      }
      var table = Table(["point", "tiers", "consistency", ">disks", ">size", ">data", ">stored"])
      for entry in listed {
        let disks = entry.point.disks
        table.add([
          entry.point.id, entry.tiers.map(\.rawValue).joined(separator: "+"),
          entry.point.consistency.rawValue, "\(disks.count)",
          Text.size(disks.reduce(0) { $0 + $1.size }),
          Text.size(disks.reduce(0) { $0 + $1.dataBytes }),
          Text.size(disks.reduce(0) { $0 + $1.storedBytes }),
        ])
      }
      print(table.text)
    }
  }

  private func showDeleted(_ vault: Vault, _ session: Session) throws {
    let all = try vault.deletedPoints(of: machine, now: .now, notices: session.notices)
    let listed = all.filter { $0.point.consistency == consistency ?? $0.point.consistency }
    if session.options.json { return try printJSON(listed.map(DeletedReport.init)) }
    if listed.isEmpty { return print("no deleted points") }
    var table = Table(["point", "deleted", "by", "comes back until"])
    for entry in listed {
      table.add([
        entry.point.id, entry.removal.removed.description,
        entry.removal.isExpiry ? "expire" : "delete", entry.removal.until.description,
      ])
    }
    print(table.text)
  }
}

/// A point in the trash as `--json` shows it.
private struct DeletedReport: Encodable {
  let id: String
  let machine: String
  let time: Timestamp
  let deleted: Timestamp
  let until: Timestamp
  let isExpiry: Bool

  init(_ deleted: DeletedPoint) {
    id = deleted.point.id
    machine = deleted.point.machine
    time = deleted.point.time
    self.deleted = deleted.removal.removed
    until = deleted.removal.until
    isExpiry = deleted.removal.isExpiry
  }
}

/// A recovery point as `--json` shows it.
struct PointReport: Encodable {
  let id: String
  let machine: String
  let time: Timestamp
  let tiers: [Tier.Name]
  let consistency: RecoveryPoint.Consistency
  let tags: [String: String]
  let disks: [RecoveryPoint.Disk]
  /// Their names; what they are is never printed.
  let secrets: [String]
  let definition: MachineDefinition?
  /// Disks that were left out.
  let excluded: [String]

  init(_ listed: ListedPoint) {
    id = listed.point.id
    machine = listed.point.machine
    time = listed.point.time
    tiers = listed.tiers
    consistency = listed.point.consistency
    tags = listed.point.tags
    disks = listed.point.disks
    definition = listed.point.definition
    excluded = listed.point.excluded ?? []
    secrets = (listed.point.secrets ?? []).map(\.name)
  }
}

extension RecoveryPoint.Consistency: ExpressibleByArgument {}
