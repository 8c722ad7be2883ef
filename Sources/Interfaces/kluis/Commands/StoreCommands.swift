import ArgumentParser
import Maintenance
import Tiers
import Vaults
import Workers

struct AddCopy: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Add a store to a tier, filled from the others.",
    discussion: """
      Backups may go on meanwhile. Stopped, the same command goes on where it was.

      EXAMPLES:
        kluis add-copy /disk4/vault
        kluis add-copy /mnt/elsewhere/vault2 --tier secondary
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "An empty directory; made if missing.", completion: .directory)
  var directory: Place

  @Option(help: "The tier that it joins: vault or secondary.")
  var tier: JoinedTier = .vault

  enum JoinedTier: String, ExpressibleByArgument, CaseIterable {
    case vault, secondary
    var name: Tier.Name { self == .vault ? .vault : .secondary }
  }

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: StoreChange.harmless) { session in
      let vault = try session.openVault()
      try vault.require(tier.name).requireReadable()
      try StoreChange(session: session).run("add-copy") { progress in
        try Restructuring(of: vault, notices: session.notices).addCopy(
          at: directory.path, to: tier.name, progress: progress,
          cancellation: session.cancellation)
      }
    }
  }
}

struct ReplaceCopy: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put a new store in the place of one, filled from the others.",
    discussion: """
      OLD may be gone or damaged. Backups may go on meanwhile. Stopped, the same command goes on \
      where it was.

      EXAMPLES:
        kluis replace-copy /disk2/vault /disk5/vault
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The store that is let go.", completion: .directory)
  var old: Place

  @Argument(help: "An empty directory; made if missing.", completion: .directory)
  var new: Place

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: StoreChange.harmless) { session in
      // That OLD is gone is why it is replaced, and not degraded any more afterwards.
      let vault = try session.openVault(telling: Notices())
      try StoreChange(session: session).run("replace-copy") { progress in
        try Restructuring(of: vault, notices: session.notices).replaceCopy(
          at: old.path, by: new.path, progress: progress,
          cancellation: session.cancellation)
      }
    }
  }
}

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Change how many copies the vault keeps, and where.",
    discussion: """
      New copies are filled and every byte of what stays is checked before an old one is let go. \
      What is let go keeps its files.

      EXAMPLES:
        kluis convert --redundancy lrs --copy /disk2/vault --copy /disk3/vault
        kluis convert --redundancy grs --secondary /mnt/elsewhere/vault
        kluis convert --redundancy single
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Option(help: "single, lrs, zrs or grs.")
  var redundancy: Redundancy

  @Option(
    name: .customLong("copy"),
    help: ArgumentHelp("A store that the vault tier gets.", valueName: "dir"),
    completion: .directory)
  var copies: [Place] = []

  @Option(
    name: .customLong("secondary"),
    help: ArgumentHelp("A store of the secondary region, for grs.", valueName: "dir"),
    completion: .directory)
  var secondaries: [Place] = []

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: StoreChange.harmless) { session in
      let vault = try session.openVault()
      try StoreChange(session: session).run("convert") { progress in
        try Restructuring(of: vault, notices: session.notices).convert(
          to: redundancy, copies: copies.map(\.path), secondaries: secondaries.map(\.path),
          progress: progress,
          cancellation: session.cancellation)
      }
    }
  }
}

/// What the commands that change a vault's stores have in common.
private struct StoreChange {
  let session: Session

  static let harmless =
    "Nothing was harmed: the vault is as it was, and the same command goes on where this one was."

  func run(_ title: String, _ body: (Progress) throws -> Restructuring.Report) throws {
    let report = try session.withProgress(title) { progress in try body(progress) }
    let descriptor = report.vault.descriptor
    if session.options.json { return try printJSON(descriptor) }
    session.say(
      "redundancy \(descriptor.redundancy.rawValue), \(Text.size(report.copiedBytes)) copied")
    for store in report.vault.currentStores {
      session.say("  \(store.tier.rawValue) store \(store.path)")
    }
    for path in report.released {
      session.say("\(path) is no part of the vault any more; what it holds may be deleted")
    }
  }
}
