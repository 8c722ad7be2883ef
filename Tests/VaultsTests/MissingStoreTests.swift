import Files
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct MissingStoreTests {
  private let directory: TemporaryDirectory
  private let notices = Notices()
  private let made: Vault

  init() throws {
    directory = try TemporaryDirectory()
    var plan = Vault.Plan(path: directory.appending("v"))
    plan.redundancy = .zrs
    made = try Vault.create(plan, now: Timestamp(secondsSince1970: 1_000_000))
  }

  private func copy(_ number: Int) -> FilePath { directory.appending("v/copy-\(number)") }

  private func open(_ number: Int = 1) throws -> Tier {
    try #require(try Vault.open(copy(number), notices: notices).tier(.vault))
  }

  private func expectAbsent(_ tier: Tier, _ number: Int, because reason: String) {
    #expect(tier.absent.map(\.name) == [copy(number).string] && tier.stores.count == 2)
    #expect(tier.absent[0].reason.contains(reason), "\(tier.absent[0].reason)")
    let notice = "store \(copy(number)) of the vault tier cannot be used: "
    #expect(notices.all.contains { $0.hasPrefix(notice) })
  }

  private func damage(_ number: Int, _ names: [String]) throws {
    for name in names {
      let path = copy(number).appending(name)
      var bytes = try readFile(path)
      bytes[bytes.count / 2] ^= 1
      try overwriteFile(path, with: bytes)
    }
  }

  @Test("a store that is gone, or a mount point without its disk, is absent", arguments: [1, 2, 3])
  func gone(number: Int) throws {
    try removeTree(copy(number))
    expectAbsent(try open(number % 3 + 1), number, because: "it holds no vault.json")
    try makeDirectory(copy(number))
    expectAbsent(try open(number % 3 + 1), number, because: "is its disk mounted?")
    #expect(try directoryEntries(copy(number)) == [], "nothing is written to what is not mounted")
  }

  @Test("a store of another vault in the place of one is absent, and stays as it is")
  func foreign() throws {
    try removeTree(copy(2))
    let other = try Vault.create(Vault.Plan(path: copy(2)), now: .now)
    expectAbsent(try open(), 2, because: "it belongs to another vault")
    #expect(try Vault.open(copy(2)).descriptor.id == other.descriptor.id)
  }

  @Test("a store whose descriptors are both damaged is used all the same, and gets new ones")
  func damagedDescriptors() throws {
    try damage(2, ["vault.json", "vault.copy.json"])
    #expect(try open(1).stores.count == 3)
    #expect(notices.all.contains { $0.contains("copy-2/vault.json is damaged") })
    #expect(notices.all.contains { $0.contains("has a new vault.json now, from another store") })
    let fresh = Notices()
    #expect(try Vault.open(copy(2), notices: fresh).tiers.map(\.stores.count) == [3])
    #expect(fresh.all.isEmpty)
  }

  @Test("a store with both descriptors damaged opens its vault by those that lie beside it")
  func damagedAndOpened() throws {
    try damage(2, ["vault.json", "vault.copy.json"])
    #expect(try open(2).stores.count == 3)
    #expect(try Vault.open(copy(2)).descriptor.id == made.descriptor.id)
  }

  @Test("a descriptor that is damaged in one of its places is healed from the other, in any store")
  func halfDamaged() throws {
    let good = try readFile(copy(3).appending("vault.json"))
    for name in ["vault.json", "vault.copy.json"] {
      try damage(3, [name])
      #expect(try open(1).stores.count == 3)
      #expect(try readFile(copy(3).appending(name)) == good)
    }
    try removeFile(copy(3).appending("vault.json"))
    #expect(try open(1).stores.count == 3)
    #expect(try readFile(copy(3).appending("vault.json")) == good)
  }

  @Test("a store that was away while the vault changed learns of it, whichever way it is opened")
  func olderRevision() throws {
    let away = directory.appending("away")
    for opened in [1, 2] {
      let before = try Vault.open(copy(1))
      try renameFile(copy(2), to: away, replacing: false)
      let changed = try before.restructure(
        .zrs, stores: before.currentStores, notices: Notices())
      try renameFile(away, to: copy(2), replacing: false)
      let vault = try Vault.open(copy(opened), notices: notices)
      #expect(vault.descriptor.revision == changed.descriptor.revision)
      #expect(vault.tier(.vault)?.stores.count == 3)
      let own = try DirectoryStore(copy(2)).readDescriptor(notices: Notices())
      #expect(own?.revision == changed.descriptor.revision && own?.tier == .vault)
    }
  }

  @Test("a vault is opened with two of three stores gone, and refuses to be written to")
  func twoGone() throws {
    for number in [1, 3] { try removeTree(copy(number)) }
    let tier = try open(2)
    #expect(tier.stores.count == 1 && tier.absent.count == 2)
    let error = #expect(throws: TierError.self) { try tier.requireWritable() }
    #expect("\(try #require(error))".contains("no fewer than 2 stores"))
  }

  @Test("a directory in which two vaults lie is not guessed at")
  func twoVaults() throws {
    _ = try Vault.create(Vault.Plan(path: directory.appending("w")), now: .now)
    expectVaultError("several vaults lie here") { _ = try Vault.open(directory.path) }
    try removeTree(directory.appending("w"))
    #expect(try Vault.open(directory.path).descriptor.id == made.descriptor.id)
  }
}

@Suite struct RestructureTests {
  private let directory: TemporaryDirectory
  private let notices = Notices()
  private let vault: Vault

