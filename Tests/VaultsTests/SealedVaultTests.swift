import Chunking
import Compression
import Encryption
import Hashing
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

/// The points and machines of an encrypted vault in stores that somebody else can write to.
@Suite struct SealedVaultTests {
  private let copies = (0..<3).map { MemoryStore(name: "copy \($0)") }
  private let notices = Notices()
  private let vault: Vault
  private let locked: Vault
  private let point: RecoveryPoint
  private let path: ObjectPath
  private let machinePath: ObjectPath

  init() throws {
    var descriptor = VaultDescriptor(
      redundancy: .lrs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v")], created: Timestamp(secondsSince1970: 0))
    descriptor.id = fixtureVault
    let slot = try KeySlot(
      master: fixtureMaster, under: keyFile(1), label: nil, vault: fixtureVault, created: .now)
    descriptor.encrypt(fixtureKeys, slots: [slot])
    func open(
      _ stores: [any Store], _ protection: ContentProtection, _ notices: Notices
    ) throws -> Vault {
      let tier = Tier(.vault, stores: stores, protection: protection, notices: notices)
      return try Vault(path: FilePath("/v"), descriptor: descriptor, tiers: [tier])
    }
    vault = try open(copies, .encrypted(fixtureKeys), notices)
    locked = try open(copies, .locked, notices)
    point = SealedVaultTests.point("2026-11-22T15:04:05Z")
    path = try vault.path(of: point)
    machinePath = .machine(fixtureKeys.pseudonym(of: "web01"))
    try vault.commit(point, to: vault.tiers[0])
  }

  private static func point(_ time: String, machine: String = "web01") -> RecoveryPoint {
    RecoveryPoint(
      machine: machine, time: Timestamp(time) ?? .now, consistency: .crash, tags: [:],
      disks: [
        RecoveryPoint.Disk(
          name: "root", source: "/a", size: 10, root: ContentID(digest(1)), dataBytes: 10,
          newChunks: 1, newBytes: 10, storedBytes: 9, seconds: 1)
      ])
  }

  private func machine(_ source: String, updated: Int64) -> Machine {
    Machine(
      name: "web01", disks: [.init(name: "root", source: source)],
      updated: Timestamp(secondsSince1970: updated))
  }

  private func place(_ machine: Machine, in numbers: [Int]) throws {
    let bytes = try vault.documents.encode(machine, at: machinePath, updated: machine.updated)
    for number in numbers { copies[number].place(bytes, at: machinePath) }
  }

  /// A machine that somebody without the key wrote, with the digest that it should have.
  private func forgedMachine(of document: [UInt8]) throws -> [UInt8] {
    var body = try CheckedDocument.decode([String: String].self, from: document)
    body["updated"] = "2099-01-01T00:00:00Z"
    return CheckedDocument.encode(body)
  }

  @Test("machines are known by pseudonyms in the stores, and by their names with the key")
  func pseudonyms() throws {
    try vault.save(machine("/a.img", updated: 1), to: vault.tiers[0])
    for copy in copies {
      #expect(copy.contents.keys.allSatisfy { !"\($0)".contains("web01") })
      #expect(copy.paths(in: .machines) == [machinePath])
    }
    #expect(try vault.points(of: "web01", notices: notices).map(\.point) == [point])
    #expect(try vault.point("web01", notices: notices).point == point)
    #expect(try vault.machine("web01", notices: notices)?.disks[0].source == "/a.img")
    #expect(try vault.newestTime(of: "web01", notices: notices) == point.time)
  }

  @Test("without the key points are listed as files and moved as they are, and none is read")
  func reading() throws {
    #expect(throws: LockedError.self) { _ = try locked.points(notices: notices) }
    #expect(throws: LockedError.self) { _ = try locked.point("web01", notices: notices) }
    #expect(throws: LockedError.self) { _ = try locked.machine("web01", notices: notices) }
    #expect(throws: LockedError.self) { try locked.commit(point, to: locked.tiers[0]) }
    #expect(throws: LockedError.self) { _ = try locked.path(of: point) }
    let files = try locked.pointFiles(notices: notices)
    #expect(files.map(\.path) == [path] && files.map(\.time) == [point.time])
    let far = MemoryStore(name: "far")
    try locked.copyDocument(path, from: locked.tiers[0], to: Tier(.secondary, stores: [far]))
    #expect(far.bytes(at: path) == copies[0].bytes(at: path))
  }

  @Test("a point under another's name is healed where it lies, and says whose it is")
  func misplaced() throws {
    let older = Self.point("2026-11-21T00:00:00Z")
    try vault.commit(older, to: vault.tiers[0])
    let olderPath = try vault.path(of: older)
    let (good, old) = (copies[1].bytes(at: path), copies[1].bytes(at: olderPath))
    copies[0].place(try #require(old), at: path)
    #expect(try vault.points(notices: notices).map(\.point) == [older, point])
    #expect(copies[0].bytes(at: path) == good)
    #expect(notices.all.contains { $0.contains("it is \(olderPath), put under another name") })
  }

  @Test("an old point that is put under a newer name in every store is not taken for a new one")
  func rollback() throws {
    let old = try #require(copies[0].bytes(at: path))
    let name = "2026-11-30T00:00:00Z-0000"
    let newer = ObjectPath.point(machine: fixtureKeys.pseudonym(of: "web01"), name: name)
    for copy in copies { copy.place(old, at: newer) }
    #expect(try vault.points(notices: notices).map(\.point) == [point])
    #expect(notices.all.allSatisfy { $0.contains("it is \(path), put under another name") })
    expectVaultError("name another one") { _ = try vault.point("web01", notices: notices) }
  }

  @Test("points of two machines that are exchanged are believed under neither name")
  func exchanged() throws {
    let other = Self.point("2026-11-22T15:04:05Z", machine: "db01")
    try vault.commit(other, to: vault.tiers[0])
    let otherPath = try vault.path(of: other)
    let (one, two) = (copies[0].bytes(at: path), copies[0].bytes(at: otherPath))
    for copy in copies {
      copy.place(try #require(two), at: path)
      copy.place(try #require(one), at: otherPath)
    }
    #expect(try vault.points(notices: notices).isEmpty)
  }

  @Test("a machine that was forged to be newer in one store does not win where the key is at hand")
  func forgedMachines() throws {
    for number in 0..<3 {
      let known = machine("/good.img", updated: 5)
      try place(known, in: [0, 1, 2])
      let good = try #require(copies[number].bytes(at: machinePath))
      copies[number].place(try forgedMachine(of: good), at: machinePath)
      try vault.levelDocuments(of: vault.tiers[0], notices: notices)
      #expect(copies.allSatisfy { $0.bytes(at: machinePath) == good })
      #expect(try vault.machine("web01", notices: notices) == known)
    }
  }

  @Test("of authentic machines the later one holds, though an older one is put back")
  func replayedMachines() throws {
    try place(machine("/new.img", updated: 6), in: [0, 1, 2])
    try place(machine("/old.img", updated: 5), in: [1])
    try vault.levelDocuments(of: vault.tiers[0], notices: notices)
    #expect(Set(copies.map { $0.bytes(at: machinePath) }).count == 1)
    #expect(try vault.machine("web01", notices: notices)?.disks[0].source == "/new.img")
  }

  @Test("without the key only what is missing or damaged is written, and nothing else is touched")
  func lockedLevelling() throws {
    try place(machine("/good.img", updated: 5), in: [0, 1, 2])
    let good = try #require(copies[0].bytes(at: machinePath))
    let forged = try forgedMachine(of: good)
    copies[1].place(forged, at: machinePath)
    copies[2].drop(path)
    try locked.levelDocuments(of: locked.tiers[0], notices: notices)
    #expect(copies[0].bytes(at: machinePath) == good && copies[2].bytes(at: machinePath) == good)
    #expect(copies[1].bytes(at: machinePath) == forged, "it cannot be told from a good one")
    #expect(copies[2].bytes(at: path) == copies[0].bytes(at: path))
    copies[2].flipBit(300, of: path)
    copies[2].place(Array(try #require(copies[2].bytes(at: path)).dropLast()), at: path)
    try locked.levelDocuments(of: locked.tiers[0], notices: notices)
    #expect(copies[2].bytes(at: path) == copies[0].bytes(at: path))
    for copy in copies { copy.fail(.put, number: 0) }
    try locked.levelDocuments(of: locked.tiers[0], notices: notices)
    #expect(copies.allSatisfy { $0.count(of: .put) == 0 })
  }

  @Test("a point that was forged with another size is replaced where the key is at hand")
  func forgedPoints() throws {
    let good = try #require(copies[0].bytes(at: path))
    copies[2].place(reseal(Array("{\"path\":\"\(path)\",\"sealed\":\"\"}".utf8)), at: path)
    try vault.levelDocuments(of: vault.tiers[0], notices: notices)
    #expect(copies.allSatisfy { $0.bytes(at: path) == good })
  }
}
