import ArgumentParser
import Chunking
import Compression
import SystemPackage
import Tiers
import Vaults

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a vault.",
    discussion: """
      Redundancy says how many copies of everything there are: single keeps one; lrs three, and a
      write counts when all have it; zrs three in three zones, of which one may be away; grs three,
      and more in a secondary region. Without --copy the stores lie under VAULT. Any one of them
      opens the vault later.

      EXAMPLES:
        kluis init /backup/vault --redundancy single
        kluis init /backup/vault --copy /disk1/vault --copy /disk2/vault --copy /disk3/vault
        kluis init /backup/vault --redundancy grs --secondary /mnt/elsewhere/vault
        kluis init /backup/vault --snapshots /fast/snapshots --compression zstd:3
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The directory of the vault; made if missing.", completion: .directory)
  var vault: String

  @Option(help: "How many copies: single, lrs, zrs or grs.")
  var redundancy: Redundancy = .lrs

  @Option(
    name: .customLong("copy"),
    help: ArgumentHelp(
      "A store of the vault tier, best on a disk of its own; three times.", valueName: "dir"),
    completion: .directory)
  var copies: [String] = []

  @Option(
    name: .customLong("secondary"),
    help: ArgumentHelp(
      "A store of the secondary region, for grs; one to three times.", valueName: "dir"),
    completion: .directory)
  var secondaries: [String] = []

  @Option(
    help: ArgumentHelp("A store for the snapshot tier, or none.", valueName: "dir|none"),
    completion: .directory)
  var snapshots = "none"

  @Option(help: "Chunks' size on average: 16K to 1M, a power of two.")
  var chunkSize = Size(byteCount: 65_536)

  @Option(help: "zstd:1 to zstd:19, zlib:1 to zlib:9, or none.")
  var compression = CompressionSetting.standard

  @Flag(help: ArgumentHelp("Encrypt the vault; not built yet.", visibility: .hidden))
  var encrypt = false

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "A vault is made whole or refused.") {
      session in
      if encrypt {
        throw VaultError.unsupported("--encrypt is not built yet: make the vault without it")
      }
      let made = try Vault.create(try plan(), now: .now)
      if session.options.json { return try printJSON(made.descriptor) }
      session.say("made vault \(made.descriptor.id) at \(vault), redundancy \(redundancy.rawValue)")
      for (store, place) in zip(made.descriptor.stores, made.places) {
        session.say("  \(store.tier.rawValue) store \(place)")
      }
      try warnOfSharedDisks(made)
      session.say("next: kluis --vault \(vault) backup NAME --disk root=IMAGE")
    }
  }

  private func plan() throws -> Vault.Plan {
    guard let sizes = ChunkSizes(average: Int(clamping: chunkSize.byteCount)) else {
      throw ValidationError("--chunk-size is a power of two from 16K to 1M")
    }
    var plan = Vault.Plan(path: FilePath(vault))
    plan.snapshots = snapshots == "none" ? nil : FilePath(snapshots)
    plan.redundancy = redundancy
    plan.copies = copies.map { FilePath($0) }
    plan.secondaries = secondaries.map { FilePath($0) }
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

extension CompressionSetting: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}
