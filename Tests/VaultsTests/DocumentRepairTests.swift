import Chunking
import Compression
import Hashing
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct DocumentRepairTests {
  private let copies = (0..<3).map { MemoryStore(name: "copy \($0)") }
  private let notices = Notices()
  private let vault: Vault
  private let tier: Tier
  private let point: RecoveryPoint
  private let path: ObjectPath

  init() throws {
    let descriptor = VaultDescriptor(
      redundancy: .zrs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v")], created: Timestamp(secondsSince1970: 0))
    tier = Tier(.vault, stores: copies, rule: .atLeast(2), notices: notices)
    vault = try Vault(path: FilePath("/v"), descriptor: descriptor, tiers: [tier])
    point = RecoveryPoint(
      machine: "web01", time: Timestamp(secondsSince1970: 1_000_000), consistency: .crash,
      tags: [:], disks: [])
    path = .point(machine: "web01", name: point.fileName)
    try vault.commit(point, to: tier)
  }

  private func machine(_ source: String, updated: Int64?) -> Machine {
    Machine(
      name: "web01", disks: [.init(name: "root", source: source)],
      updated: updated.map { Timestamp(secondsSince1970: $0) })
  }

  private func place(_ machine: Machine, in numbers: [Int]) {
    let bytes = CheckedDocument.encode(machine)
    for number in numbers { copies[number].place(bytes, at: .machine("web01")) }
  }

  @Test("a point that one store gives damaged is healed there from the next good one, by reading")
  func damagedPoints() throws {
    let good = copies[2].bytes(at: path)!
    copies[0].flipBit(300, of: path)
    copies[1].place([], at: path)
    #expect(try vault.points(notices: notices).map(\.point) == [point])
    #expect(copies.allSatisfy { $0.bytes(at: path) == good })
    #expect(notices.all.count == 2)
    #expect(notices.all.allSatisfy { $0.hasSuffix("repaired from another store") })
    for number in 0..<2 { #expect(notices.all[number].contains("in store copy \(number)")) }
  }

  @Test("a point that lies in a store under another's name is damaged there, and is replaced")
  func misplaced() throws {
    var other = point
    other.machine = "db01"
    other.id = "db01@\(point.fileName)"
    let good = copies[0].bytes(at: path)!
    copies[0].place(CheckedDocument.encode(other), at: path)
    #expect(try vault.points(notices: notices).map(\.point) == [point])
    #expect(copies[0].bytes(at: path) == good)
    #expect(notices.all.contains { $0.contains("does not belong to the name of its file") })
  }

  @Test("a store that cannot be healed is noted, and the point is listed all the same")
  func readOnly() throws {
    copies[0].flipBit(300, of: path)
    copies[0].limitCapacity(to: 0)
    #expect(try vault.points(notices: notices).map(\.point) == [point])
    #expect(notices.all.count == 1 && notices.all[0].contains("; not repaired: store copy 0"))
  }

  @Test("a machine that one store gives damaged is healed there by reading")
  func machines() throws {
    let known = machine("/a.img", updated: 5)
    place(known, in: [0, 1, 2])
    copies[0].flipBit(200, of: .machine("web01"))
    #expect(try vault.machine("web01", notices: notices) == known)
    #expect(copies[0].bytes(at: .machine("web01")) == copies[1].bytes(at: .machine("web01")))
  }

  @Test("a document that is good nowhere is not there, and every store is told of")
  func nothingGood() throws {
    for copy in copies { copy.flipBit(300, of: path) }
    for copy in copies { copy.fail(.put, number: 0) }
    #expect(try vault.points(notices: notices).isEmpty)
    #expect(notices.all.count == 3 && copies.allSatisfy { $0.count(of: .put) == 0 })
    #expect(goodDocument(path, among: copies, vault.documents) == nil)
    expectVaultError("name another one") { _ = try vault.point("web01", notices: notices) }
  }

  // MARK: making stores equal

  @Test("stores that miss points, or have parts of them, get them before a writer begins")
  func levelPoints() throws {
    let good = copies[1].bytes(at: path)!
    copies[0].drop(path)
    copies[2].place(Array(good.dropLast(5)), at: path)
    _ = try vault.openForWriting(tier, notices: notices)
    #expect(copies.allSatisfy { $0.bytes(at: path) == good })
    #expect(notices.all.filter { $0.contains("lacked \(path), and was caught up") }.count == 2)
  }

  @Test(
    "of machines that differ between stores the later one holds, wherever it lies",
    arguments: [(5, 6), (6, 5), (nil, 5), (5, nil)] as [(Int64?, Int64?)])
  func levelMachines(first: Int64?, others: Int64?) throws {
    place(machine("/first.img", updated: first), in: [0])
    place(machine("/other.img", updated: others), in: [1, 2])
    try vault.levelDocuments(of: tier, notices: notices)
    let source = (first ?? 0) > (others ?? 0) ? "/first.img" : "/other.img"
    for copy in copies {
      let found = try CheckedDocument.decode(
        Machine.self, from: try #require(copy.bytes(at: .machine("web01"))))
      #expect(found.disks[0].source == source)
    }
  }

  @Test("a damaged machine never wins over a good one, and stores that are level are not written")
  func levelDamaged() throws {
    place(machine("/good.img", updated: 1), in: [0, 1, 2])
    copies[0].flipBit(300, of: .machine("web01"))
    try vault.levelDocuments(of: tier, notices: notices)
    #expect(copies[0].bytes(at: .machine("web01")) == copies[1].bytes(at: .machine("web01")))
    for copy in copies { copy.fail(.put, number: 0) }
    try vault.levelDocuments(of: tier, notices: notices)
    #expect(copies.allSatisfy { $0.count(of: .put) == 0 })
  }

  @Test("where two of three will do, a store that cannot be made level is left out, with a notice")
  func levelReadOnly() throws {
    copies[1].drop(path)
    copies[1].limitCapacity(to: 0)
    _ = try vault.openForWriting(tier, notices: notices)
    #expect(tier.writable.map(\.name) == ["copy 0", "copy 2"])
    #expect(notices.all.contains { $0.contains("copy 1") })
  }

  @Test("a machine goes with its point into another tier, unless that knows it as it was later")
  func copyMachine() throws {
    let far = MemoryStore(name: "far")
    let other = Tier(.secondary, stores: [far])
    func known() throws -> String? {
      try vault.machine("web01", in: other, notices: notices)?.disks[0].source
    }
    place(machine("/old.img", updated: 5), in: [0, 1, 2])
    try vault.copyMachine(of: point, from: tier, to: other, notices)
    #expect(try known() == "/old.img")
    place(machine("/new.img", updated: 6), in: [0, 1, 2])
    try vault.copyMachine(of: point, from: tier, to: other, notices)
    #expect(try known() == "/new.img")
    place(machine("/old.img", updated: 5), in: [0, 1, 2])
    try vault.copyMachine(of: point, from: tier, to: other, notices)
    #expect(try known() == "/new.img")
  }
}
