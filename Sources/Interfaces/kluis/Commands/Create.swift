import ArgumentParser
import Files
import Machines
import Restores
import SystemPackage

struct Create: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a machine of a template and restored disks.",
    discussion: """
      Looks at template and disks first, then writes NAME.json (and NAME.xml, where the machine \
      came from libvirt: `virsh define NAME.xml` takes it). Gives it a uuid and MACs where the \
      template has none. If it fails the disks are where they were.

      EXAMPLES:
        kluis create --template /images/web01-disks/template.json
        kluis create --template web01-disks/template.json --to /images --move-disks
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Option(
    help: ArgumentHelp("A template from `kluis restore disks`.", valueName: "file"),
    completion: .file())
  var template: String

  @Option(
    help: ArgumentHelp(
      "Where the definition goes; beside the template without it.", valueName: "dir"),
    completion: .directory)
  var to: String?

  @Flag(help: "Move the disks there as well, as NAME-DISK.img.")
  var moveDisks = false

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "The disks are where they were.") {
      session in
      var creation = MachineCreation(template: try absolutePath(FilePath(template)))
      creation.directory = to.map { FilePath($0) }
      creation.movesDisks = moveDisks
      let made: MachineDefinition
      do { made = try creation.run() } catch {
        if try fileStatus(creation.template) != nil {
          printError("no machine was made; the disks are where \(template) says")
        }
        throw error
      }
      if session.options.json { return try printJSON(made) }
      session.say("made machine \(made.name)")
      for disk in made.disks { session.say("  disk \(disk.name)  \(disk.path ?? "")") }
    }
  }
}
