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
    abstract: "Restore a whole machine: in place, or elsewhere under a new name.",
    discussion: """
      --as NAME --to DIR makes the disks NAME-DISK.img, the definition NAME.json (and NAME.xml, \
      where the machine came from libvirt) and the files that belong to it. The new machine has a \
      uuid, MACs and paths of its own. What the machine was is neither touched nor needed.

      --in-place puts the point's disks where the machine has them now, all or none of them. The \
      machine must be shut down. First a point of its present state is taken; its old disks stay \
      beside the new ones until `kluis replaced --remove`. Stopped at any moment, `kluis recover` \
      ends what was begun.

      --in-place --delta writes only what differs, which is the fast way back. Where the file \
      system has reflinks the old disks stay, sharing their blocks; elsewhere the present disks \
      are written onto, and the point of their state before is the way back. A qcow2 image is \
      built anew all the same, and the old one stays.

      EXAMPLES:
        kluis restore vm web01@2026-11-22 --in-place
        kluis restore vm web01@2026-11-22 --in-place --delta
        kluis restore vm web01 --as web01-copy --to /images/copy
        kluis restore vm web01 --as web01 --keep-ids --to /images --tier secondary
        kluis restore vm web01 --as web02 --to /images --format vhd-fixed
        kluis restore vm web01 --as web03 --to /images --format qcow2
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var options: MachineRestoreOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Flag(help: "Replace the machine's present disks.")
  var inPlace = false

  @Flag(help: "With --in-place: take no point of the present state first.")
  var noSafetyPoint = false

  @Flag(help: "With --in-place: write only what differs onto the present disks.")
  var delta = false

  @Flag(help: "With --in-place: also where point and machine have different disks.")
  var force = false

  @Option(name: .customLong("as"), help: ArgumentHelp("The new machine's name.", valueName: "name"))
  var name: String?

  @Option(
    help: ArgumentHelp("The new machine's directory; made if missing.", valueName: "dir"),
    completion: .directory)
  var to: Place?

  @Option(help: "The images' format: raw, vhd-fixed or qcow2; raw without it.")
  var format: ImageFormat?

  @Flag(help: "Keep uuid and MACs, for a machine that comes in the place of the old one.")
  var keepIds = false

  func validate() throws {
    guard inPlace || name != nil && to != nil else {
      throw ValidationError("say --in-place, or --as NAME and --to DIR")
    }
    if inPlace, name != nil || to != nil || format != nil || keepIds {
      throw ValidationError("--in-place takes no --as, --to, --format or --keep-ids")
    }
    if !inPlace, noSafetyPoint || force || delta {
      throw ValidationError("--no-safety-point, --delta and --force are for --in-place")
    }
    guard let name else { return }
    do throws(NameError) { try checkName(name, of: "machine") } catch {
      throw ValidationError(error.description)
    }
  }

  func run() throws {
    try options.run([kluis.shared, shared], point) { source, session in
      guard let name, let to else {
        return try InPlaceCommand(
          session: session, takesSafetyPoint: !noSafetyPoint, allowsOtherDisks: force,
          isDelta: delta, secretsKey: try options.secretsKey.read(for: source.vault)
        ).run(source)
      }
      var restore = MachineRestore(source.point, as: name, in: try absolutePath(to.path))
      restore.format = format ?? .raw
      restore.keepsIDs = keepIds
      restore.secretsDirectory = try options.secretsDirectory
      let definition = try session.withProgress("restore \(name)") { progress in
        try restore.run(
          from: source.open, progress: progress, cancellation: session.cancellation)
      }
      try options.report(
        source.point, definition, to: to.path.string, since: source.started, session)
    }
  }
}

struct RestoreDisks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disks",
    abstract: "Restore disks and an editable template of the machine.",
    discussion: """
      Makes DISK.img for each disk, template.json to edit, and in stored/ the configuration as it \
      was. `kluis create --template DIR/template.json` then makes a machine of them.

      EXAMPLES:
        kluis restore disks web01 --to /images/web01-disks
        kluis restore disks web01 --to /images/web01-disks --format qcow2
        kluis restore disks db01 --disk data --to /images/db01-data
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var options: MachineRestoreOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(
    help: ArgumentHelp("The directory; made if missing.", valueName: "dir"),
    completion: .directory)
  var to: Place

  @Option(help: "The images' format: raw, vhd-fixed or qcow2.")
  var format: ImageFormat = .raw

  @Option(
    name: .customLong("disk"),
    help: ArgumentHelp("Only this disk; may be given several times.", valueName: "name"))
  var disks: [String] = []

  func run() throws {
    try options.run([kluis.shared, shared], point) { source, session in
      var restore = TemplateRestore(source.point, in: try absolutePath(to.path))
      restore.disks = disks
      restore.secretsDirectory = try options.secretsDirectory
      restore.format = format
      let template = try session.withProgress("restore disks") { progress in
        try restore.run(
          from: source.open, progress: progress, cancellation: session.cancellation)
      }
      try options.report(source.point, template, to: to.path.string, since: source.started, session)
    }
  }
}

