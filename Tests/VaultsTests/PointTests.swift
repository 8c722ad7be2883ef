import Chunking
import Compression
import Hashing
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct PointTests {
  private let snapshots = MemoryStore(name: "snapshots")
  private let copies = [MemoryStore(name: "first"), MemoryStore(name: "second")]
  private let notices = Notices()
  private let vault: Vault

  init() throws {
    let descriptor = VaultDescriptor(
      redundancy: .lrs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v")], created: Timestamp(secondsSince1970: 0))
    let tiers = [Tier(.snapshot, stores: [snapshots]), Tier(.vault, stores: copies)]
    vault = try Vault(path: FilePath("/v"), descriptor: descriptor, tiers: tiers)
  }

  private func commit(_ machine: String, _ time: String, to tier: Tier.Name) throws -> RecoveryPoint
  {
    let point = RecoveryPoint(
      machine: machine, time: Timestamp(time)!, consistency: .crash, tags: [:],
      disks: [
        RecoveryPoint.Disk(
          name: "root", source: "/a", size: 10, root: ContentID(digest(1)), dataBytes: 10,
          newChunks: 1, newBytes: 10, storedBytes: 9, seconds: 1)
      ])
    try vault.commit(point, to: vault.tier(tier)!)
    return point
  }

  private func id(_ text: String, in tier: Tier.Name? = nil) throws -> String {
    try vault.point(text, in: tier, notices: notices).point.id
  }

  @Test("a point is named by its machine, its day, its time or its id")
  func selection() throws {
    let first = try commit("web01", "2026-11-21T10:00:00Z", to: .vault)
    let second = try commit("web01", "2026-11-22T09:00:00Z", to: .vault)
    let third = try commit("web01", "2026-11-22T15:04:05Z", to: .snapshot)
    let other = try commit("web012", "2027-01-01T00:00:00Z", to: .vault)
    #expect(
      try id("web01") == third.id && id("web01@latest") == third.id && id("web01@") == third.id)
    #expect(try id("web01@2026-11-21") == first.id && id("web01@2026-11-22") == third.id)
    #expect(try id("web01@2026-11-22T09") == second.id && id("web01@2026") == third.id)
    for point in [first, second, third, other] { #expect(try id(point.id) == point.id) }
    #expect(
      try id("web01", in: .vault) == second.id && id("web01@2026-11", in: .vault) == second.id)
    #expect(try id("web012") == other.id)
    #expect(notices.all.isEmpty)
  }

  @Test(
    "a text that means no point is an error",
    arguments: [
      "web01@2025", "web01@2026-11-21T10:00:00Z-zzzz", "web01@latest ", "web01@LATEST",
      "web02", "", "@", "@latest", "web", "WEB01", "web01/", "../web01", "web01@@",
    ])
  func unknown(text: String) throws {
    _ = try commit("web01", "2026-11-21T10:00:00Z", to: .vault)
    expectVaultError("no recovery point") { _ = try id(text) }
  }

  @Test("a point that is not in the tier that was asked for is an error")
  func otherTier() throws {
    let point = try commit("web01", "2026-11-21T10:00:00Z", to: .snapshot)
    expectVaultError("no recovery point") { _ = try id(point.id, in: .vault) }
    #expect(try id(point.id, in: .snapshot) == point.id)
  }

  @Test("points are listed once, oldest first, with the tiers they are in")
  func listing() throws {
    let late = try commit("b", "2026-11-22T00:00:00Z", to: .vault)
    let early = try commit("a", "2026-11-21T00:00:00Z", to: .snapshot)
    try vault.commit(early, to: vault.tier(.vault)!)
    let all = try vault.points(notices: notices)
    #expect(all.map(\.point) == [early, late])
    #expect(all.map(\.tiers) == [[.snapshot, .vault], [.vault]])
    #expect(try vault.points(of: "b", notices: notices).map(\.point) == [late])
    #expect(try vault.points(of: "c", notices: notices).isEmpty)
  }

  @Test("a point that one copy has lost or damaged is listed from another, with a notice")
  func copiesOfPoints() throws {
    let point = try commit("a", "2026-11-21T00:00:00Z", to: .vault)
    let path = ObjectPath.point(machine: "a", name: point.fileName)
    copies[0].flipBit(200, of: path)
    #expect(try vault.points(notices: notices).map(\.point) == [point])
    #expect(notices.all.count == 1 && notices.all[0].contains("first"))
    copies[0].drop(path)
    #expect(try vault.points(notices: notices).map(\.point) == [point])
    copies[1].flipBit(200, of: path)
    #expect(try vault.points(notices: notices).isEmpty)
  }

  @Test("a point under another name than its own is not believed")
  func misplaced() throws {
    let point = try commit("a", "2026-11-21T00:00:00Z", to: .snapshot)
    let bytes = snapshots.bytes(at: .point(machine: "a", name: point.fileName))!
    snapshots.place(bytes, at: .point(machine: "b", name: point.fileName))
    snapshots.place(bytes, at: .point(machine: "a", name: "2030-01-01T00:00:00Z-0000"))
    #expect(try vault.points(notices: notices).map(\.point) == [point])
    #expect(notices.all.count == 2)
  }

  @Test(
    "every machine name that is allowed is found again",
    arguments: ["a", "x y", "é", "e\u{301}", "👩‍💻", "한"])
  func names(machine: String) throws {
    try checkName(machine, of: "machine")
    let point = try commit(machine, "2026-11-21T00:00:00Z", to: .snapshot)
    #expect(try id(machine) == point.id && id(point.id) == point.id)
    #expect(try vault.points(of: machine, notices: notices).map(\.point) == [point])
  }

  @Test("a machine is kept in the tiers it was saved to, and read from the nearest")
  func machines() throws {
    #expect(try vault.machine("web01", notices: notices) == nil)
    let machine = Machine(name: "web01", disks: [.init(name: "root", source: "/a b/c.img")])
    let far = try #require(vault.tiers.last)
    try vault.save(machine, to: far)
    #expect(try vault.machine("web01", notices: notices) == machine)
    for tier in vault.tiers { try vault.save(machine, to: tier) }
    #expect(try vault.machine("web01", notices: notices) == machine)
    for store in copies + [snapshots] { #expect(store.bytes(at: .machine("web01")) != nil) }
    snapshots.flipBit(100, of: .machine("web01"))
    #expect(try vault.machine("web01", notices: notices) == machine)
    for store in copies { store.flipBit(100, of: .machine("web01")) }
    expectVaultError("machines/web01.json") { _ = try vault.machine("web01", notices: notices) }
  }

  @Test("an id ends in four digits of chance")
  func ids() {
    let ids = (0..<20).map { _ in
      RecoveryPoint(
        machine: "a", time: Timestamp(secondsSince1970: 0), consistency: .crash, tags: [:],
        disks: []
      ).id
    }
    #expect(Set(ids).count > 1)
    #expect(ids.allSatisfy { $0.hasPrefix("a@1970-01-01T00:00:00Z-") && $0.utf8.count == 27 })
  }
}