  init() throws {
    directory = try TemporaryDirectory()
    var plan = Vault.Plan(path: directory.appending("v"))
    plan.redundancy = .lrs
    plan.snapshots = directory.appending("snapshots")
    vault = try Vault.create(plan, now: Timestamp(secondsSince1970: 1_000_000))
  }

  @Test("every directory learns of a change: stores, what was let go, and what only tells of them")
  func telling() throws {
    let new = directory.appending("new")
    _ = try vault.prepareStore(at: new, in: .vault)
    var stores = vault.currentStores
    let number = try vault.storeNumber(at: directory.appending("v/copy-2"))
    stores[number].path = new.string
    let changed = try vault.restructure(.zrs, stores: stores, notices: notices)
    #expect(changed.descriptor.revision == 2 && changed.descriptor.redundancy == .zrs)
    for path in ["v", "v/copy-1", "v/copy-2", "v/copy-3", "new", "snapshots"] {
      let opened = try Vault.open(directory.appending(path), notices: notices)
      #expect(opened.descriptor.revision == 2 && opened.places == stores.map { FilePath($0.path) })
    }
    #expect(notices.all == [])
    let told = try DirectoryStore(directory.appending("v/copy-2")).readDescriptor(notices: notices)
    #expect(told?.tier == nil, "what was let go is no store any more")
  }

  @Test("of two changes of the stores that begin from the same the second one is refused")
  func outdated() throws {
    _ = try vault.restructure(.zrs, stores: vault.currentStores, notices: notices)
    expectVaultError("somebody else has changed") {
      _ = try vault.restructure(.lrs, stores: vault.currentStores, notices: notices)
    }
    #expect(try vault.latest(notices: notices).descriptor.redundancy == .zrs)
  }

  @Test("a change goes through although the first store is away")
  func firstStoreAway() throws {
    try removeTree(directory.appending("snapshots"))
    let vault = try Vault.open(directory.appending("v"), notices: notices)
    let changed = try vault.restructure(.zrs, stores: vault.currentStores, notices: notices)
    #expect(changed.descriptor.revision == 2 && changed.descriptor.id == vault.descriptor.id)
    #expect(
      try directoryEntries(directory.path) == ["v"], "nothing is made where a disk is missing")
  }

  @Test("whoever opened the vault before a change sees it, and others are told nothing new")
  func latest() throws {
    #expect(try vault.latest(notices: notices) === vault)
    let changed = try vault.restructure(.zrs, stores: vault.currentStores, notices: notices)
    #expect(try vault.latest(notices: notices).descriptor.revision == 2)
    #expect(try changed.latest(notices: notices) === changed)
  }

  @Test("a point is committed to the stores that there are then, all of them brought level first")
  func latestForCommit() throws {
    let tier = try vault.require(.vault)
    #expect(try vault.latestForCommit(tier, notices: notices).vault === vault)
    let sample = SamplePack([[1, 2, 3]])
    try tier.put(sample.pack)
    let new = directory.appending("new")
    let added = try vault.prepareStore(at: new, in: .vault)
    let stores = vault.currentStores + [.init(tier: .vault, path: new.string)]
    _ = try vault.restructure(.lrs, stores: stores, notices: notices)
    let latest = try vault.latestForCommit(tier, notices: notices)
    #expect(latest.tier.stores.count == 4 && latest.vault.descriptor.revision == 2)
    #expect(try added.readAll(.pack(sample.id), limit: 1 << 20) == sample.bytes)
  }

  @Test("a store is made in an empty place, taken up where it was begun, and nowhere else")
  func preparing() throws {
    let new = directory.appending("new")
    for _ in 0..<2 {
      let store = try vault.prepareStore(at: new, in: .vault)
      #expect(try store.readDescriptor(notices: notices)?.tier == .vault)
    }
    // Stopped before it had its vault.json.
    try makeDirectory(directory.appending("begun/packs"))
    try makeDirectory(directory.appending("begun/index"))
    try writeFile([1], to: directory.appending("begun/.new-7"))
    let begun = try vault.prepareStore(at: directory.appending("begun"), in: .vault)
    #expect(try begun.readDescriptor(notices: notices)?.tier == .vault)
    try makeDirectory(directory.appending("packs-of-others/packs/ab"))
    let refusals: [(String, String)] = [
      ("packs-of-others", "exists and is not empty"),
      ("v/copy-1", "is named as two stores"), ("v/copy-1/inner", "lie inside one another"),
      ("letters", "exists and is not empty"), ("other", "exists and is not empty"),
    ]
    try makeDirectory(directory.appending("letters"))
    try writeFile([1], to: directory.appending("letters/a"))
    _ = try Vault.create(Vault.Plan(path: directory.appending("other")), now: .now)
    for (path, text) in refusals {
      expectVaultError(text) {
        _ = try vault.prepareStore(at: directory.appending(path), in: .vault)
      }
    }
  }

  @Test("a store is named by where it is or where it was made, and by nothing else")
  func numbers() throws {
    #expect(try vault.storeNumber(at: directory.appending("snapshots")) == 0)
    #expect(try vault.storeNumber(at: directory.appending("v/../v/copy-3")) == 3)
    try renameFile(
      directory.appending("v"), to: directory.appending("w"), replacing: false)
    let moved = try Vault.open(directory.appending("w/copy-1"))
    for path in ["v/copy-2", "w/copy-2"] {
      #expect(try moved.storeNumber(at: directory.appending(path)) == 2)
    }
    expectVaultError("is no store of this vault; its stores are") {
      _ = try vault.storeNumber(at: directory.appending("v"))
    }
  }
}
