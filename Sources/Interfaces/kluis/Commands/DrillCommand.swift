import ArgumentParser
import Drills
import Files
import FoundationEssentials
import SystemPackage
import Tiers
import Vaults

struct DrillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill",
    abstract: "Try whether a machine can be had back, and how long that takes.",
    discussion: """
      Restores the point to a scratch directory, reads all that came and computes every digest \
      anew, reads partition tables and what file systems say of themselves, and removes it. With \
      --boot the machine is started in QEMU without a network, and has to come up: until its \
      serial console shows a login prompt, or the text of --boot-text.

      --report writes FILE.json and FILE.txt. The exit status is 1 where the machine cannot be had \
      back.

      EXAMPLES:
        kluis drill web01
        kluis drill db01@2026-11-22 --tier secondary --report /var/lib/drills/db01
        kluis drill web01 --boot --boot-timeout 600 --scratch /fast
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The machine, or one of its recovery points.")
  var point: String

  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  @Option(
    help: ArgumentHelp("Write FILE.json and FILE.txt.", valueName: "file"), completion: .file())
  var report: String?

  @Option(
    help: ArgumentHelp("Restore below this directory, for a while.", valueName: "dir"),
    completion: .directory)
  var scratch = "/var/tmp"

  @Flag(help: "Start the machine, and wait until it is up.")
  var boot = false

  @Option(help: ArgumentHelp("What its serial console says when it is up.", valueName: "text"))
  var bootText: String?

  @Option(help: ArgumentHelp("How long it may take.", valueName: "seconds"))
  var bootTimeout: Int?

  @Flag(help: "Replace a report that is there.")
  var force = false

  func validate() throws {
    if !boot, bootText != nil || bootTimeout != nil {
      throw ValidationError("--boot-text and --boot-timeout are for --boot")
    }
    if let bootText, bootText.isEmpty { throw ValidationError("--boot-text is empty") }
    if let bootTimeout, !(1...86_400).contains(bootTimeout) {
      throw ValidationError("--boot-timeout is a number of seconds, up to a day")
    }
  }

  func run() throws {
    try Session.run(
      [kluis.shared, shared], harmless: "Nothing was harmed, and what was restored is removed."
    ) { session in
      let files = try reportFiles()
      if boot, !BootPlan.isPossible {
        throw ValidationError("--boot needs qemu-system-x86_64: install qemu-system-x86")
      }
      let vault = try session.openVault()
      try tier.check(in: vault)
      let listed = try vault.point(point, in: tier.name, notices: session.notices)
      let open = try tier.open(listed, in: vault, notices: session.notices)
      guard try fileStatus(FilePath(scratch))?.kind == .directory else {
        throw ValidationError("there is no directory \(scratch): name another with --scratch")
      }
      var drill = Drill(listed.point, in: try absolutePath(FilePath(scratch)))
      drill.boot = bootPlan
      let report = try session.withProgress("drill \(listed.point.machine)") { progress in
        try drill.run(from: open, progress: progress, cancellation: session.cancellation)
      }
      let text = DrillText(report).text
      try write(report, text, to: files)
      if session.options.json { try printJSON(report) } else { session.say(text) }
      if !report.passed {
        if session.isQuiet { printError("kluis: \(report.failure ?? "the drill failed")") }
        throw ExitCode(Status.failed)
      }
    }
  }

  private var bootPlan: BootPlan? {
    guard boot else { return nil }
    var plan = BootPlan()
    if let bootText { plan.expected = bootText }
    if let bootTimeout { plan.timeout = .seconds(bootTimeout) }
    return plan
  }

  /// - Throws: `ValidationError` where one of them is there already, or cannot be.
  private func reportFiles() throws -> (json: FilePath, text: FilePath)? {
    guard let report else { return nil }
    let name = report.hasSuffix(".json") ? String(report.dropLast(5)) : report
    let files = (json: FilePath("\(name).json"), text: FilePath("\(name).txt"))
    let directory = parent(of: files.json)
    guard try fileStatus(directory)?.kind == .directory else {
      throw ValidationError("there is no directory \(directory) for the report: make it first")
    }
    for path in [files.json, files.text] where !force {
      if try fileStatus(path) != nil {
        throw ValidationError("\(path) exists already: choose another name, or --force")
      }
    }
    return files
  }

  private func write(
    _ report: DrillReport, _ text: String, to files: (json: FilePath, text: FilePath)?
  ) throws {
    guard let files else { return }
    for (path, bytes) in [
      (files.json, try jsonBytes(report)), (files.text, Array("\(text)\n".utf8)),
    ] {
      if force { try removeFile(path) }
      let file = try File.create(path)
      try file.write(bytes.span.bytes, at: 0)
      try file.sync()
    }
  }
}
