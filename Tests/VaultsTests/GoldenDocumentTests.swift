import Chunking
import Compression
import Encryption
import Hashing
import Maps
import Stores
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct GoldenDocumentTests {
  private let time = Timestamp(secondsSince1970: 1_795_359_845)

  private var point: RecoveryPoint {
    var point = RecoveryPoint(
      machine: "web01", time: time, consistency: .crash,
      tags: ["why": "before the \"upgrade\"", "by": "a/b"],
      disks: [
        RecoveryPoint.Disk(
          name: "root", source: "/images/web01.img", size: 10 << 30, root: ContentID(digest(1)),
          dataBytes: 3 << 30, newChunks: 12, newBytes: 786_432, storedBytes: 300_123,
          seconds: 1.25),
        RecoveryPoint.Disk(
          name: "data", source: "/dev/vg0/data", size: 5_000_000_000_001, root: .zeros,
          dataBytes: 0, newChunks: 0, newBytes: 0, storedBytes: 0, seconds: 0),
      ])
    point.id = "web01@2026-11-22T15:04:05Z-7f3a"
    return point
  }

  private var descriptor: VaultDescriptor {
    var descriptor = VaultDescriptor(
      redundancy: .single, sizes: .standard, compression: .standard,
      stores: [
        .init(tier: .snapshot, path: "/backup/snapshots"), .init(tier: .vault, path: "/backup/v"),
      ], created: time)
    descriptor.id = "00112233445566778899aabbccddeeff"
    descriptor.chunking.seed = digest(2).description
    descriptor.home = "/backup/v"
    descriptor.tier = .vault
    return descriptor
  }

  private var until: Timestamp {
    Timestamp(secondsSince1970: time.secondsSince1970 + 14 * 86_400)
  }

  private var removal: Removal {
    Removal(removed: time, until: until, isExpiry: true, updated: time)
      .holding(CheckedDocument.encode(point))
  }

  private var lock: PointLock { PointLock(until: until, updated: time) }

  @Test("a recovery point is written and read as ever, byte for byte")
  func points() throws {
    try expectFixture("point.json", holds: CheckedDocument.encode(point))
    let found = try CheckedDocument.decode(RecoveryPoint.self, from: fixture("point.json"))
    #expect(found == point && found.isSound)
    #expect(found.fileName == "2026-11-22T15:04:05Z-7f3a")
  }

  @Test("a vault's descriptor is written and read as ever, byte for byte")
  func descriptors() throws {
    try expectFixture("vault.json", holds: CheckedDocument.encode(descriptor))
    let found = try CheckedDocument.decode(VaultDescriptor.self, from: fixture("vault.json"))
    #expect(found == descriptor && found.chunker() != nil)
  }

  @Test("a descriptor of format 1 is read as the same vault")
  func firstFormat() throws {
    let found = try CheckedDocument.decode(VaultDescriptor.self, from: fixture("vault-1.json"))
    var expected = descriptor
    expected.revision = 0
    expected.home = nil
    #expect(found == expected)
  }

  @Test("a machine is written and read as ever, byte for byte")
  func machines() throws {
    let machine = Machine(name: "web01", disks: [.init(name: "root", source: "/images/web01.img")])
    try expectFixture("machine.json", holds: CheckedDocument.encode(machine))
    #expect(try CheckedDocument.decode(Machine.self, from: fixture("machine.json")) == machine)
  }

  @Test("a machine's policy, and the vault's default, are written and read as ever")
  func policies() throws {
    var policy = RetentionPolicy()
    policy.keepLast = 3
    policy.keepDaily = 7
    policy.keepWeekly = 4
    policy.keepMonthly = 12
    policy.keepYearly = 5
    policy.keepTags = ["why": "upgrade"]
    policy.trashDays = 30
    var machine = Machine(name: "web01", disks: [.init(name: "root", source: "/images/web01.img")])
    machine.policy = policy
    try expectFixture("machine-with-policy.json", holds: CheckedDocument.encode(machine))
    let found = try CheckedDocument.decode(
      Machine.self, from: fixture("machine-with-policy.json"))
    #expect(found == machine)
    let fallback = RetentionDefault(policy: policy, updated: time)
    try expectFixture("default-policy.json", holds: CheckedDocument.encode(fallback))
    #expect(
      try CheckedDocument.decode(RetentionDefault.self, from: fixture("default-policy.json"))
        == fallback)
  }

  @Test("what is told of a deleted point and of a locked one is written and read as ever")
  func removals() throws {
    try expectFixture("removal.json", holds: CheckedDocument.encode(removal))
    #expect(try CheckedDocument.decode(Removal.self, from: fixture("removal.json")) == removal)
    var again = removal
    again.earlier = [time, until]
    try expectFixture("removal-again.json", holds: CheckedDocument.encode(again))
    #expect(
      try CheckedDocument.decode(Removal.self, from: fixture("removal-again.json")) == again)
    try expectFixture("lock.json", holds: CheckedDocument.encode(lock))
    #expect(try CheckedDocument.decode(PointLock.self, from: fixture("lock.json")) == lock)
  }

  @Test("leases and tombstones are written and read as ever, byte for byte")
  func leases() throws {
    let lease = Lease(
      work: "writing to the vault tier", process: "boot pid:[4026531836] 42 1000", began: time,
      seen: ["00000000000000ab"])
    try expectFixture("lease.json", holds: CheckedDocument.encode(lease))
    #expect(try CheckedDocument.decode(Lease.self, from: fixture("lease.json")) == lease)
    let packs = [PackID(digest(2)), PackID(digest(1))]
    let tombstone = Tombstone(written: time, packs: packs)
    try expectFixture("tombstone.tombstone", holds: CheckedDocument.encode(tombstone))
    let found = try CheckedDocument.decode(
      Tombstone.self, from: fixture("tombstone.tombstone"))
    #expect(found == tombstone && Set(found.packIDs) == Set(packs))
  }

  // MARK: encrypted vaults

  /// Nonces and salts are random, so what is sealed is only read; see Fixtures/README.md.
  private let coder = DocumentCoder(.encrypted(fixtureKeys))
  private var folder: String { fixtureKeys.pseudonym(of: "web01") }
  private var pointPath: ObjectPath { .point(machine: folder, name: point.fileName) }
  private var machine: Machine {
    Machine(
      name: "web01", disks: [.init(name: "root", source: "/images/web01.img")],
      secrets: [.init(name: "luks", source: "/keys/web01")], updated: time)
  }

  @Test("a sealed point of old is read with its vault's key, and its secrets with it")
  func sealedPoint() throws {
    let bytes = try fixture("sealed-point.json")
    let found = try coder.decode(RecoveryPoint.self, from: bytes, at: pointPath)
    let secret = try #require(found.secrets?.first)
    let opened = try secret.open(of: "web01", fixtureKeys)
    #expect(secret.name == "luks" && opened.isEqual(to: countingSecret(from: 9)))
    var expected = point
    expected.secrets = found.secrets
    #expect(found == expected && found.isSound)
    #expect(DocumentCoder(.locked).damage(in: bytes, at: pointPath) == nil)
  }

  @Test("a sealed machine of old is read with its vault's key")
  func sealedMachine() throws {
    let bytes = try fixture("sealed-machine.json")
    #expect(try coder.decode(Machine.self, from: bytes, at: .machine(folder)) == machine)
  }

  @Test("sealed documents of old of a deleted point and a locked one are read with the vault's key")
  func sealedDecisions() throws {
    let bytes = try fixture("sealed-removal.json")
    let found = try coder.decode(Removal.self, from: bytes, at: .removal(of: pointPath))
    let document = [UInt8](try #require(found.document))
    #expect(document == (try fixture("sealed-point.json")), "as it lay among the points")
    #expect(found == removal.holding(document))
    let locked = try fixture("sealed-lock.json")
    #expect(try coder.decode(PointLock.self, from: locked, at: .lock(of: pointPath)) == lock)
    for (bytes, path) in [
      (bytes, ObjectPath.removal(of: pointPath)), (locked, .lock(of: pointPath)),
    ] {
      #expect(DocumentCoder(.locked).damage(in: bytes, at: path) == nil)
      #expect(coder.damage(in: bytes, at: pointPath) != nil, "it is nothing else")
    }
  }

  @Test("an encrypted vault's descriptor of old opens with its passphrase and its key file")
  func encryptedDescriptor() throws {
    let bytes = try fixture("vault-3.json")
    let found = try CheckedDocument.decode(VaultDescriptor.self, from: bytes)
    #expect(found.format == 3 && found.isEncryptionSound && found.isAuthentic(fixtureKeys))
    #expect(CheckedDocument.encode(found) == bytes, "it is written as it was")
    let slots = try #require(found.encryption?.slots)
    #expect(slots.map(\.kind) == [.passphrase, .keyFile] && slots.map(\.label) == ["desk", nil])
    for (slot, credential) in zip(slots, [passphrase("correct horse"), keyFile(1)]) {
      let master = try slot.unwrap(credential, vault: found.id)
      #expect(master?.isEqual(to: fixtureMaster) == true)
    }
    var expected = descriptor
    expected.encrypt(fixtureKeys, slots: slots)
    #expect(found == expected && found.chunker(fixtureKeys)?.sizes == .standard)
  }

  @Test("sealed documents are made when fixtures are written", .enabled(if: isWritingFixtures))
  func sealedWriting() throws {
    var secret = point
    secret.secrets = [
      SealedSecret(countingSecret(from: 9), named: "luks", of: "web01", fixtureKeys)
    ]
    try makeFixture("sealed-point.json", coder.encode(secret, at: pointPath))
    try makeFixture(
      "sealed-machine.json",
      coder.encode(machine, at: .machine(folder), updated: machine.updated))
    try makeFixture(
      "sealed-removal.json",
      coder.encode(
        removal.holding(fixture("sealed-point.json")), at: .removal(of: pointPath),
        updated: removal.updated))
    try makeFixture(
      "sealed-lock.json",
      coder.encode(lock, at: .lock(of: pointPath), updated: lock.updated))
    let slots = try [(passphrase("correct horse"), "desk"), (keyFile(1), nil)].map {
      try KeySlot(
        master: fixtureMaster, under: $0, label: $1, vault: fixtureVault, created: time)
    }
    var encrypted = descriptor
    encrypted.encrypt(fixtureKeys, slots: slots)
    try makeFixture("vault-3.json", CheckedDocument.encode(encrypted))
  }
}
