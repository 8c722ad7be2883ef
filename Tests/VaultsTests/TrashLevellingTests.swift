import Chunking
import Compression
import Encryption
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

/// What is read of the trash when a vault is opened for writing, and what must not be overlooked.
@Suite struct TrashLevellingTests {
  private let copies = (0..<3).map { MemoryStore(name: "copy \($0)") }
  private let far = MemoryStore(name: "far")
  private let notices = Notices()
  private let now = Timestamp("2026-11-22T10:00:00Z")!

  private func vault(without away: MemoryStore? = nil) throws -> Vault {
    let descriptor = VaultDescriptor(
      redundancy: .zrs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v")], created: Timestamp(secondsSince1970: 0))
    let absent = away.map { [AbsentStore(name: $0.name, reason: "it is away")] } ?? []
    let tier = Tier(
      .vault, stores: copies.filter { $0 !== away }, absent: absent, rule: .atLeast(2))
    return try Vault(
      path: FilePath("/v"), descriptor: descriptor,
      tiers: [tier, Tier(.secondary, stores: [far])])
  }

  private func after(days: Int64) -> Timestamp {
    Timestamp(secondsSince1970: now.secondsSince1970 + days * 86_400)
  }

  /// Points that were deleted, each in both tiers.
  private func deletedPoints(_ count: Int) throws -> [RecoveryPoint] {
    let vault = try vault()
    let points = (0..<count).map { number in
      RecoveryPoint(
        machine: "m", time: after(days: Int64(number - count)), consistency: .crash, tags: [:],
        disks: [])
    }
    for point in points {
      for tier in vault.tiers { try vault.commit(point, to: tier) }
      try vault.delete(point, isExpiry: true, trashDays: 14, now: now, notices: notices)
    }
    try open(vault)
    return points
  }

  private func open(_ vault: Vault, reading scope: TrashScope = .uneven) throws {
    for tier in vault.tiers {
      try vault.levelDocuments(of: tier, reading: scope, notices: notices)
    }
  }

  private func trashReads(_ body: () throws -> Void) throws -> Int {
    for store in copies + [far] { store.fail(.read, number: 0) }
    try body()
    return (copies + [far]).reduce(0) { $0 + $1.count(of: .read) }
  }

  private func removal(of point: RecoveryPoint, in store: MemoryStore) throws -> Removal {
    let path = ObjectPath.removal(of: try vault().path(of: point))
    return try CheckedDocument.decode(Removal.self, from: try #require(store.bytes(at: path)))
  }

  @Test("of a trash that is the same everywhere nothing is read, however full it is")
  func even() throws {
    let points = try deletedPoints(40)
    #expect(try trashReads { try open(try self.vault()) } == 0, "in the trash")
    let vault = try self.vault()
    for tier in vault.tiers {
      try vault.endTrash(in: tier, now: after(days: 15), notices: notices)
    }
    try open(vault)
    for store in copies + [far] {
      for point in points { #expect(try removal(of: point, in: store).state == .gone) }
    }
    #expect(try trashReads { try open(vault) } == 0, "gone")
  }

  @Test("of copies with one size in one tier one is read, and the next where that is damaged")
  func oneCopy() throws {
    let points = try deletedPoints(3)
    let vault = try vault()
    let path = try vault.path(of: points[1])
    #expect(
      try trashReads {
        let removals = try vault.removals(notices: notices)
        for point in removals.points { _ = removals.newest(of: point) }
      } == 6)
    copies[0].flipBit(300, of: .removal(of: path))
    #expect(try vault.removals(notices: notices).newest(of: path)?.state == .removed)
    #expect(notices.all.contains { $0.contains("copy 0 is damaged") })
  }

  @Test("a store that missed how a point was brought back and deleted once more learns of it")
  func deletedTwice() throws {
    let points = try deletedPoints(2)
    let away = try vault(without: copies[2])
    let deleted = try away.deletedPoints(now: now, notices: notices)
    try away.undelete(deleted[0], now: now, notices: notices)
    try away.delete(
      points[0], isExpiry: true, trashDays: 14, now: after(days: 10), notices: notices)
    #expect(try removal(of: points[0], in: copies[2]).until == after(days: 14))
    try open(try vault())
    for store in copies + [far] {
      #expect(try removal(of: points[0], in: store).until == after(days: 24), "\(store.name)")
    }
  }

  @Test("a store that missed a second deletion alone, since the first was cut off, learns of it")
  func cutOffTwice() throws {
    let point = RecoveryPoint(
      machine: "m", time: now, consistency: .crash, tags: [:], disks: [])
    let vault = try vault()
    try vault.commit(point, to: vault.require(.vault))
    for copy in copies { copy.fail(.delete, number: 1) }
    #expect(throws: StoreError.self) {
      try vault.delete(point, isExpiry: false, trashDays: 14, now: now, notices: notices)
    }
    for copy in copies { copy.fail(.delete, number: 0) }
    let away = try self.vault(without: copies[2])
    try away.delete(
      point, isExpiry: false, trashDays: 14, now: after(days: 3), notices: notices)
    // Its point's file is gone as well, so that nothing but the trash tells.
    copies[2].drop(try vault.path(of: point))
    try open(try self.vault())
    #expect(try removal(of: point, in: copies[2]).until == after(days: 17))
  }

  @Test("whoever reclaims or scrubs puts a point back that was cut off when all stores knew it")
  func cutOffUndelete() throws {
    let points = try deletedPoints(2)
    let path = try vault().path(of: points[0])
    for (round, scope) in [TrashScope.everyPoint, .everyCopy].enumerated() {
      let vault = try self.vault()
      let deleted = try vault.deletedPoints(now: now, notices: notices)
      try vault.undelete(deleted[0], now: now, notices: notices)
      try open(vault)
      for store in copies + [far] { store.drop(path) }
      #expect(try vault.points(notices: notices).isEmpty, "round \(round)")
      try open(vault, reading: scope)
      #expect(try vault.points(notices: notices).map(\.point) == [points[0]], "round \(round)")
      try vault.delete(points[0], isExpiry: false, trashDays: 9, now: now, notices: notices)
      try open(vault)
    }
  }

  @Test(
    "no two documents of one point in one tier have one size and promise different things",
    arguments: [false, true])
  func sizes(isSealed: Bool) throws {
    let coder = DocumentCoder(isSealed ? .encrypted(fixtureKeys) : .none)
    let path = ObjectPath.removal(of: .point(machine: "m", name: "p"))
    var random = Seed.ofThisRun.random
    for _ in 0..<20 {
      let document: [UInt8]? = random.below(2) == 0 ? random.bytes(400 + random.below(900)) : nil
      var told = Removal(removed: now, until: now, isExpiry: random.below(2) == 0, updated: now)
        .holding(document)
      var sizes: [Int: Removal] = [:]
      for number in 1...12 {
        for state in [told, told.ended(as: .gone, updated: after(days: Int64(number)))] {
          let size = try coder.encode(state, at: path, updated: state.updated).count
          if let other = sizes[size], promises(state) || promises(other) {
            Issue.record("\(state) and \(other) \(Seed.ofThisRun)")
          }
          sizes[size] = state
        }
        let updated = after(days: Int64(number))
        if told.state == .removed {
          told = told.ended(as: .restored, updated: updated)
        } else {
          var again = Removal(
            removed: updated, until: updated, isExpiry: random.below(2) == 0, updated: updated)
          again.earlier = told.history
          told = again.holding(document)
        }
      }
    }
  }

  /// Whether anything follows from it for a tier: a point to come back, or to be put back.
  private func promises(_ removal: Removal) -> Bool {
    removal.document != nil || removal.state == .restored
  }
}