/// What restoring a machine and restoring its disks have in common.
struct MachineRestoreOptions: ParsableArguments {
  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  @Option(
    help: ArgumentHelp(
      "Write the machine's secrets there, too; needs the vault's key.", valueName: "dir"),
    completion: .directory)
  var withSecrets: String?

  @OptionGroup var secretsKey: SecretsKeyOption

  var secretsDirectory: FilePath? {
    get throws { try withSecrets.map { try absolutePath(FilePath($0)) } }
  }

  /// The point to restore from, in the tier that was chosen.
  struct Source {
    let vault: Vault
    let point: RecoveryPoint
    let open: OpenTier
    let started = ContinuousClock.now
  }

  /// Opens vault, point and tier, runs `body`, and writes the secrets that were asked for.
  func run(
    _ shared: [SharedOptions], _ point: String, _ body: (Source, Session) throws -> Void
  ) throws {
    try Session.run(
      shared, harmless: "The vault is as it was, and no half-restored disk was left behind."
    ) { session in
      let vault = try session.openVault()
      try tier.check(in: vault)
      let listed = try vault.point(point, in: tier.name, notices: session.notices)
      let secrets = withSecrets.map {
        SecretFiles(directory: FilePath($0), secretsKey: secretsKey)
      }
      try secrets?.check(listed.point)
      let open = try tier.open(listed, in: vault, notices: session.notices)
      try body(Source(vault: vault, point: listed.point, open: open), session)
      try secrets?.write(listed.point, of: vault, session)
    }
  }

  func report(
    _ point: RecoveryPoint, _ definition: MachineDefinition, to directory: String,
    since start: ContinuousClock.Instant, _ session: Session
  ) throws {
    if session.options.json { return try printJSON(definition) }
    let seconds = start.duration(to: .now) / .seconds(1)
    let kept = Set(definition.disks.map(\.name))
    let data = point.disks.filter { kept.contains($0.name) }.reduce(0) { $0 + $1.dataBytes }
    session.say(
      "restored \(point.id) to \(directory): \(Text.count(kept.count, "disk")), "
        + "\(Text.size(data)) of data in \(Text.duration(seconds)) "
        + "(\(Text.rate(data, seconds: seconds))), every chunk verified")
    for disk in definition.disks { session.say("  disk \(disk.name)  \(disk.path ?? "")") }
    if withSecrets == nil, point.secrets?.isEmpty == false {
      session.say("  its secrets stay in the point: `kluis restore secrets` writes them to files")
    }
    for name in point.excluded ?? [] {
      session.say("  disk \(name) was left out of the backup, and of this machine")
    }
  }
}

extension ImageFormat: ExpressibleByArgument {}
