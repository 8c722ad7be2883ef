import ArgumentParser
import CLinux
import Workers

@main
struct Kluis: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kluis",
    abstract: "Back up and restore virtual machines' disks.",
    discussion: """
      EXAMPLES:
        kluis init /backup/vault --redundancy single
        export KLUIS_VAULT=/backup/vault
        kluis backup web01 --disk root=/images/web01.img
        kluis points
        kluis restore disk web01@latest --to /images/restored.img
        kluis ls -l web01:/etc
        kluis restore files web01 /etc/hosts --to /tmp/web01
        kluis verify

      A POINT is VM (its newest), VM@latest, VM@2026-11-22 (the newest whose \
      time begins so), or a point's id as `kluis points` prints it.

      EXIT STATUS:
        0 done, 1 failed, 3 done but something is degraded, 64 the command line
        is wrong, 130 stopped by Ctrl-C.
      """,
    version: "kluis 0.1.0",
    subcommands: [
      Init.self, BackupCommand.self, Transfer.self, Replicate.self, Points.self, Show.self,
      Stats.self, Restore.self, Create.self, Recover.self, Replaced.self, DrillCommand.self,
      Verify.self,
      ScrubCommand.self, AddCopy.self, ReplaceCopy.self, Convert.self, RebuildIndex.self, Copy.self,
      PolicyCommand.self, Expire.self, Delete.self, Undelete.self, Lock.self,
      ReclaimCommand.self,
      KeyCommand.self, VolumesCommand.self, List.self, Cat.self, Find.self,
      Diff.self, Versions.self,
    ])

  @OptionGroup var shared: SharedOptions

  static func main() {
    linux_keep_standard_descriptors()
    linux_block_interrupts()
    // Else there would be a heap for each thread, and what is free in one serves no other.
    linux_limit_heaps(Int32(availableCores()))
    do {
      try refuseUnreadableWords()
      var command = try parsed()
      do { try command.run() } catch let error as ValidationError {
        let name = Self.path(to: type(of: command)).joined(separator: " ")
        printError("kluis: \(error.message)\n  See '\(name) --help' for more information.")
        throw ExitCode.validationFailure
      }
      do { try flushPrinted() } catch {
        printError("kluis: \(error)")
        throw ExitCode(Status.failed)
      }
    } catch { exit(withError: error) }
  }

  /// - Throws: what is wrong with the command line; where that is a command's name, it was told.
  private static func parsed() throws -> any ParsableCommand {
    do { return try parseAsRoot() } catch {
      guard exitCode(for: error) == .validationFailure,
        let mistake = UnknownCommand(in: CommandLine.arguments.dropFirst(), of: Kluis.self)
      else { throw error }
      printError("kluis: \(mistake)")
      throw ExitCode.validationFailure
    }
  }

  /// How a command is called, from the program's name on.
  private static func path(
    to command: any ParsableCommand.Type, from parent: any ParsableCommand.Type = Kluis.self
  ) -> [String] {
    if command == parent { return [parent._commandName] }
    for child in parent.configuration.subcommands {
      let path = path(to: command, from: child)
      if !path.isEmpty { return [parent._commandName] + path }
    }
    return []
  }
}

/// Options that every command takes, before or after its name.
struct SharedOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The vault: any of its stores (or KLUIS_VAULT).", valueName: "path"),
    completion: .directory)
  var vault: String?

  @Option(
    help: ArgumentHelp(
      "A file with the passphrase of an encrypted vault (or KLUIS_PASSPHRASE_FILE).",
      valueName: "file"),
    completion: .file())
  var passphraseFile: String?

  @Option(
    help: ArgumentHelp(
      "The key file of an encrypted vault (or KLUIS_KEY_FILE).", valueName: "file"),
    completion: .file())
  var keyFile: String?

  @Flag(help: "Print JSON: stable keys, sizes in bytes, times in UTC.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print no progress and no summary.")
  var quiet = false
}
