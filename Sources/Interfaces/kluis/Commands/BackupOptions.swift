import ArgumentParser
import Backups
import Machines

/// Which disks of a definition a backup takes.
struct SelectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Leave this disk out; also from later backups.", valueName: "disk"))
  var exclude: [String] = []

  @Option(
    help: ArgumentHelp("Take this disk and no others that are not named.", valueName: "disk"))
  var include: [String] = []

  @Flag(help: "Take only the disk that the machine starts from.")
  var onlyOs = false

  @Flag(help: "Take all disks again.")
  var allDisks = false

  /// nil where nothing was said, and what was said before holds.
  var chosen: DiskSelection? {
    if exclude.isEmpty, include.isEmpty, !onlyOs, !allDisks { return nil }
    return DiskSelection(include: include, exclude: exclude, onlyOS: onlyOs)
  }

  func validate() throws {
    if allDisks, !exclude.isEmpty || !include.isEmpty || onlyOs {
      throw ValidationError("--all-disks stands alone")
    }
  }
}

/// How a machine's applications are brought to rest.
struct ConsistencyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A command that brings the machine's applications to rest; its failure ends the backup.",
      valueName: "command"))
  var preFreeze: String?

  @Option(
    help: ArgumentHelp("A command that sets them going again; always run.", valueName: "command"))
  var postThaw: String?

  @Option(help: ArgumentHelp("How long either may take.", valueName: "seconds"))
  var hookTimeout = 60

  var quiescence: Quiescence? {
    guard let preFreeze, let postThaw else { return nil }
    return Quiescence(freeze: preFreeze, thaw: postThaw, timeout: .seconds(hookTimeout))
  }

  func validate() throws {
    if (preFreeze == nil) != (postThaw == nil) {
      throw ValidationError("--pre-freeze and --post-thaw belong together")
    }
    if !(1...86_400).contains(hookTimeout) {
      throw ValidationError("--hook-timeout is a number of seconds, up to a day")
    }
  }
}
