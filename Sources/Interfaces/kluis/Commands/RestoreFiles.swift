import ArgumentParser
import FileRestores
import Filesystems
import Guests
import SystemPackage
import Vaults
import Workers

struct RestoreFiles: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "files",
    abstract: "Restore files and directories, to a directory or into a tar archive.",
    discussion: """
      A path keeps its place below DIR: /etc/hosts becomes DIR/etc/hosts. Links on the way are \
      followed first, so that /lib/os-release, where /lib is a link to usr/lib, becomes \
      DIR/usr/lib/os-release. Patterns are for Kluis, in quotes: "*" matches within a name, "**" \
      across directories, "?" and "[a-z]" as in a shell; names that begin with a dot match as well.

      Modes, times, extended attributes, access control lists, links and holes are restored; \
      owners only by root, set-id bits and capabilities only by root with --set-id, devices, pipes \
      and sockets only by root with --devices. A tar archive keeps all of that whoever makes it. \
      Nothing that is there already is replaced without --overwrite; directories are merged. A \
      file gets its name when it is whole, and no link in DIR is followed.

      What could not be restored is named at the end, and the exit status is 3 then.

      PATH is /path on the machine's root volume with what its fstab mounts, or VOLUME:/path, \
      where VOLUME is DISK, DISK/PARTITION, GROUP/VOLUME, UUID=… or LABEL=…; see `kluis volumes`.

      EXAMPLES:
        kluis restore files web01 /etc/hosts '/etc/*.conf' --to /tmp/web01
        kluis restore files web01@2026-11-22 /var/www --to / --overwrite
        kluis restore files db01 vg0/data:/mysql --tar - | zstd >mysql.tar.zst
        kluis restore files --image web01.img /home --to home
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var guest: GuestOptions

  @Argument(
    help: ArgumentHelp(
      "The recovery point (not with --image), then what to restore.", valueName: "point> <path"))
  var arguments: [String] = []

  @Option(
    help: ArgumentHelp("The directory; made if missing.", valueName: "dir"),
    completion: .directory)
  var to: String?

  @Option(
    help: ArgumentHelp("Make a tar archive instead; - for standard output.", valueName: "file"),
    completion: .file())
  var tar: String?

  @Option(help: ArgumentHelp("Leave this path or pattern out.", valueName: "path"))
  var exclude: [String] = []

  @Flag(help: "Replace files that are there already.")
  var overwrite = false

  @Flag(help: "Make devices, pipes and sockets, too; needs root.")
  var devices = false

  @Flag(name: .customLong("set-id"), help: "Keep set-id bits and capabilities; needs root.")
  var setID = false

  func validate() throws {
    guard (to == nil) != (tar == nil) else {
      throw ValidationError("say --to DIR or --tar FILE")
    }
    if to == "" { throw ValidationError("--to names no directory") }
    if tar == "" { throw ValidationError("--tar names no file") }
    if tar != nil, devices || setID {
      throw ValidationError("an archive always has devices and set-id bits: leave the options out")
    }
    let needed = guest.images.isEmpty ? 2 : 1
    guard arguments.count >= needed else {
      throw ValidationError(
        guest.images.isEmpty
          ? "name a point and what to restore: POINT PATH…" : "name what to restore: PATH…")
    }
    if tar == "-", shared.json || kluis.shared.json {
      throw ValidationError("--json and an archive cannot both go to standard output")
    }
  }

  func run() throws {
    try GuestSession.run(
      [kluis.shared, shared], guest,
      harmless: "What was restored stays; no half-restored file was left behind."
    ) { looking in
      let start = ContinuousClock.now
      let session = looking.session
      let source = try looking.source(looking.isOnImages ? nil : arguments[0])
      let paths = looking.isOnImages ? arguments : Array(arguments.dropFirst())
      let plan = try plan(paths, in: source, session)
      let report: FileRestoreReport
      if let to {
        report = try restore(plan, to: to, session)
      } else {
        report = try TarTarget(tar!, replacing: overwrite).write(plan, session)
      }
      looking.tellStates(of: source)
      let seconds = start.duration(to: .now) / .seconds(1)
      let summary = RestoreSummary(
        report, source: source.name, target: to ?? tar!, isArchive: tar != nil, seconds)
      try summary.show(
        session, isOutputTaken: tar == "-", states: looking.states(of: [source]))
      if report.problemCount > 0 { throw ExitCode(Status.degraded) }
    }
  }

  /// What is to be restored from all volumes that are named.
  private func plan(
    _ paths: [String], in source: GuestSource, _ session: Session
  ) throws -> RestorePlan {
    let places = paths.map { GuestPlace($0) }
    guard Set(places.map(\.volume)).count == 1 else {
      throw ValidationError("the paths lie on several volumes: restore those of one at a time")
    }
    let tree = try source.tree(places[0].volume)
    let selection = try Selection(places.map { PathPattern($0.path ?? "/") }, in: tree)
    return try RestorePlan(
      selection, excluding: exclude.map { PathPattern($0) },
      check: { try session.cancellation.check() })
  }

  private func restore(
    _ plan: RestorePlan, to target: String, _ session: Session
  ) throws -> FileRestoreReport {
    var restore = DirectoryRestore(plan, to: FilePath(target))
    restore.replacing = overwrite
    restore.makesNodes = devices
    restore.keepsSetID = setID
    return try session.withProgress("restore files") {
      try restore.run(progress: $0, cancellation: session.cancellation)
    }
  }
}
