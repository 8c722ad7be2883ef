import Chunking
import Encryption
import Files
import Hashing
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

/// Which of a vault's descriptors is believed: only what was written with the key.
@Suite struct UnlockingTests {
  private let vault: EncryptedVault
  private let notices = Notices()

  init() throws { vault = try EncryptedVault() }

  private func expectAsMade(
    _ opened: Vault, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      opened.descriptor.withoutTier == vault.made.descriptor.withoutTier,
      sourceLocation: sourceLocation)
    #expect(opened.protection.keys != nil && opened.tiers.map(\.stores.count) == [3])
    for number in 1...3 {
      let own = try vault.descriptor(number)
      #expect(own.withoutTier == vault.made.descriptor.withoutTier, "store \(number)")
      #expect(own.tier == .vault, sourceLocation: sourceLocation)
    }
  }

  @Test("an encrypted vault opens with its key through any store, and is locked without")
  func opening() throws {
    for number in 1...3 { try expectAsMade(try vault.open(number, vault.key, notices: notices)) }
    let master = try #require(vault.made.protection.keys).master
    try expectAsMade(try vault.open(1, .master(master), notices: notices))
    let locked = try vault.open(1, nil, notices: notices)
    #expect(locked.protection.isLocked && locked.tiers.map(\.stores.count) == [3])
    #expect(throws: LockedError.self) { _ = try locked.chunker() }
    #expect(throws: LockedError.self) { _ = try locked.points(notices: notices) }
    #expect(notices.all == [])
  }

  @Test("a key that is the wrong one, or of a kind that has no slot, is refused")
  func wrongKeys() throws {
    expectKeyError(.wrongKey(.keyFile, slots: 1)) { _ = try vault.open(1, keyFile(2)) }
    expectKeyError(.noSlot(.passphrase)) { _ = try vault.open(1, passphrase("word")) }
    expectKeyError(.wrongMaster) { _ = try vault.open(1, .master(countingSecret(from: 0))) }
    let open = try Vault.create(Vault.Plan(path: vault.directory.appending("open")), now: .now)
    expectKeyError(.notEncrypted(open.path.string)) {
      _ = try Vault.open(open.path, unlocking: vault.key)
    }
  }

  @Test("a descriptor of which anything was altered in one store is healed there from the others")
  func alteredOnce() throws {
    for (number, change) in alterations.enumerated() {
      let store = number % 3 + 1
      try vault.forge(in: [store], change)
      let fresh = Notices()
      try expectAsMade(try vault.open(store % 3 + 1, vault.key, notices: fresh))
      let notice = "store \(vault.store(store)) has a new vault.json now, from another store"
      #expect(
        fresh.all.contains(notice),
        "alteration \(number): \(fresh.all)")
    }
  }

  @Test("a descriptor takes the place of older and forged ones, and never of a newer one")
  func replacing() throws {
    let made = vault.made.descriptor
    let protection = vault.made.protection
    var newer = made
    newer.revision += 1
    newer.authenticate(with: try #require(protection.keys))
    var forged = made
    forged.revision += 7
    #expect(newer.replaces(made, protection) && !made.replaces(newer, protection))
    #expect(made.replaces(forged, protection) && newer.replaces(forged, protection))
    #expect(!made.replaces(made, protection) && !newer.replaces(made, .locked))
    let plain = try Vault.create(Vault.Plan(path: vault.directory.appending("plain")), now: .now)
    var changed = plain.descriptor
    changed.revision += 1
    #expect(changed.replaces(plain.descriptor, .none))
    #expect(!plain.descriptor.replaces(changed, .none))
  }

  @Test("a vault opens through a store whose descriptor was altered as well")
  func alteredAndOpened() throws {
    for (number, change) in alterations.enumerated() {
      try vault.forge(in: [1], change)
      let fresh = Notices()
      try expectAsMade(try vault.open(1, vault.key, notices: fresh))
      #expect(
        fresh.all.contains { $0.contains("store \(vault.store(1)) has a new vault.json") },
        "alteration \(number): \(fresh.all)")
    }
  }

  @Test("a descriptor of which anything was altered in all stores is not believed with the key")
  func alteredEverywhere() throws {
    let good = vault.made.descriptor
    for (number, change) in alterations.enumerated() {
      try vault.forge(in: [1, 2, 3], change)
      do {
        _ = try vault.open(1, vault.key)
        Issue.record("alteration \(number) went unnoticed")
      } catch let error as KeyError {
        switch error {
        case .altered(let places): #expect(places.first == vault.store(1).string)
        case .wrongKey, .noSlot, .unacceptableCost, .notEncrypted: break
        default: Issue.record("alteration \(number): \(error)")
        }
      }
      try vault.forge(good, in: [1, 2, 3])
      for store in 1...3 { try vault.forge(in: [store]) { $0.tier = .vault } }
    }
    try expectAsMade(try vault.open(1, vault.key, notices: notices))
  }

  @Test("a store that claims to be of another tier, or of none, is told its own")
  func tiers() throws {
    for tier in [nil, .secondary, .snapshot] as [Tier.Name?] {
      for number in 1...3 {
        try vault.forge(in: [number]) { $0.tier = tier }
        try expectAsMade(try vault.open(1, vault.key, notices: notices))
      }
    }
  }

  @Test("the directory that only tells of the stores is healed where it was altered")
  func home() throws {
    let home = vault.directory.appending("v")
    let name = home.appending("vault.json")
    let good = try readFile(name)
    for change in alterations.prefix(10) {
      var descriptor = try CheckedDocument.decode(VaultDescriptor.self, from: good)
      change(&descriptor)
      for copy in ["vault.json", "vault.copy.json"] {
        try overwriteFile(home.appending(copy), with: CheckedDocument.encode(descriptor))
      }
      do { _ = try Vault.open(home, notices: notices) } catch { #expect(error is VaultError) }
      #expect(try readFile(name) != good, "nothing is written without the key")
      try expectAsMade(try Vault.open(home, notices: notices, unlocking: vault.key))
      #expect(try readFile(name) == good)
      let fresh = Notices()
      try expectAsMade(try Vault.open(home, notices: fresh, unlocking: vault.key))
      #expect(fresh.all == [])
    }
  }

  @Test("each store whose descriptor was altered is named, and named once")
  func naming() throws {
    try vault.forge(in: [1, 2, 3]) { $0.compression = "none" }
    expectKeyError(.altered([1, 2, 3].map { vault.store($0).string })) {
      _ = try vault.open(1, vault.key)
    }
  }

  @Test("a forged descriptor with a higher revision does not win, nor spread without the key")
  func forgedRevision() throws {
    let trap = vault.directory.appending("trap")
    try makeDirectory(trap)
    try vault.forge(in: [2]) {
      $0.revision = 1_000_000
      for number in $0.stores.indices { $0.stores[number].path = trap.string }
    }
    let before = try (1...3).map { try vault.descriptor($0) }
    // Without the key nobody can tell, so nothing is changed.
    for number in 1...3 {
      do { _ = try vault.open(number, nil, notices: notices) } catch {
        #expect(error is VaultError)
      }
      #expect(try (1...3).map { try vault.descriptor($0) } == before)
    }
    #expect(try directoryEntries(trap) == [])
    let opened = try vault.open(1, vault.key, notices: notices)
    try expectAsMade(opened)
    #expect(opened.places == [1, 2, 3].map { vault.store($0) })
    #expect(notices.all.contains { $0.contains("altered by somebody without the key") })
    #expect(try directoryEntries(trap) == [])
  }

  @Test("a descriptor that says the vault is not encrypted is not believed where a key is given")
  func downgrade() throws {
    func strip(_ descriptor: inout VaultDescriptor) {
      descriptor.encryption = nil
      descriptor.format = 2
      descriptor.identity = "sha256"
      descriptor.chunking.seed = digest(1).description
      descriptor.revision += 5
    }
    for number in 1...3 {
      try vault.forge(in: [number], strip)
      for opened in 1...3 {
        #expect(try vault.open(opened, nil).protection.isLocked)
        #expect(try vault.descriptor(number).encryption == nil, "nothing spreads without the key")
      }
      let fresh = Notices()
      try expectAsMade(try vault.open(number, vault.key, notices: fresh))
      #expect(
        fresh.all.contains { $0.contains("altered") && $0.contains(vault.store(number).string) },
        "\(fresh.all)")
    }
    try vault.forge(in: [1, 2], strip)
    try expectAsMade(try vault.open(1, vault.key, notices: notices))
    try vault.forge(in: [1, 2, 3], strip)
    expectKeyError(.notEncrypted(vault.store(1).string)) { _ = try vault.open(1, vault.key) }
  }

  @Test("an older descriptor that is put back in one store does not win over the newest")
  func replay() throws {
    let old = try vault.descriptor(2)
    let slot = try vault.made.addKey(keyFile(9), label: nil, now: .now, notices: notices)
    let newest = try vault.descriptor(1)
    #expect(newest.revision == old.revision + 1)
    for opened in 1...3 {
      try vault.forge(old, in: [2])
      let vault = try vault.open(opened, keyFile(1), notices: notices)
      #expect(vault.descriptor.withoutTier == newest.withoutTier)
      #expect(vault.keySlots.map(\.id).contains(slot.id))
      #expect(try self.vault.descriptor(2) == newest)
    }
  }

  @Test("the descriptor of another vault in a store's place makes it no store of this one")
  func swapped() throws {
    let parent = try TemporaryDirectory()
    let other = try EncryptedVault(in: parent)
    let (own, foreign) = (try vault.descriptor(3), try other.descriptor(3))
    try vault.forge(foreign, in: [3])
    try other.forge(own, in: [3])
    for both in [vault, other] {
      let fresh = Notices()
      let opened = try both.open(1, both.key, notices: fresh)
      #expect(opened.descriptor.id == both.made.descriptor.id)
      #expect(opened.tiers.map(\.stores.count) == [2])
      #expect(fresh.all.contains { $0.contains("it belongs to another vault") })
    }
    #expect(try vault.descriptor(3) == foreign, "what is another's stays as it is")
  }

  @Test("a slot that asks for boundless work is passed over, and named where there is no other")
  func hostileCost() throws {
    let slot = try vault.made.addKey(passphrase("word"), label: nil, now: .now, notices: notices)
    let ask: (inout VaultDescriptor) -> Void = {
      $0.encryption?.slots[1].cost = PassphraseCost(logN: 60, r: 32, p: .max)
    }
    try vault.forge(in: [1], ask)
    #expect(try vault.open(1, passphrase("word")).protection.keys != nil)
    #expect(try vault.descriptor(1) == vault.descriptor(2))
    try vault.forge(in: [1, 2, 3], ask)
    expectKeyError(.unacceptableCost(slot: slot.id)) { _ = try vault.open(1, passphrase("word")) }
    expectKeyError(.altered([1, 2, 3].map { vault.store($0).string })) {
      _ = try vault.open(1, vault.key)
    }
  }

  @Test("a vault's descriptor with another id opens with no key of it")
  func otherIdentity() throws {
    try vault.forge(in: [1, 2, 3]) { $0.id = fixtureVault }
    expectKeyError(.wrongKey(.keyFile, slots: 1)) { _ = try vault.open(1, vault.key) }
  }

  @Test("of hostile descriptors none is believed, and the good one beside them is")
  func fuzz() throws {
    var random = Seed.ofThisRun.random
    let good = vault.made.descriptor.withoutTier
    let json = CheckedDocument.json(good)
    let unlocking = Unlocking(vault.key, vault: "here", notices: notices)
    var readable = 0
    for round in 0..<1500 {
      let forged = reseal(mutatedText(json, &random))
      guard let other = try? CheckedDocument.decode(VaultDescriptor.self, from: forged) else {
        continue
      }
      readable += 1
      let (chosen, protection) = try unlocking.choose(among: [("one", other), ("two", good)])
      #expect(chosen.withoutTier == good, "round \(round) \(Seed.ofThisRun)")
      #expect(protection.keys != nil)
      if other.withoutTier == good { continue }
      #expect(throws: KeyError.self, "round \(round) \(Seed.ofThisRun)") {
        _ = try unlocking.choose(among: [("one", other)])
      }
    }
    #expect(readable > 20, "\(Seed.ofThisRun)")
  }

  /// One change for each thing that a descriptor says.
  private var alterations: [(inout VaultDescriptor) -> Void] {
    let slot = try? KeySlot(
      master: fixtureMaster, under: keyFile(1), label: nil, vault: vault.made.descriptor.id,
      created: .now)
    return [
      { $0.format = 2 }, { $0.revision += 1 }, { $0.revision -= 1 },
      { $0.created = Timestamp(secondsSince1970: 0) }, { $0.redundancy = .zrs },
      { $0.chunking.averageByteCount = 32_768 }, { $0.chunking.seed = digest(1).description },
      { $0.compression = "none" }, { $0.identity = "sha256" }, { $0.home = nil },
      { $0.home = "/elsewhere" }, { $0.stores.removeLast() },
      { $0.stores[2].path = "/elsewhere" }, { $0.stores.swapAt(1, 2) },
      { $0.encryption?.cipher = "none" }, { $0.encryption?.authenticator = "" },
      { $0.encryption?.authenticator = digest(1).description },
      { $0.encryption?.slots[0].label = "mine" }, { $0.encryption?.slots[0].salt = "" },
      { $0.encryption?.slots[0].id = "00000000" }, { $0.encryption?.slots[0].kind = .passphrase },
      { $0.encryption?.slots[0].created = Timestamp(secondsSince1970: 0) },
      { $0.encryption?.slots[0].cost = .standard }, { $0.encryption?.slots[0].wrapped += "00" },
      { $0.encryption?.slots = [] },
      { $0.encryption?.slots.append(contentsOf: slot.map { [$0] } ?? []) },
      // Slots of a master key that somebody else knows.
      { $0.encryption?.slots = slot.map { [$0] } ?? [] },
    ]
  }
}
