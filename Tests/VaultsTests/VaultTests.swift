import Chunking
import Compression
import Files
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct VaultTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }
  private let now = Timestamp(secondsSince1970: 1_795_359_845)

  private func create(snapshots: Bool = true) throws -> Vault {
    var plan = Vault.Plan(path: directory.appending("home").appending("vault"))
    if snapshots { plan.snapshots = directory.appending("home").appending("snapshots") }
    plan.sizes = ChunkSizes(average: 32_768)!
    plan.compression = CompressionSetting("zlib:3")!
    return try Vault.create(plan, now: now)
  }

  @Test("a vault is opened as it was made, through any of its stores or their directory")
  func opening() throws {
    let made = try create()
    #expect(made.tiers.map(\.name) == [.snapshot, .vault] && made.firstTier.name == .snapshot)
    let home = directory.appending("home")
    for path in [home.appending("vault"), home.appending("snapshots"), home] {
      let vault = try Vault.open(path)
      #expect(vault.descriptor.id == made.descriptor.id && vault.descriptor.created == now)
      #expect(try vault.chunker().sizes == ChunkSizes(average: 32_768))
      #expect(vault.compression.description == "zlib:3")
      #expect(vault.tiers.map { $0.stores.map(\.name) } == made.tiers.map { $0.stores.map(\.name) })
    }
    #expect(made.tier(.vault)?.stores.count == 1 && made.tier(.secondary) == nil)
  }

  @Test("a vault without a snapshot tier has one tier, and two vaults have different seeds")
  func single() throws {
    let vault = try create(snapshots: false)
    #expect(vault.tiers.map(\.name) == [.vault])
    let other = try Vault.create(Vault.Plan(path: directory.appending("other")), now: now)
    #expect(other.descriptor.id != vault.descriptor.id && other.descriptor.id.count == 32)
    #expect(other.descriptor.chunking.seed != vault.descriptor.chunking.seed)
  }

  @Test("a vault that was moved as a whole is found by how its stores lie to one another")
  func moved() throws {
    _ = try create()
    let moved = directory.appending("moved")
    try renameFile(directory.appending("home"), to: moved, replacing: false)
    for store in ["vault", "snapshots"] {
      let vault = try Vault.open(moved.appending(store))
      let names = vault.tiers.flatMap { $0.stores.map(\.name) }
      #expect(names == [moved.appending("snapshots").string, moved.appending("vault").string])
    }
  }

  @Test("a store that stayed where it was is found there when only the other moved")
  func partlyMoved() throws {
    _ = try create()
    let moved = directory.appending("elsewhere")
    try renameFile(
      directory.appending("home").appending("vault"), to: moved, replacing: false)
    let names = try Vault.open(moved).tiers.flatMap { $0.stores.map(\.name) }
    #expect(names == [directory.appending("home/snapshots").string, moved.string])
  }

  @Test("a vault of a newer format is not opened, and the error says so", arguments: [4, 1000])
  func newer(format: Int) throws {
    let made = try create(snapshots: false)
    var descriptor = made.descriptor
    descriptor.format = format
    try write(CheckedDocument.encode(descriptor), made)
    expectVaultError("format \(format)") { _ = try Vault.open(made.path) }
    // A newer format may have other fields; the number is all that must be there.
    try write(reseal(Array("{\"format\":\(format),\"new\":[]}".utf8)), made)
    expectVaultError("use a newer kluis") { _ = try Vault.open(made.path) }
  }

  @Test("a descriptor that is damaged in one of its two places is healed from the other")
  func halfDamaged() throws {
    let made = try create(snapshots: false)
    let good = try readFile(made.path.appending("vault.json"))
    for name in ["vault.json", "vault.copy.json"] {
      let path = made.path.appending(name)
      for damage in [nil, [], Array(good.prefix(99)), good.map { $0 ^ 1 }] as [[UInt8]?] {
        try removeFile(path)
        if let damage { try writeFile(damage, to: path, sparse: false) }
        let notices = Notices()
        #expect(try Vault.open(made.path, notices: notices).descriptor == made.descriptor)
        #expect(notices.all.contains { $0.contains(name) && $0.contains("repaired") })
        #expect(try readFile(path) == good)
      }
    }
  }

  @Test("a damaged descriptor is an error that names it")
  func damaged() throws {
    let made = try create(snapshots: false)
    let good = try readFile(made.path.appending("vault.json"))
    for place in stride(from: 0, to: good.count, by: 7) {
      var bytes = good
      bytes[place] ^= 4
      try write(bytes, made)
      expectVaultError("vault.json is damaged") { _ = try Vault.open(made.path) }
    }
    for bytes in [[], Array(good.prefix(100)), reseal(Array("{}".utf8)), reseal([])] {
      try write(bytes, made)
      expectVaultError("vault.json is damaged") { _ = try Vault.open(made.path) }
    }
    try write(good, made)
    #expect(try Vault.open(made.path).descriptor == made.descriptor)
  }

  @Test("a descriptor that says what does not exist is damaged", arguments: 0..<5)
  func nonsense(number: Int) throws {
    let made = try create(snapshots: false)
    var descriptor = made.descriptor
    switch number {
    case 0: descriptor.chunking.averageByteCount = 12_345
    case 1: descriptor.chunking.seed = "zz"
    case 2: descriptor.compression = "lz4"
    case 3: descriptor.identity = "md5"
    default: descriptor.stores = []
    }
    try write(CheckedDocument.encode(descriptor), made)
    expectVaultError("vault.json is damaged") { _ = try Vault.open(made.path) }
  }

  @Test("what is no vault is not opened")
  func noVault() throws {
    expectVaultError("is not a vault") { _ = try Vault.open(directory.path) }
    expectVaultError("is not a vault") { _ = try Vault.open(directory.appending("nothing")) }
    try writeFile([1], to: directory.appending("file"))
    #expect(throws: (any Error).self) { try Vault.open(directory.appending("file")) }
  }

  @Test("nothing that exists is made a vault, and an empty directory is")
  func existing() throws {
    let path = directory.appending("home").appending("vault")
    try makeDirectory(path)
    _ = try create(snapshots: false)
    expectVaultError("exists and is not empty") { _ = try create(snapshots: false) }
    let other = directory.appending("other")
    try makeDirectory(other)
    try writeFile([1], to: other.appending("letter"))
    expectVaultError("exists and is not empty") {
      _ = try Vault.create(Vault.Plan(path: other), now: now)
    }
    #expect(try directoryEntries(other) == ["letter"])
  }

  @Test("stores that lie inside one another are refused before anything is made")
  func overlap() throws {
    let path = directory.appending("v")
    for snapshots in [path, path.appending("inner"), directory.path] {
      var plan = Vault.Plan(path: path)
      plan.snapshots = snapshots
      let text = snapshots == path ? "named as two stores" : "lie inside one another"
      expectVaultError(text) { _ = try Vault.create(plan, now: now) }
    }
    #expect(try directoryEntries(directory.path) == [])
  }

  @Test(
    "the way from one directory to another",
    arguments: [
      ("/a/b", "/a/c", "../c"), ("/a", "/a/b/c", "b/c"), ("/a/b/c", "/a", "../.."),
      ("/x", "/y/z", "../y/z"), ("/a", "/a", ""),
    ])
  func relative(start: String, end: String, way: String) {
    #expect(relativePath(from: FilePath(start), to: FilePath(end)) == FilePath(way))
  }

  private func write(_ bytes: [UInt8], _ vault: Vault) throws {
    for name in ["vault.json", "vault.copy.json"] {
      try writeFile(bytes, to: vault.path.appending(name), sparse: false)
    }
  }
}

func expectVaultError(_ text: String, _ body: () throws -> Void) {
  do {
    try body()
    Issue.record("nothing was thrown, not \"\(text)\"")
  } catch {
    #expect(error is VaultError)
    #expect("\(error)".contains(text))
  }
}
