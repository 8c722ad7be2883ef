import ArgumentParser
import FileRestores
import Filesystems
import Guests
import Workers

struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the files that differ between two recovery points.",
    discussion: """
      A line for each: + added, - removed, M content changed, U metadata alone changed (and \
      which), T of another kind. What lies on both disks as the same chunks is not read. PATH is \
      /path or VOLUME:/path. With --image the second point is left out: what differs between the \
      point and the image; with --old-image as well, between two images.

      EXAMPLES:
        kluis diff web01@2026-11-21 web01@2026-11-22
        kluis diff web01@2026-11-21 web01 /etc
        kluis diff web01 --image /images/web01.img /etc
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var guest: GuestOptions

  @Option(
    name: .customLong("old-image"),
    help: ArgumentHelp("An image in the place of the first point.", valueName: "[name=]file"),
    completion: .file())
  var oldImages: [String] = []

  @Argument(
    help: ArgumentHelp("The two points, then where to look.", valueName: "point> <point> <path"))
  var arguments: [String] = []

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Nothing was changed.") { session in
      let pointCount = (oldImages.isEmpty ? 1 : 0) + (guest.images.isEmpty ? 1 : 0)
      guard (pointCount...pointCount + 1).contains(arguments.count) else {
        throw ValidationError(
          "name \(["the path alone, if any", "one point", "two points"][pointCount])"
            + (pointCount == 0 ? "" : ", and a path if you like"))
      }
      let secrets = try guest.secrets.read()
      let (old, new) = try sources(session, secrets)
      let place = GuestPlace(arguments.count > pointCount ? arguments[pointCount] : "/")
      var report = try DifferenceOutput(isJSON: session.options.json)
      if old.hasSameDisks(as: new) {
        try report.finish([])
        return
      }
      let sides = try [old, new].map { source in
        TreeComparison.Side(try source.tree(place.volume), in: source.guest)
      }
      var comparison = TreeComparison(from: sides[0], to: sides[1]) {
        try session.cancellation.check()
      }
      try comparison.run(at: GuestPath(place.path ?? "/")) { try report.add($0) }
      let looking = GuestSession(session: session, options: guest, secrets: secrets)
      for source in [old, new] { looking.tellStates(of: source) }
      try report.finish(comparison.problems)
      if !comparison.problems.isEmpty { throw ExitCode(Status.degraded) }
    }
  }

  private func sources(
    _ session: Session, _ secrets: GuestSecrets
  ) throws -> (old: GuestSource, new: GuestSource) {
    let needsVault = oldImages.isEmpty || guest.images.isEmpty
    let vault = needsVault ? try session.openVault() : nil
    if let vault { try guest.tier.check(in: vault) }
    var points = arguments[...]
    func source(_ images: [String]) throws -> GuestSource {
      if !images.isEmpty { return try GuestSource.open(images: images, secrets: secrets) }
      return try GuestSource.open(
        point: points.removeFirst(), guest.tier, vault!, session, secrets: secrets)
    }
    return (try source(oldImages), try source(guest.images))
  }
}

/// Prints differences, as lines or as JSON.
private struct DifferenceOutput {
  private let output = Output()
  private var json: JSONListOutput?

  init(isJSON: Bool) throws {
    if isJSON { json = try JSONListOutput(output, list: "differences") }
  }

  mutating func add(_ difference: TreeComparison.Difference) throws {
    if json != nil { return try json!.add(DifferenceReport(difference)) }
    let mark =
      switch difference.kind {
      case .added: "+"
      case .removed: "-"
      case .type: "T"
      case .content: "M"
      case .metadata: "U"
      }
    let isDirectory = (difference.new ?? difference.old)?.kind == .directory
    let details =
      difference.kind == .metadata ? "  (\(difference.details.joined(separator: ", ")))" : ""
    let slash = isDirectory && !difference.path.components.isEmpty ? "/" : ""
    try output.line("\(mark) \(difference.path)\(slash)\(details)")
  }

  func finish(_ problems: [ItemProblem]) throws {
    guard let json else {
      try output.flush()
      for problem in problems { printError("kluis: \(problem.path): \(problem.reason)") }
      return
    }
    try json.finish([("problems", problems.map { ProblemReport($0.path, $0.reason) })])
  }
}

/// A difference as `--json` shows it.
private struct DifferenceReport: Encodable {
  let path: String
  let pathBytes: String?
  let change: String
  let details: [String]
  let old: FileReport?
  let new: FileReport?

  init(_ difference: TreeComparison.Difference) {
    path = FileReport.text(difference.path.bytes)
    pathBytes = FileReport.hexadecimal(difference.path.bytes)
    change = difference.kind.rawValue
    details = difference.details
    old = difference.old.map { FileReport(difference.path, $0, target: nil) }
    new = difference.new.map { FileReport(difference.path, $0, target: nil) }
  }
}
