import ArgumentParser
import FileRestores
import Filesystems
import Guests
import Workers

struct Cat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print files from inside a recovery point or an image.",
    discussion: """
      \(GuestOptions.places)

      EXAMPLES:
        kluis cat web01:/etc/fstab
        kluis cat web01:vg0/var:/log/syslog | grep error
        kluis cat --image web01.img /etc/os-release
        kluis cat pc01:/Users/ann/setup.exe:Zone.Identifier
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var guest: GuestOptions

  @Argument(help: ArgumentHelp("The files; patterns too.", valueName: "place"))
  var places: [String]

  func run() throws {
    try GuestSession.run([kluis.shared, shared], guest) { looking in
      let output = Output()
      var isWhole = true
      for (source, places) in try looking.places(places) {
        for place in places {
          guard let path = place.path else { throw ValidationError("name a file: PLACE:/path") }
          let tree = try source.tree(place.volume)
          let (selection, stream) = try select(path, in: tree)
          for root in selection.roots {
            do { try print(root, stream, of: tree, to: output, looking.session) } catch
              where isOfOneFile(error)
            {
              // One of the path, as of a link that leads nowhere, names it itself.
              printError("kluis: " + (error is PathError ? "\(error)" : "\(root.path): \(error)"))
              isWhole = false
            }
          }
        }
        looking.tellStates(of: source)
      }
      if !isWhole { throw ExitCode(Status.failed) }
    }
  }

  /// A path that leads nowhere may name a stream of a file, as Windows has it: `/path:stream`.
  private func select(
    _ path: String, in tree: MountTree
  ) throws -> (Selection, stream: FileName?) {
    do {
      return (try Selection([PathPattern(path)], in: tree), nil)
    } catch let error as PathError where error.problem == .notFound {
      guard let colon = path.lastIndex(of: ":"), !path[colon...].contains("/") else { throw error }
      let selection = try Selection([PathPattern(String(path[..<colon]))], in: tree)
      return (selection, FileName(String(path[path.index(after: colon)...])))
    }
  }

  private func print(
    _ root: Selection.Root, _ stream: FileName?, of tree: MountTree, to output: Output,
    _ session: Session
  ) throws {
    let place = try tree.place(at: root.path)
    let content =
      try stream.map { try place.fileSystem.content(ofStream: $0, of: place.item) }
      ?? place.fileSystem.content(of: place.item)
    try FileStream().copy(
      content, progress: .init(), cancellation: session.cancellation, to: output.write)
  }
}
