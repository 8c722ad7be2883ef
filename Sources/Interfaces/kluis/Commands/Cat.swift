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
          let selection = try Selection([PathPattern(path)], in: tree)
          for root in selection.roots {
            do { try print(root, of: tree, to: output, looking.session) } catch
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

  private func print(
    _ root: Selection.Root, of tree: MountTree, to output: Output, _ session: Session
  ) throws {
    let place = try tree.place(at: root.path)
    let content = try place.fileSystem.content(of: place.item)
    try FileStream().copy(
      content, progress: .init(), cancellation: session.cancellation, to: output.write)
  }
}
