import Encryption
import Files
import Stores
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tiers
import Workers

@testable import Vaults

@Suite struct KeyChangeTests {
  private let vault: EncryptedVault
  private let notices = Notices()

  init() throws { vault = try EncryptedVault(.zrs) }

  private func add(_ credential: Credential, to opened: Vault? = nil) throws -> KeySlot {
    try (opened ?? vault.made).addKey(
      credential, label: "second", now: Timestamp(secondsSince1970: 5), notices: notices)
  }

  private func opens(_ credential: Credential) throws -> Bool {
    do {
      let opened = try (1...3).map { try vault.open($0, credential, notices: notices) }
      return opened.allSatisfy { $0.protection.keys != nil }
    } catch let error as KeyError {
      if case .wrongKey = error { return false }
      throw error
    }
  }

  private func latest() throws -> Vault { try vault.open(1, vault.key, notices: notices) }

  @Test("a key that was added opens the vault through every store, as the first still does")
  func adding() throws {
    let slot = try add(keyFile(2))
    #expect(slot.label == "second" && slot.created == Timestamp(secondsSince1970: 5))
    #expect(try opens(keyFile(2)) && opens(vault.key) && !opens(keyFile(3)))
    let opened = try latest()
    #expect(opened.keySlots.map(\.label) == ["first", "second"])
    #expect(opened.descriptor.revision == vault.made.descriptor.revision + 1)
    #expect(try opened.slots(openedBy: keyFile(2)).map(\.id) == [slot.id])
    #expect(try opened.slots(openedBy: keyFile(3)).isEmpty)
    // The keys that everything is sealed with are the same as before.
    let (old, new) = (vault.made.protection.keys, opened.protection.keys)
    #expect(try #require(old).master.isEqual(to: try #require(new).master))
    #expect(notices.all == [])
  }

  @Test("a passphrase opens what a key file made, and the other way round")
  func passphrases() throws {
    _ = try add(passphrase("correct horse"))
    let opened = try vault.open(2, passphrase("correct horse"), notices: notices)
    #expect(opened.protection.keys != nil)
    expectKeyError(.wrongKey(.passphrase, slots: 1)) {
      _ = try vault.open(2, passphrase("wrong horse"))
    }
    _ = try add(keyFile(4), to: opened)
    #expect(try opens(keyFile(4)))
  }

  @Test("a key that was removed opens the vault no longer, and the last one stays")
  func removing() throws {
    let slot = try add(keyFile(2))
    try latest().removeKey(slot.id, notices: notices)
    #expect(try !opens(keyFile(2)) && opens(vault.key))
    let opened = try latest()
    expectKeyError(.lastSlot) { try opened.removeKey(opened.keySlots[0].id, notices: notices) }
    expectKeyError(.unknownSlot(slot.id, known: opened.keySlots.map(\.id))) {
      try opened.removeKey(slot.id, notices: notices)
    }
    #expect(try latest().descriptor.revision == 3, "what was refused changed nothing")
  }

  @Test("a slot whose key is rotated opens with the new one alone, under its old id")
  func rotating() throws {
    let second = try add(keyFile(2))
    let slot = try latest().rotateKey(
      second.id, to: keyFile(3), label: nil, now: Timestamp(secondsSince1970: 9), notices: notices)
    #expect(slot.id == second.id && slot.label == "second" && slot.created > second.created)
    #expect(try opens(keyFile(3)) && !opens(keyFile(2)) && opens(vault.key))
    let renamed = try latest().rotateKey(
      second.id, to: keyFile(4), label: "third", now: .now, notices: notices)
    #expect(renamed.label == "third")
    #expect(try latest().keySlots.map(\.label) == ["first", "third"])
    expectKeyError(.unknownSlot("none", known: try latest().keySlots.map(\.id))) {
      _ = try latest().rotateKey(
        "none", to: keyFile(5), label: nil, now: .now, notices: notices)
    }
  }

  @Test("a vault that is locked or not encrypted has no keys to change")
  func refused() throws {
    let locked = try vault.open(1, nil, notices: notices)
    #expect(locked.keySlots.count == 1, "slots are listed without a key")
    #expect(throws: LockedError.self) { _ = try add(keyFile(2), to: locked) }
    #expect(throws: LockedError.self) { try locked.removeKey("none", notices: notices) }
    let open = try Vault.create(
      Vault.Plan(path: vault.directory.appending("open")), now: .now)
    expectVaultError("is not encrypted, and stays so") { _ = try add(keyFile(2), to: open) }
    #expect(open.keySlots.isEmpty)
    #expect(try vault.descriptor(1).revision == 1)
  }

  @Test("a store that was away while a key was added or removed learns of it when it is back")
  func away() throws {
    let away = vault.directory.appending("away")
    try renameFile(vault.store(2), to: away, replacing: false)
    let added = try add(keyFile(2), to: vault.open(1, vault.key, notices: notices))
    #expect(try fileStatus(vault.store(2)) == nil, "nothing is made where a disk is missing")
    try renameFile(away, to: vault.store(2), replacing: false)
    #expect(try vault.descriptor(2).revision == 1)
    let opened = try vault.open(2, keyFile(2), notices: notices)
    #expect(opened.keySlots.map(\.id).contains(added.id))
    #expect(try vault.descriptor(2) == vault.descriptor(1))
    #expect(try vault.descriptor(2).revision == 2)
  }

