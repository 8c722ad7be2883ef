import ArgumentParser
import FileRestores
import Filesystems
import Guests
import Vaults
import Workers

struct Find: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find files inside a recovery point or an image.",
    discussion: """
      \(GuestOptions.places)

      GLOB is a pattern for names, or for whole paths where it holds a "/"; put it in quotes. \
      Times are in UTC: 2026-11-22, 2026-11-22T15:04:05Z.

      EXAMPLES:
        kluis find web01 '*.conf'
        kluis find web01:/var '*.log' --size +10M --newer 2026-11-20
        kluis find --image web01.img '/home/**/.ssh/*'
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var guest: GuestOptions

  @Argument(
    help: ArgumentHelp(
      "Where to look (with --image it may be left out), then a pattern.",
      valueName: "place> <glob"))
  var arguments: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Files of this size, +10M: or larger, -10M: or smaller."))
  var size: [SizeLimit] = []

  @Option(help: ArgumentHelp("Changed at this time or later.", valueName: "time"))
  var newer: FileTime?

  @Option(help: ArgumentHelp("Changed before this time.", valueName: "time"))
  var older: FileTime?

  @Option(
    help: ArgumentHelp("f: files, d: directories, l: links, and b, c, p, s.", valueName: "letter"))
  var type: KindChoice?

  func run() throws {
    try GuestSession.run([kluis.shared, shared], guest) { looking in
      let (start, pattern) = try split(arguments, looking)
      let (source, places) = try looking.places(start.map { [$0] } ?? [])[0]
      let tree = try source.tree(places[0].volume)
      let selection = try Selection([PathPattern(places[0].path ?? "/")], in: tree)
      let output = Output()
      var search = FileSearch(
        filter: FileFilter(
          pattern: pattern, sizes: size, newer: newer, older: older, kind: type?.kind),
        output: output,
        json: looking.session.options.json
          ? try JSONListOutput(output, list: "entries") : nil)
      search.note(selection.problems)
      for root in selection.roots {
        try search.run(tree, root) { try looking.session.cancellation.check() }
      }
      looking.tellStates(of: source)
      try search.finish(looking.states(of: [source]))
      if !search.problems.isEmpty { throw ExitCode(Status.degraded) }
    }
  }

  /// With --image a lone argument is a place if it has a path, or a ":" at its end, else a pattern.
  private func split(
    _ arguments: [String], _ looking: GuestSession
  ) throws -> (place: String?, pattern: FilePattern?) {
    guard arguments.count <= 2 else {
      throw ValidationError("a place and one pattern are enough: put the pattern in quotes")
    }
    if arguments.count == 2 { return (arguments[0], FilePattern(arguments[1])) }
    guard let first = arguments.first else { return (nil, nil) }
    guard looking.isOnImages else { return (first, nil) }
    let hasPath = first.hasPrefix("/") || first.contains(":/") || first.hasSuffix(":")
    let isPlace = hasPath && !first.contains(where: { "*?[".contains($0) })
    return isPlace ? (first, nil) : (nil, FilePattern(first))
  }
}

/// Walks, and prints what a filter lets through.
private struct FileSearch: FileLister {
  let filter: FileFilter
  let output: Output
  var json: JSONListOutput?
  var problems: [ProblemReport] = []

  init(filter: FileFilter, output: Output, json: JSONListOutput?) {
    self.filter = filter
    self.output = output
    self.json = json
  }

  mutating func run(
    _ tree: MountTree, _ root: Selection.Root, check: () throws -> Void
  ) throws {
    try visit(root.path, root.place, kind: nil)
    guard try root.place.attributes().kind == .directory else { return }
    var walk = TreeWalk(tree, below: root.place, at: root.path)
    while let step = walk.next() {
      try check()
      switch step {
      case .problem(let path, let error): note([(path, error)])
      case .item(let item):
        do { try visit(item.path, item.place, kind: item.kind()) } catch  where isOfOneFile(error) {
          note([(item.path, error)])
        }
      }
    }
  }

  private mutating func visit(
    _ path: GuestPath, _ place: MountTree.Place, kind: FileKind?
  ) throws {
    guard filter.allows(path) else { return }
    // Where names and kinds tell all, nothing else is read.
    if json == nil, !filter.needsAttributes, let kind {
      if filter.allows(kind) { try output.line("\(path)") }
      return
    }
    let attributes = try place.attributes()
    guard filter.allows(attributes.kind), filter.allows(attributes) else { return }
    guard json != nil else { return try output.line("\(path)") }
    let target =
      attributes.kind == .symbolicLink
      ? try place.fileSystem.target(ofSymbolicLink: place.item) : nil
    try json!.add(FileReport(path, attributes, target: target))
  }
}
