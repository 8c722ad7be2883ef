import ArgumentParser
import Files
import Machines
import Restores
import SystemPackage
import Tiers
import Vaults

struct Recover: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "End an in-place restore that was stopped.",
    discussion: """
      Looks for what the restore wrote down beside the machine's disks: where the swap had begun, \
      it is completed and the machine has the point's disks; else the machine has its old ones.

      All that this needs lies beside the disks. Where the vault is out of reach, name the \
      directory of one of them.

      EXAMPLES:
        kluis recover web01
        kluis recover web01 --in /images
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The machine's name.")
  var machine: String

  @Option(
    name: .customLong("in"),
    help: ArgumentHelp("Where disks of it lie; the vault is not needed then.", valueName: "dir"),
    completion: .directory)
  var directory: String?

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Run it again to go on.") { session in
      let disks = try disks(session)
      guard let (path, journal) = try SwapJournal.find(of: machine, beside: disks) else {
        try SwapJournal.removeDrafts(of: machine, beside: disks)
        if session.options.json {
          return try printJSON(RecoverReport(machine: machine, outcome: .nothing, point: nil))
        }
        return session.say("nothing to recover: no in-place restore of \(machine) was stopped")
      }
      let isDone = try journal.recover(at: path) == .done
      if session.options.json {
        return try printJSON(
          RecoverReport(
            machine: machine, outcome: isDone ? .done : .undone,
            point: isDone ? journal.point : nil))
      }
      session.say(
        isDone
          ? "\(machine) has the disks of \(journal.point)"
          : "\(machine) has its old disks; what was being built is removed")
    }
  }

  /// Files of the machine, beside which a restore may have written something down.
  private func disks(_ session: Session) throws -> [FilePath] {
    guard let directory else {
      return try MachinePlaces(machine, in: try session.openVault(), session).paths
    }
    do throws(NameError) { try checkName(machine, of: "machine") } catch {
      throw ValidationError(error.description)
    }
    guard try fileStatus(FilePath(directory))?.kind == .directory else {
      throw ValidationError("there is no directory \(directory)")
    }
    return [FilePath(directory).appending(machine)]
  }
}

private struct RecoverReport: Encodable {
  enum Outcome: String, Encodable {
    /// No restore had been stopped; the machine has its old disks; it has the point's.
    case nothing, undone, done
  }

  let machine: String
  let outcome: Outcome
  /// The point whose disks the machine has.
  let point: String?
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

private struct ReplacedReport: Encodable {
  let path: String
  let bytes: UInt64
}
