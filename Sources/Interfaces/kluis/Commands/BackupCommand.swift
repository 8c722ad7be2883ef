import ArgumentParser
import Backups
import Copies
import Files
import Machines
import Restores
import SystemPackage
import Tiers
import Vaults

struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Take a recovery point of a machine.",
    discussion: """
      The first run protects the machine: it names a definition (Kluis's own JSON or a libvirt \
      domain XML) or disks; later ones need only the machine's name, and read the definition anew. \
      Disks that are named anew take the place of those before. A disk is a raw image, a qcow2 \
      or VHDX image with all that it is made over, a VHD, VMDK or VDI image, or a block device. \
      Stopped at any moment, a backup leaves earlier points as they were, and the next run goes on \
      from what was stored.

      \(ImageArgument.help) A definition says what each of its disks is.

      EXAMPLES:
        kluis backup web01 --disk root=/images/web01.img
        kluis backup web01
        kluis backup mail01 --disk root=qcow2:/images/mail01.snap1
        kluis backup db01 --definition /etc/libvirt/qemu/db01.xml --exclude vdc
        kluis backup db01 --pre-freeze 'virsh domfsfreeze db01' \\
          --post-thaw 'virsh domfsthaw db01'
        kluis backup safe01 --disk root=safe01.img --secret luks=/root/safe01.key
        kluis backup db01 --disk root=/dev/vg0/db01 --disk data=/images/db01.img
        kluis backup db01 --tag why=upgrade
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The machine's name.")
  var machine: String

  @Option(
    name: .customLong("disk"),
    help: ArgumentHelp(
      "A disk's name and its image or device: root=/images/a.img.", valueName: "name=image"),
    completion: .file())
  var disks: [Pair] = []

  @Option(
    help: ArgumentHelp(
      "The machine's definition: JSON or libvirt domain XML.", valueName: "file"),
    completion: .file())
  var definition: String?

  @OptionGroup(title: "DISKS OF A DEFINITION")
  var selection: SelectionOptions

  @OptionGroup(title: "CONSISTENCY")
  var consistency: ConsistencyOptions

  @Option(
    name: .customLong("tag"),
    help: ArgumentHelp("A note on the point: why=upgrade.", valueName: "key=value"))
  var tags: [Pair] = []

  @Option(
    name: .customLong("secret"),
    help: ArgumentHelp(
      "A secret's name and a file with it, such as a disk's key: luks=FILE; kept sealed in points.",
      valueName: "name=file"),
    completion: .file())
  var secrets: [Pair] = []

  @OptionGroup var secretsKey: SecretsKeyOption

  @Flag(help: "Stop after phase 1: leave the point in the snapshot tier alone.")
  var snapshotOnly = false

  @Flag(
    help: """
      Compute the digest of every chunk, also of those that the fingerprints in KLUIS_CACHE \
      show to be as they were.
      """)
  var rehash = false

  func run() throws {
    try Session.run(
      [kluis.shared, shared],
      harmless: "Nothing was harmed: earlier points are as they were, and the next backup goes on "
        + "from what was stored."
    ) { session in
      let vault = try session.openVault()
      if snapshotOnly, vault.tier(.snapshot) == nil {
        throw VaultError.tierMissing(Tier.Name.snapshot.rawValue)
      }
      let start = ContinuousClock.now
      let point = try takePoint(vault, session)
      let seconds = start.duration(to: .now) / .seconds(1)
      session.say(summary(of: point, seconds: seconds))
      if vault.tier(.snapshot) != nil, !snapshotOnly { try transfer(point, vault, session) }
      if session.options.json {
        try printJSON(PointReport(try vault.point(point.id, notices: session.notices)))
      }
    }
  }

  private func takePoint(_ vault: Vault, _ session: Session) throws -> RecoveryPoint {
    let known = try knownMachine(vault, session)
    try refuseUnfinishedRestore(known)
    tellOfDisksLeftOut(known)
    var backup = Backup(machine: machine, disks: try chosenDisks(known))
    backup.quiescence = consistency.quiescence
    backup.secrets = try secretSources(known)
    backup.fingerprintDirectory = CacheDirectory.path(for: vault)
    if let problem = CacheDirectory.problem { session.notices.note(problem) }
    backup.isRehashing = rehash
    backup.secretsKey = try secretsKey.read(for: vault)
    for tag in tags { backup.tags[tag.name] = tag.value }
    let point = try session.withProgress("backup \(machine)") { progress in
      try backup.run(
        vault: vault, notices: session.notices, progress: progress,
        cancellation: session.cancellation)
    }
    if case .defined(let protected) = backup.disks {
      for note in try encryptionNotes(of: protected, point) { session.note(note) }
    }
    return point
  }

  /// Phase 2. Whatever becomes of it, the point of phase 1 is good.
  private func transfer(_ point: RecoveryPoint, _ vault: Vault, _ session: Session) throws {
    do {
      let report = try PhaseTwo(vault: vault, session: session)
        .transfer([ListedPoint(point: point, tiers: [.snapshot])])
      session.say(PhaseTwo.summary(of: report.points.count, report.sentBytes))
    } catch {
      printError(
        "the snapshot tier has \(point.id), good to restore from; its transfer to the vault tier "
          + "is not done: run `kluis transfer` to go on")
      throw error
    }
  }

  func validate() throws {
    do throws(NameError) {
      try checkName(machine, of: "machine")
      for disk in disks { try checkName(disk.name, of: "disk") }
      for secret in secrets { try checkName(secret.name, of: "secret") }
    } catch { throw ValidationError(error.description) }
    guard disks.isEmpty || definition == nil && selection.chosen == nil else {
      throw ValidationError("--disk names disks one by one, and --definition a whole machine")
    }
    try refuseTwins(disks.map(\.name), "disks")
    try refuseTwins(secrets.map(\.name), "secrets")
    try refuseTwins(tags.map(\.name), "tags")
    for tag in tags { try refuseControlCharacters("\(tag.name)=\(tag.value)") }
  }

  private func refuseTwins(_ names: [String], _ what: String) throws {
    let twin = names.indices.first { names[..<$0].contains(names[$0]) }
    if let twin { throw ValidationError("two \(what) are called \(quoted(names[twin]))") }
  }

  /// What a list shows must not move the cursor of whoever reads it.
  private func refuseControlCharacters(_ tag: String) throws {
    for scalar in tag.unicodeScalars where scalar.properties.generalCategory == .control {
      throw ValidationError("tag \(quoted(tag)): it holds a control character")
    }
  }

  /// The machine as its last backup left it. One whose document is damaged is no reason not to back
  /// disks up that are named.
  private func knownMachine(_ vault: Vault, _ session: Session) throws -> Machine? {
    do {
      return try vault.machine(machine, notices: session.notices)
    } catch let error as VaultError {
      if disks.isEmpty { throw error }
      return nil
    }
  }

  /// A machine whose disks are half swapped is not one to back up.
  private func refuseUnfinishedRestore(_ known: Machine?) throws {
    let places = (known?.disks ?? []).map { FilePath($0.source) }
    if let (path, _) = try SwapJournal.find(of: machine, beside: places) {
      throw InPlaceError.unfinished(path, machine: machine)
    }
  }

  /// Whoever names one disk to have it as well loses the others, and had better know.
  private func tellOfDisksLeftOut(_ known: Machine?) {
    let left = (known?.disks ?? []).map(\.name).filter { !disks.map(\.name).contains($0) }
    if disks.isEmpty || left.isEmpty { return }
    printError(
      "warning: from now on \(machine) is backed up without what it had before and was not named: "
        + left.joined(separator: ", "))
  }

  /// What was named, else what the machine's last backup took.
  private func chosenDisks(_ known: Machine?) throws -> Backup.Disks {
    if !disks.isEmpty { return .named(try disks.map(disk)) }
    if let file = try definition.map({ try absolutePath(FilePath($0)) })
      ?? known?.definitionSource.map({ FilePath($0) })
    {
      return .defined(
        try ProtectedMachine(
          definedBy: file, selection: selection.chosen, earlier: known?.selection))
    }
    guard let known else {
      throw ValidationError(
        "machine \(quoted(machine)) is not protected yet: name its definition with --definition "
          + "FILE, or its disks with --disk NAME=IMAGE")
    }
    if selection.chosen != nil {
      throw ValidationError("disks are chosen from a definition: name one with --definition FILE")
    }
    return .named(known.disks.map(Backup.Source.init))
  }

  /// The secrets that were named, else those of the machine's last backup.
  private func secretSources(_ known: Machine?) throws -> [Backup.Source] {
    if !secrets.isEmpty { return try secrets.map(source) }
    return (known?.secrets ?? []).map {
      Backup.Source(name: $0.name, path: FilePath($0.source))
    }
  }

  private func disk(_ pair: Pair) throws -> Backup.Source {
    let image = ImageArgument(pair.value)
    return Backup.Source(
      name: pair.name, path: try absolutePath(image.path), format: image.format)
  }

  private func source(_ pair: Pair) throws -> Backup.Source {
    Backup.Source(name: pair.name, path: try absolutePath(FilePath(pair.value)))
  }

  private func summary(of point: RecoveryPoint, seconds: Double) -> String {
    var table = Table(["disk", ">size", ">data", ">new", ">stored", ">seconds"])
    for disk in point.disks {
      table.add([
        disk.name, Text.size(disk.size), Text.size(disk.dataBytes), Text.size(disk.newBytes),
        Text.size(disk.storedBytes), Text.decimal(disk.seconds),
      ])
    }
    let data = point.disks.reduce(0) { $0 + $1.dataBytes }
    let stored = point.disks.reduce(0) { $0 + $1.storedBytes }
    let saved = data == 0 ? 0 : 100 - Double(min(stored, data)) / Double(data) * 100
    return """
      \(table.text)
      point \(point.id)
      \(Text.size(data)) of data in \(Text.duration(seconds)) \
      (\(Text.rate(data, seconds: seconds))); \
      \(Text.size(stored)) stored, \(Text.decimal(saved)) % saved
      """
  }
}

/// `NAME=VALUE` on the command line.
struct Pair: ExpressibleByArgument {
  let name: String
  let value: String

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    name = String(parts[0])
    value = String(parts[1])
  }
}
