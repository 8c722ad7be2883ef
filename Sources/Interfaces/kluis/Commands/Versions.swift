import ArgumentParser
import FileRestores
import Filesystems
import Guests
import Vaults
import Workers

struct Versions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the versions of a file over a machine's recovery points.",
    discussion: """
      Points in which the file has the same bytes share a version; only what may differ is read.

      EXAMPLES:
        kluis versions web01:/etc/nginx/nginx.conf
        kluis versions db01:vg0/data:/mysql/my.cnf --json
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  @OptionGroup var secrets: GuestSecretOptions

  @Argument(help: ArgumentHelp("The file: VM:/path or VM:VOLUME:/path.", valueName: "place"))
  var place: String

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Nothing was changed.") { session in
      let address = GuestAddress(place)
      guard let machine = address.point, let path = address.place.path else {
        throw ValidationError("name a file: VM:/path")
      }
      guard !machine.contains("@") else {
        throw ValidationError("versions are of all points: name the machine alone, VM:/path")
      }
      let secrets = try self.secrets.read()
      let vault = try session.openVault()
      try tier.check(in: vault)
      let listed = tier.chosen(try vault.points(of: machine, notices: session.notices))
      if listed.isEmpty { throw VaultError.unknownMachine(machine) }
      var history = FileHistory { try session.cancellation.check() }
      for point in listed {
        try session.cancellation.check()
        let source = try GuestSource.open(point, tier, vault, session, secrets: secrets)
        try history.add(point.point, source, address.place.volume, GuestPath(path))
      }
      if history.versions.isEmpty, history.problems.isEmpty {
        throw PathError(.notFound, GuestPath(path))
      }
      try show(history, session)
      if history.problems.isEmpty { return }
      throw ExitCode(history.versions.isEmpty ? Status.failed : Status.degraded)
    }
  }

  private func show(_ history: FileHistory, _ session: Session) throws {
    if session.options.json { return try printJSON(HistoryReport(history)) }
    var table = Table([">version", "modified", ">size", "points"])
    for (number, version) in history.versions.enumerated() {
      for (line, point) in version.points.enumerated() {
        let first = [
          "\(number + 1)", version.attributes.modified.text, "\(version.attributes.byteCount)",
        ]
        table.add((line == 0 ? first : ["", "", ""]) + [point])
      }
    }
    if !history.versions.isEmpty { print(table.text) }
    for point in history.pointsWithout { print("not in \(point)") }
    for problem in history.problems { printError("kluis: \(problem.point): \(problem.reason)") }
  }
}

/// The versions of a file, oldest first.
private struct FileHistory {
  struct Version {
    let attributes: FileAttributes
    let side: ContentComparison.Side
    /// Keeps the disks open on which the bytes lie.
    let source: GuestSource
    var points: [String]
  }

  private(set) var versions: [Version] = []
  private(set) var pointsWithout: [String] = []
  private(set) var problems: [(point: String, reason: String)] = []
  private let content = ContentComparison()
  private let check: () throws -> Void

  init(check: @escaping () throws -> Void) { self.check = check }

  mutating func add(
    _ point: RecoveryPoint, _ source: GuestSource, _ volume: String?, _ path: GuestPath
  ) throws {
    do {
      let tree = try source.tree(volume)
      let (place, _) = try tree.resolve(path)
      try add(point.id, source, place, TreeComparison.Side(tree, in: source.guest))
    } catch let error as PathError {
      guard error.problem == .notFound || error.problem == .notADirectory else { throw error }
      pointsWithout.append(point.id)
    } catch {
      try check()
      problems.append((point.id, "\(error)"))
    }
  }

  private mutating func add(
    _ point: String, _ source: GuestSource, _ place: MountTree.Place, _ side: TreeComparison.Side
  ) throws {
    let attributes = try place.attributes()
    // What is no file says so itself.
    let content = try side.content(of: place)
    // The newest first: a file seldom goes back to what it was.
    for number in versions.indices.reversed() {
      let known = versions[number]
      guard try self.content.areEqual(known.side, content, check: check) else { continue }
      versions[number].points.append(point)
      return
    }
    versions.append(
      Version(
        attributes: attributes, side: content, source: source, points: [point]))
  }
}

/// A file's versions, as `--json` shows them.
private struct HistoryReport: Encodable {
  struct Version: Encodable {
    let modified: String
    let size: UInt64
    let points: [String]
  }

  struct Problem: Encodable {
    let point: String
    let reason: String
  }

  let versions: [Version]
  let pointsWithout: [String]
  let problems: [Problem]

  init(_ history: FileHistory) {
    versions = history.versions.map {
      Version(
        modified: $0.attributes.modified.text, size: $0.attributes.byteCount,
        points: $0.points)
    }
    pointsWithout = history.pointsWithout
    problems = history.problems.map { Problem(point: $0.point, reason: $0.reason) }
  }
}
