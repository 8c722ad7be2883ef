import ArgumentParser
import FileRestores
import Filesystems
import Guests

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List files inside a recovery point or an image.",
    discussion: """
      \(GuestOptions.places)

      Names that a terminal cannot show are escaped (\\n, \\xFF) and can be typed so. Owners are \
      numbers, as on the disk; times are in UTC. Names that begin with a dot need -a, but with \
      --json all are listed.

      EXAMPLES:
        kluis ls web01:/etc
        kluis ls -l web01@2026-11-22:/var/log
        kluis ls web01:root/1:/boot
        kluis ls -lR --image web01.img /home
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var guest: GuestOptions

  @Argument(help: ArgumentHelp("Where; patterns as in '/etc/*.conf' too.", valueName: "place"))
  var places: [String] = []

  @Flag(name: .short, help: "Mode, links, owner, group, size and time as well.")
  var long = false

  @Flag(name: .customShort("R"), help: "Directories with all that is below them.")
  var recursive = false

  @Flag(name: .shortAndLong, help: "Names that begin with a dot, too.")
  var all = false

  @Flag(name: .shortAndLong, help: "Directories themselves, not what is in them.")
  var directory = false

  func run() throws {
    try GuestSession.run([kluis.shared, shared], guest) { looking in
      let wanted = try looking.places(places)
      let output = Output()
      var listing = Listing(
        output: output, isLong: long, isRecursive: recursive, showsHidden: all,
        namesDirectories: wanted.reduce(0) { $0 + $1.places.count } > 1 || recursive)
      if looking.session.options.json {
        listing.json = try JSONListOutput(output, list: "entries")
        listing.showsHidden = true
      }
      for (source, places) in wanted {
        for place in places {
          let tree = try source.tree(place.volume)
          let selection = try Selection([PathPattern(place.path ?? "/")], in: tree)
          listing.note(selection.problems)
          let followsLast = !long || place.path?.hasSuffix("/") == true
          for root in selection.roots {
            try listing.add(root, of: tree, followingLink: followsLast, itself: directory)
          }
        }
        looking.tellStates(of: source)
      }
      try listing.finish(looking.states(of: wanted.map(\.source)))
      if listing.hasProblems { throw ExitCode(Status.degraded) }
    }
  }
}

/// Prints entries as `ls` does, or as JSON.
private struct Listing: FileLister {
  let output: Output
  let isLong: Bool
  let isRecursive: Bool
  var showsHidden: Bool
  let namesDirectories: Bool
  var json: JSONListOutput?
  var problems: [ProblemReport] = []
  private var isFirst = true

  init(
    output: Output, isLong: Bool, isRecursive: Bool, showsHidden: Bool, namesDirectories: Bool
  ) {
    self.output = output
    self.isLong = isLong
    self.isRecursive = isRecursive
    self.showsHidden = showsHidden
    self.namesDirectories = namesDirectories
  }

  var hasProblems: Bool { !problems.isEmpty }

  /// Lists a file, or what is in a directory.
  mutating func add(
    _ root: Selection.Root, of tree: MountTree, followingLink: Bool, itself: Bool
  ) throws {
    var (place, path) = (root.place, root.path)
    if followingLink, !itself, try place.attributes().kind == .symbolicLink,
      let (target, targetPath) = try? tree.resolve(path),
      try target.attributes().kind == .directory
    {
      (place, path) = (target, targetPath)
    }
    guard !itself, try place.attributes().kind == .directory else {
      return try show(path, "\(path)", place)
    }
    try directory(place, path, of: tree)
  }

  private mutating func directory(
    _ start: MountTree.Place, _ path: GuestPath, of tree: MountTree
  ) throws {
    // As in GNU ls, a directory's names come together, and then those of each directory in it.
    var waiting = [(place: start, path: path, isMounted: false)]
    // Directories that were listed, and whether as something that is mounted.
    var entered: [PlaceIdentity: Bool] = [:]
    while let (place, path, isMounted) = waiting.popLast() {
      if let wasMounted = entered[PlaceIdentity(place)] {
        // A machine may well show a directory in two places.
        if !isMounted, !wasMounted { note([(path, WalkError.enteredBefore)]) }
        continue
      }
      entered[PlaceIdentity(place)] = isMounted
      if namesDirectories, json == nil {
        try output.line((isFirst ? "" : "\n") + "\(path):")
        isFirst = false
      }
      var below: [(place: MountTree.Place, path: GuestPath, isMounted: Bool)] = []
      var walk = TreeWalk(tree, below: place, at: path)
      while let step = walk.next() {
        switch step {
        case .problem(let path, let error): note([(path, error)])
        case .item(let item):
          walk.skip()
          let name = item.path.lastComponent!
          if !showsHidden, name.bytes.first == UInt8(ascii: ".") { continue }
          do {
            try show(item.path, "\(name)", item.place, item)
            if isRecursive, try item.kind() == .directory {
              below.append((item.place, item.path, item.isMounted))
            }
          } catch  where isOfOneFile(error) { note([(item.path, error)]) }
        }
      }
      waiting += below.reversed()
    }
  }

  private mutating func show(
    _ path: GuestPath, _ name: String, _ place: MountTree.Place, _ item: WalkedItem? = nil
  ) throws {
    guard isLong || json != nil else { return try output.line(name) }
    let attributes = try place.attributes()
    let target =
      attributes.kind == .symbolicLink
      ? try place.fileSystem.target(ofSymbolicLink: place.item) : nil
    if json != nil {
      let streams = try place.fileSystem.namedStreams(of: place.item)
      return try json!.add(FileReport(path, attributes, target: target, streams: streams))
    }
    let size =
      attributes.device.map { "\($0.major), \($0.minor)" } ?? "\(attributes.byteCount)"
    let columns = [
      attributes.modeText, right("\(attributes.linkCount)", 3), right("\(attributes.owner)", 5),
      right("\(attributes.group)", 5), right(size, 11), attributes.modified.listingText,
      name + (target.map { " -> \($0)" } ?? ""),
    ]
    try output.line(columns.joined(separator: " "))
  }

  private func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }
}
