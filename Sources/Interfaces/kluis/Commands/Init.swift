import ArgumentParser
import Chunking
import Compression
import Encryption
import SystemPackage
import Tiers
import Vaults

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a vault.",
    discussion: """
      Redundancy says how many copies of everything there are: single keeps one; lrs three, and a \
      write counts when all have it; zrs three in three zones, of which one may be away; grs \
      three, and more in a secondary region. Without --copy the stores lie under VAULT. Any one of \
      them opens the vault later.

      EXAMPLES:
        kluis init /backup/vault --redundancy single
        kluis init /backup/vault --copy /disk1/v --copy /disk2/v --copy /disk3/v
        kluis init /backup/vault --redundancy grs --secondary /mnt/elsewhere/vault
        kluis init /backup/vault --encrypt --passphrase-file /root/kluis.pass
        kluis init /backup/vault --snapshots /fast/snapshots --compression zstd:3
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The directory of the vault; made if missing.", completion: .directory)
  var vault: Place

  @Option(help: "How many copies: single, lrs, zrs or grs.")
  var redundancy: Redundancy = .lrs

  @Option(
    name: .customLong("copy"),
    help: ArgumentHelp(
      "A store of the vault tier, best on a disk of its own; three times.", valueName: "dir"),
    completion: .directory)
  var copies: [Place] = []

  @Option(
    name: .customLong("secondary"),
    help: ArgumentHelp(
      "A store of the secondary region, for grs; one to three times.", valueName: "dir"),
    completion: .directory)
  var secondaries: [Place] = []

  @Option(
    help: ArgumentHelp(
      "A store for the snapshot tier, or none; none without it.", valueName: "dir|none"),
    completion: .directory)
  var snapshots: Place?

  @Option(help: "Chunks' size on average: 16K to 1M, a power of two.")
  var chunkSize = Size(byteCount: 65_536)

  @Option(help: "zstd:1 to zstd:19, zlib:1 to zlib:9, or none.")
  var compression = CompressionSetting.standard

  @Flag(
    help: """
      Encrypt the vault, under --passphrase-file, --key-file, or a passphrase that is asked for.
      """)
  var encrypt = false

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "A vault is made whole or refused.") {
      session in
      var plan = try plan()
      plan.credential = try credential(session)
      let made = try make(plan)
      if session.options.json { return try printJSON(made.descriptor) }
      session.say(
        "made \(encrypt ? "encrypted " : "")vault \(made.descriptor.id) at \(vault.path), "
          + "redundancy \(redundancy.rawValue)")
      for (store, place) in zip(made.descriptor.stores, made.places) {
        session.say("  \(store.tier.rawValue) store \(place)")
      }
      try warnOfSharedDisks(made)
      let place = Text.word(vault.path.string)
      if encrypt {
        session.say(
          "print a recovery sheet, for the day the key is lost: kluis --vault \(place) key export "
            + "--to FILE")
      }
      session.say("next: kluis --vault \(place) backup NAME --disk root=IMAGE")
    }
  }

  private func make(_ plan: Vault.Plan) throws -> Vault {
    do { return try Vault.create(plan, now: .now) } catch VaultError.unsupported(let what) {
      // What was asked for cannot be; nothing is wrong with the disks.
      throw ValidationError(what)
    }
  }

  private func credential(_ session: Session) throws -> Credential? {
    let named = try session.credential()
    guard encrypt else {
      if named == nil { return nil }
      throw ValidationError(
        "a key is named (by an option, KLUIS_PASSPHRASE_FILE or KLUIS_KEY_FILE), and --encrypt is "
          + "not: a vault that is made unencrypted stays so")
    }
    if let named {
      hideMemory()
      return named
    }
    let prompt = PassphrasePrompt(cancellation: session.cancellation)
    if let typed = try prompt.askForNew("passphrase of the new vault") { return typed }
    throw ValidationError("--encrypt needs --passphrase-file FILE or --key-file FILE")
  }

  private func plan() throws -> Vault.Plan {
    guard let sizes = ChunkSizes(average: Int(clamping: chunkSize.byteCount)) else {
      throw ValidationError("--chunk-size is a power of two from 16K to 1M")
    }
    var plan = Vault.Plan(path: vault.path)
    plan.snapshots = snapshots?.path == "none" ? nil : snapshots?.path
    plan.redundancy = redundancy
    plan.copies = copies.map(\.path)
    plan.secondaries = secondaries.map(\.path)
    plan.sizes = sizes
    plan.compression = compression
    return plan
  }

  /// Copies on one file system are lost together when it is.
  private func warnOfSharedDisks(_ vault: Vault) throws {
    for shared in try vault.storesOnOneFileSystem() {
      printError(
        "warning: \(shared.map(\.string).joined(separator: ", ")) share a file system: "
          + "they guard against damage, not against its loss")
    }
  }
}

extension Redundancy: ExpressibleByArgument {}

/// A file or directory that is named on the command line.
struct Place: ExpressibleByArgument {
  let path: FilePath

  /// Refuses an empty one, which a script makes of a variable that is not set, and which would mean
  /// the current directory.
  init?(argument: String) {
    if argument.isEmpty { return nil }
    path = FilePath(argument)
  }
}

extension CompressionSetting: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}
