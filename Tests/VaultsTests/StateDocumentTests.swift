import Chunking
import Compression
import Hashing
import Maps
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct StateDocumentTests {
  private let near = [MemoryStore(name: "near 0"), MemoryStore(name: "near 1")]
  private let far = [MemoryStore(name: "far 0"), MemoryStore(name: "far 1")]
  private let notices = Notices()
  private let vault: Vault

  init() throws {
    let descriptor = VaultDescriptor(
      redundancy: .grs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v"), .init(tier: .secondary, path: "/s")],
      created: Timestamp(secondsSince1970: 0))
    vault = try Vault(
      path: FilePath("/v"), descriptor: descriptor,
      tiers: [
        Tier(.vault, stores: near), Tier(.secondary, stores: far, rule: .atLeast(1)),
      ])
  }

  private let sync = LastSync(time: Timestamp(secondsSince1970: 1_795_359_845), points: 3)

  private func state(_ path: String) -> ScrubState {
    ScrubState(
      nextPath: path, readBytes: 7,
      problems: [.init(store: "near 0", object: "packs/a", reason: "a \"reason\"")])
  }

  @Test("the last sync is kept in every secondary store, and read from any that has it undamaged")
  func lastSync() throws {
    #expect(vault.lastSync(notices: notices) == nil && notices.all.isEmpty)
    try vault.saveLastSync(sync)
    #expect(far.allSatisfy { $0.bytes(at: .lastSync) != nil })
    #expect(near.allSatisfy { $0.bytes(at: .lastSync) == nil })
    far[0].flipBit(150, of: .lastSync)
    #expect(vault.lastSync(notices: notices) == sync)
    #expect(far[0].bytes(at: .lastSync) == far[1].bytes(at: .lastSync))
    far[0].drop(.lastSync)
    #expect(vault.lastSync(notices: notices) == sync)
  }

  @Test("of two stores that tell of different syncs the later one is believed")
  func laterSync() throws {
    far[0].fail(.put, number: 1)
    let old = LastSync(time: Timestamp(secondsSince1970: 1000), points: 1)
    far[0].place(CheckedDocument.encode(old), at: .lastSync)
    try vault.saveLastSync(sync)
    #expect(vault.lastSync(notices: notices) == sync)
  }

  @Test("a scrub's state is kept in one store, the first that takes it, and removed from all")
  func scrubState() throws {
    #expect(vault.scrubState() == nil)
    near[0].fail(.put, number: 1)
    try vault.saveScrubState(state("packs/b"))
    #expect(near[1].bytes(at: .scrubState) != nil && far[0].bytes(at: .scrubState) == nil)
    #expect(vault.scrubState() == state("packs/b"))
    near[1].flipBit(99, of: .scrubState)
    #expect(vault.scrubState() == nil, "what cannot be read is no state")
    try vault.saveScrubState(state("packs/c"))
    try vault.removeScrubState()
    for store in near + far { #expect(store.bytes(at: .scrubState) == nil) }
    for store in near + far { store.fail(.put, number: 1) }
    #expect(throws: StoreError.self) { try vault.saveScrubState(state("packs/b")) }
  }

  @Test("an old state in a store that refuses to remove it does not keep others from doing so")
  func stuckState() throws {
    for store in near { store.place(CheckedDocument.encode(state("packs/b")), at: .scrubState) }
    near[0].fail(.delete, number: 1)
    #expect(throws: StoreError.self) { try vault.removeScrubState() }
    #expect(near[1].bytes(at: .scrubState) == nil)
  }

  @Test("hostile documents, sealed anew, are refused or read, and never trap")
  func hostile() {
    var random = Seed.ofThisRun.random
    let documents = [CheckedDocument.encode(sync), CheckedDocument.encode(state("packs/a"))]
    for _ in 0..<4000 {
      let good = documents[random.below(2)]
      let isRaw = random.below(4) == 0
      let changed =
        isRaw ? mutated(good, &random) : reseal(mutatedText(documentBody(of: good), &random))
      far[0].place(changed, at: .lastSync)
      near[0].place(changed, at: .scrubState)
      far[1].drop(.lastSync)
      if let found = vault.lastSync(notices: notices) {
        #expect(Timestamp(found.time.description) == found.time, "\(Seed.ofThisRun)")
      }
      if let found = vault.scrubState() {
        #expect(CheckedDocument.encode(found).count > 0, "\(Seed.ofThisRun)")
      }
    }
  }

  @Test("hostile descriptors of both formats, sealed anew, give places or an error, and never trap")
  func hostileDescriptors() throws {
    var random = Seed.ofThisRun.random
    var good = VaultDescriptor(
      redundancy: .zrs, sizes: .standard, compression: .standard, home: "/home/v",
      stores: [
        .init(tier: .snapshot, path: "/home/snapshots"), .init(tier: .vault, path: "/home/v/a"),
        .init(tier: .vault, path: "/home/v/b"),
      ], created: Timestamp(secondsSince1970: 0))
    good.tier = .vault
    let documents = [CheckedDocument.encode(good), try fixture("vault-1.json")]
    for round in 0..<3000 {
      let body = mutatedText(documentBody(of: documents[round % 2]), &random)
      let store = MemoryStore()
      for path in [ObjectPath.descriptor, .descriptorCopy] { store.place(reseal(body), at: path) }
      do {
        let found = try #require(try store.readDescriptor(notices: notices))
        #expect(found.format == VaultDescriptor.currentFormat)
        let places = StorePlaces(descriptor: found, directory: FilePath("/home/v/b")).find()
        #expect(places.count == found.stores.count, "\(Seed.ofThisRun)")
        let again = try CheckedDocument.decode(
          VaultDescriptor.self, from: CheckedDocument.encode(found))
        #expect(again == found, "\(Seed.ofThisRun)")
      } catch { #expect(error is VaultError, "\(Seed.ofThisRun)") }
    }
  }
}
