import ArgumentParser
import Chunking
import Compression
import SystemPackage
import Vaults

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a vault.",
    discussion: """
      EXAMPLES:
        kluis init /backup/vault --redundancy single
        kluis init /backup/vault --redundancy single --compression zstd:3 --chunk-size 128K
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The directory of the vault; made if missing.", completion: .directory)
  var vault: String

  @Option(help: "How many copies: single, lrs, zrs or grs.")
  var redundancy: Redundancy = .lrs

  @Option(
    help: ArgumentHelp("A store for the snapshot tier, or none.", valueName: "dir|none"),
    completion: .directory)
  var snapshots = "none"

  @Option(help: "Chunks' size on average: 16K to 1M, a power of two.")
  var chunkSize = Size(byteCount: 65_536)

  @Option(help: "zstd:1 to zstd:19, zlib:1 to zlib:9, or none.")
  var compression = CompressionSetting.standard

  @Option(
    name: .customLong("copy"),
    help: ArgumentHelp("A copy's directory; not built yet.", visibility: .hidden))
  var copies: [String] = []

  @Option(
    name: .customLong("secondary"),
    help: ArgumentHelp("A secondary store's directory; not built yet.", visibility: .hidden))
  var secondaries: [String] = []

  @Flag(help: ArgumentHelp("Encrypt the vault; not built yet.", visibility: .hidden))
  var encrypt = false

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "A vault is made whole or refused.") {
      session in
      guard let sizes = ChunkSizes(average: Int(clamping: chunkSize.byteCount)) else {
        throw ValidationError("--chunk-size is a power of two from 16K to 1M")
      }
      try refuseWhatIsNotBuilt()
      var plan = Vault.Plan(path: FilePath(vault))
      plan.snapshots = snapshots == "none" ? nil : FilePath(snapshots)
      plan.redundancy = redundancy
      plan.sizes = sizes
      plan.compression = compression
      let made = try Vault.create(plan, now: .now)
      if session.options.json { return try printJSON(made.descriptor) }
      session.say("made vault \(made.descriptor.id) at \(vault)")
      session.say(
        "next: kluis --vault \(vault) backup NAME --disk root=IMAGE")
    }
  }
}

extension Init {
  private func refuseWhatIsNotBuilt() throws {
    guard redundancy == .single else {
      throw VaultError.unsupported(
        "redundancy \(redundancy.rawValue) is not built yet: make the vault with "
          + "--redundancy single")
    }
    let asked = [
      ("--copy", !copies.isEmpty), ("--secondary", !secondaries.isEmpty), ("--encrypt", encrypt),
    ]
    for (option, isAsked) in asked where isAsked {
      throw VaultError.unsupported("\(option) is not built yet: make the vault without it")
    }
  }
}

extension Redundancy: ExpressibleByArgument {}

extension CompressionSetting: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}

/// A size on the command line: `65536`, `64K`, `10G` (powers of 1,024).
struct Size: ExpressibleByArgument {
  let byteCount: UInt64

  init(byteCount: UInt64) { self.byteCount = byteCount }

  init?(argument: String) {
    let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
    let unit = argument.last.flatMap { units[Character($0.uppercased())] }
    guard let number = UInt64(unit == nil ? argument[...] : argument.dropLast()) else { return nil }
    let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit ?? 1)
    if isTooLarge { return nil }
    byteCount = product
  }

  var defaultValueDescription: String { "\(byteCount >> 10)K" }
}
