import ArgumentParser
import Backups
import Machines
import Restores
import SystemPackage
import Tiers
import Vaults

/// `restore vm --in-place`: the safety point, the swap, and what is said of both.
struct InPlaceCommand {
  let session: Session
  let takesSafetyPoint: Bool
  let allowsOtherDisks: Bool

  func run(_ source: MachineRestoreOptions.Source) throws {
    let machine = try MachinePlaces(source.point.machine, in: source.vault, session)
    var restore = InPlaceRestore(source.point, present: machine.disks)
    restore.nvram = machine.nvram
    restore.allowsOtherDisks = allowsOtherDisks
    try restore.check()
    let safetyPoint = takesSafetyPoint ? try takeSafetyPoint(machine, before: source) : nil
    let journal = try session.withProgress("restore \(source.point.machine)") { progress in
      try restore.run(from: source.open, progress: progress, cancellation: session.cancellation)
    }
    try report(source, journal, safetyPoint)
  }

  private func takeSafetyPoint(
    _ machine: MachinePlaces, before source: MachineRestoreOptions.Source
  ) throws -> RecoveryPoint {
    let names = source.point.disks.map(\.name)
    var backup = Backup(
      machine: source.point.machine,
      disks: try machine.toBackUp(machine.disks.map(\.name).filter { names.contains($0) }))
    backup.tags["before-restore-of"] = source.point.id
    backup.secrets = machine.secrets
    return try session.withProgress("safety point") { progress in
      try backup.run(
        vault: source.vault, notices: session.notices, progress: progress,
        cancellation: session.cancellation)
    }
  }

  private func report(
    _ source: MachineRestoreOptions.Source, _ journal: SwapJournal, _ safetyPoint: RecoveryPoint?
  ) throws {
    if session.options.json {
      return try printJSON(
        InPlaceReport(
          point: source.point.id, safetyPoint: safetyPoint?.id,
          disks: journal.disks.map {
            .init(name: $0.name, path: $0.path, replaced: $0.replaced)
          }))
    }
    let seconds = source.started.duration(to: .now) / .seconds(1)
    session.say("restored \(source.point.id) in place in \(Text.duration(seconds))")
    for disk in journal.disks {
      session.say("  \(disk.name)  \(disk.path)")
      session.say("    the old one is \(disk.replaced)")
    }
    if let safetyPoint { session.say("the state before is \(safetyPoint.id)") }
  }
}

/// Where a machine's disks are now.
struct MachinePlaces {
  let disks: [Machine.Disk]
  let nvram: FilePath?
  private let known: Machine

  /// As its definition says now, where it has one; else as its last backup found it.
  init(_ name: String, in vault: Vault, _ session: Session) throws {
    guard let machine = try vault.machine(name, notices: session.notices) else {
      throw VaultError.unknownMachine(name)
    }
    known = machine
    let protected = try known.definitionSource.map {
      try ProtectedMachine(definedBy: FilePath($0))
    }
    nvram = protected?.nvram
    disks =
      protected?.places.map { Machine.Disk(name: $0.name, source: $0.path.string) } ?? known.disks
  }

  /// What later backups take along: the safety point as well, or they would forget it.
  var secrets: [Backup.Source] {
    (known.secrets ?? []).map { Backup.Source(name: $0.name, path: FilePath($0.source)) }
  }

  /// Those disks, to be backed up as they are now. Without a definition all are: what a point of
  /// named disks takes is what later backups know of.
  func toBackUp(_ names: [String]) throws -> Backup.Disks {
    if let file = known.definitionSource {
      return .defined(
        try ProtectedMachine(
          definedBy: FilePath(file), earlier: known.selection, onlyNow: names))
    }
    return .named(disks.map { Backup.Source(name: $0.name, path: FilePath($0.source)) })
  }

  /// Everything that an in-place restore may replace.
  var paths: [FilePath] { disks.map { FilePath($0.source) } + (nvram.map { [$0] } ?? []) }
}

struct Recover: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "End an in-place restore that was stopped.",
    discussion: """
      Looks for what the restore wrote down beside the machine's disks: where the swap had begun, it
      is completed and the machine has the point's disks; else the machine has its old ones.

      EXAMPLES:
        kluis recover web01
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The machine's name.")
  var machine: String

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Run it again to go on.") { session in
      let vault = try session.openVault()
      let places = try MachinePlaces(machine, in: vault, session)
      guard
        let (path, journal) = try SwapJournal.find(
          of: machine, beside: places.paths)
      else {
        try SwapJournal.removeDrafts(of: machine, beside: places.paths)
        return session.say("nothing to recover: no in-place restore of \(machine) was stopped")
      }
      switch try journal.recover(at: path) {
      case .undone: session.say("\(machine) has its old disks; what was being built is removed")
      case .done: session.say("\(machine) has the disks of \(journal.point)")
      }
    }
  }
}

struct Replaced: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the disks that in-place restores have put aside, or remove them.",
    discussion: """
      EXAMPLES:
        kluis replaced web01
        kluis replaced web01 --remove
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The machine's name.")
  var machine: String

  @Flag(help: "Remove them.")
  var remove = false

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "What is not removed is still there.") {
      session in
      let vault = try session.openVault()
      let places = try MachinePlaces(machine, in: vault, session)
      let found = try ReplacedDisk.find(beside: places.paths)
      if remove { for disk in found { try disk.remove() } }
      if session.options.json {
        return try printJSON(
          found.map { ReplacedReport(path: $0.path.string, bytes: $0.allocatedByteCount) })
      }
      if found.isEmpty { return session.say("no replaced disks of \(machine)") }
      for disk in found {
        session.say(
          "\(remove ? "removed " : "")\(disk.path)  \(Text.size(disk.allocatedByteCount))")
      }
    }
  }
}

/// An in-place restore as `--json` shows it.
private struct InPlaceReport: Encodable {
  let point: String
  let safetyPoint: String?
  let disks: [Disk]

  struct Disk: Encodable {
    let name: String
    let path: String
    let replaced: String
  }
}

private struct ReplacedReport: Encodable {
  let path: String
  let bytes: UInt64
}