  @Test("a removed key does not come back with a store that was away")
  func removedWhileAway() throws {
    let slot = try add(keyFile(2))
    let away = vault.directory.appending("away")
    try renameFile(vault.store(3), to: away, replacing: false)
    try vault.open(1, vault.key, notices: notices).removeKey(slot.id, notices: notices)
    try renameFile(away, to: vault.store(3), replacing: false)
    _ = try vault.open(3, vault.key, notices: notices)
    for number in 1...3 {
      #expect(try vault.descriptor(number).encryption?.slots.count == 1, "store \(number)")
    }
    #expect(try !opens(keyFile(2)))
  }

  @Test("a key that is added to a vault that was moved opens it there, through every store")
  func moved() throws {
    let moved = vault.directory.appending("w")
    try renameFile(vault.directory.appending("v"), to: moved, replacing: false)
    let first = try Vault.open(moved.appending("copy-1"), unlocking: vault.key)
    _ = try add(keyFile(2), to: first)
    for number in 1...3 {
      let store = moved.appending("copy-\(number)")
      let opened = try Vault.open(store, notices: notices, unlocking: keyFile(2))
      #expect(opened.tiers.map(\.stores.count) == [3])
      let own = try DirectoryStore(store).readDescriptor(notices: notices)
      #expect(own?.tier == .vault && own?.revision == 2)
    }
    #expect(try Vault.open(moved, unlocking: keyFile(2)).tiers.map(\.stores.count) == [3])
    #expect(try fileStatus(vault.directory.appending("v")) == nil)
    #expect(notices.all == [])
  }

  @Test("a key that is added to a copy of the vault leaves the vault itself as it was")
  func copied() throws {
    for number in 1...3 {
      let copy = vault.directory.appending("w/copy-\(number)")
      try makeDirectory(copy)
      for name in ["vault.json", "vault.copy.json"] {
        try writeFile(
          try readFile(vault.store(number).appending(name)), to: copy.appending(name))
      }
    }
    let copy = try Vault.open(
      vault.directory.appending("w/copy-1"), notices: notices, unlocking: vault.key)
    _ = try add(keyFile(2), to: copy)
    for number in 1...3 {
      let store = DirectoryStore(vault.directory.appending("w/copy-\(number)"))
      #expect(try store.readDescriptor(notices: notices)?.revision == 2)
      #expect(try vault.descriptor(number).revision == 1)
    }
    #expect(try !opens(keyFile(2)))
  }

  @Test("of changes at one moment, through different stores, none is lost")
  func atOnce() throws {
    let (vault, notices) = (vault, notices)
    let removed = try (2...5).map { try add(keyFile($0)).id }
    let added = Mutex<[String]>([])
    try runWorkers(count: 8) { worker in
      let opened = try vault.open(worker % 3 + 1, vault.key, notices: notices)
      if worker % 2 == 0 { try opened.removeKey(removed[worker / 2], notices: notices) }
      for number in 0..<3 {
        let slot = try opened.addKey(
          keyFile(UInt8(10 + worker * 3 + number)), label: nil, now: .now, notices: notices)
        added.withLock { $0.append(slot.id) }
      }
    }
    let kept = try latest().keySlots.dropFirst().map(\.id)
    #expect(kept.sorted() == added.withLock { $0 }.sorted())
    #expect(try latest().descriptor.revision == 1 + 4 + 4 + 24)
    for number in 1...3 {
      #expect(try vault.descriptor(number).withoutTier == latest().descriptor.withoutTier)
    }
    #expect(notices.all == [])
  }

  @Test("a change that no lock kept out is not written over, and told")
  func unlocked() throws {
    let other = try vault.open(2, vault.key, notices: notices)
    expectVaultError("somebody else has changed") {
      _ = try vault.made.change(notices: notices) { now in
        // Another machine does the same, on a file system without locks.
        var theirs = now.descriptor
        theirs.revision += 1
        theirs.encryption?.slots.append(
          try KeySlot(
            master: other.protection.keys!.master, under: keyFile(7), label: nil,
            vault: theirs.id, created: .now))
        theirs.tier = nil
        theirs.authenticate(with: other.protection.keys!)
        for number in 1...3 {
          theirs.tier = .vault
          try DirectoryStore(vault.store(number)).putDescriptor(theirs)
        }
        return now.descriptor
      }
    }
    #expect(try opens(keyFile(7)))
  }

  @Test("a directory that another vault has taken is not told of a change")
  func takenPlace() throws {
    try removeTree(vault.store(2))
    let taken = try Vault.create(Vault.Plan(path: vault.store(2)), now: .now)
    _ = try add(keyFile(2))
    #expect(try Vault.open(vault.store(2)).descriptor.id == taken.descriptor.id)
  }
}
