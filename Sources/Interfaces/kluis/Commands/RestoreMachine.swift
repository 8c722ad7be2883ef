import ArgumentParser
import Files
import Machines
import Restores
import SystemPackage
import Tiers
import Vaults

struct RestoreVM: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vm",
    abstract: "Restore a whole machine to another place, under a new name.",
    discussion: """
      Makes the disks NAME-DISK.img, the definition NAME.json (and NAME.xml, where the machine came
      from libvirt) and the files that belong to it. The new machine has a uuid, MACs and paths of
      its own. What the machine was is neither touched nor needed.

      EXAMPLES:
        kluis restore vm web01 --as web01-copy --to /images/copy
        kluis restore vm web01@2026-11-22 --as web01 --keep-ids --to /images --tier secondary
        kluis restore vm web01 --as web02 --to /images --format vhd-fixed
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var options: MachineRestoreOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(name: .customLong("as"), help: ArgumentHelp("The new machine's name.", valueName: "name"))
  var name: String

  @Flag(help: "Keep uuid and MACs, for a machine that comes in the place of the old one.")
  var keepIds = false

  func validate() throws {
    do throws(NameError) { try checkName(name, of: "machine") } catch {
      throw ValidationError(error.description)
    }
  }

  func run() throws {
    try options.run([kluis.shared, shared], point) { source, session in
      var restore = MachineRestore(source.point, as: name, in: try options.directory)
      restore.format = options.format
      restore.keepsIDs = keepIds
      return try session.withProgress("restore \(name)") { progress in
        try restore.run(
          from: source.open, progress: progress, cancellation: session.cancellation)
      }
    }
  }
}

struct RestoreDisks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disks",
    abstract: "Restore disks and an editable template of the machine.",
    discussion: """
      Makes DISK.img for each disk, template.json to edit, and in stored/ the configuration as it
      was. `kluis create --template DIR/template.json` then makes a machine of them.

      EXAMPLES:
        kluis restore disks web01 --to /images/web01-disks
        kluis restore disks db01 --disk data --to /images/db01-data
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var options: MachineRestoreOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(
    name: .customLong("disk"),
    help: ArgumentHelp("Only this disk; may be given several times.", valueName: "name"))
  var disks: [String] = []

  func run() throws {
    try options.run([kluis.shared, shared], point) { source, session in
      var restore = TemplateRestore(source.point, in: try options.directory)
      restore.disks = disks
      restore.format = options.format
      return try session.withProgress("restore disks") { progress in
        try restore.run(
          from: source.open, progress: progress, cancellation: session.cancellation)
      }
    }
  }
}

/// What restoring a machine and restoring its disks have in common.
struct MachineRestoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The directory; made if missing.", valueName: "dir"),
    completion: .directory)
  var to: String

  @Option(help: "The images' format: raw or vhd-fixed.")
  var format: ImageFormat = .raw

  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  @Option(
    help: ArgumentHelp(
      "Write the machine's secrets there, too; needs the vault's key.", valueName: "dir"),
    completion: .directory)
  var withSecrets: String?

  var directory: FilePath { get throws { try absolutePath(FilePath(to)) } }

  /// The point to restore from, in the tier that was chosen.
  struct Source {
    let point: RecoveryPoint
    let open: OpenTier
  }

  func run(
    _ shared: [SharedOptions], _ point: String,
    _ body: (Source, Session) throws -> MachineDefinition
  ) throws {
    try Session.run(
      shared, harmless: "The vault is as it was, and no half-restored disk was left behind."
    ) { session in
      let vault = try session.openVault()
      try tier.check(in: vault)
      let listed = try vault.point(point, in: tier.name, notices: session.notices)
      let secrets = withSecrets.map { SecretFiles(directory: FilePath($0)) }
      try secrets?.check(listed.point)
      let open = try tier.open(listed, in: vault, notices: session.notices)
      let start = ContinuousClock.now
      let definition = try body(Source(point: listed.point, open: open), session)
      try secrets?.write(listed.point, of: vault, session)
      let seconds = start.duration(to: .now) / .seconds(1)
      try report(listed.point, definition, seconds, session)
    }
  }

  private func report(
    _ point: RecoveryPoint, _ definition: MachineDefinition, _ seconds: Double, _ session: Session
  ) throws {
    if session.options.json { return try printJSON(definition) }
    let kept = Set(definition.disks.map(\.name))
    let data = point.disks.filter { kept.contains($0.name) }.reduce(0) { $0 + $1.dataBytes }
    session.say(
      "restored \(point.id) to \(to): \(Text.count(kept.count, "disk")), \(Text.size(data)) of "
        + "data in \(Text.duration(seconds)) (\(Text.rate(data, seconds: seconds))), every chunk "
        + "verified")
    for disk in definition.disks { session.say("  disk \(disk.name)  \(disk.path ?? "")") }
    for name in point.excluded ?? [] {
      session.say("  disk \(name) was left out of the backup, and of this machine")
    }
  }
}

extension ImageFormat: ExpressibleByArgument {}
