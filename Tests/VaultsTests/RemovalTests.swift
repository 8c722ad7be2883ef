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

@Suite struct RemovalTests {
  private let snapshots = MemoryStore(name: "snapshots")
  private let copies = [
    MemoryStore(name: "first"), MemoryStore(name: "second"), MemoryStore(name: "third"),
  ]
  private let far = MemoryStore(name: "far")
  private let notices = Notices()
  private let now = Timestamp("2026-11-22T10:00:00Z")!

  private func vault(
    without away: MemoryStore? = nil, isFarAway: Bool = false, hasSnapshots: Bool = true
  ) throws -> Vault {
    let descriptor = VaultDescriptor(
      redundancy: .zrs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v")], created: Timestamp(secondsSince1970: 0))
    let present = copies.filter { $0 !== away }
    let absent = away.map { [AbsentStore(name: $0.name, reason: "it is away")] } ?? []
    var tiers = [
      Tier(.snapshot, stores: hasSnapshots ? [snapshots] : []),
      Tier(.vault, stores: present, absent: absent, rule: .atLeast(2), notices: notices),
    ]
    if !isFarAway { tiers.append(Tier(.secondary, stores: [far])) }
    return try Vault(path: FilePath("/v"), descriptor: descriptor, tiers: tiers)
  }

  private func commit(_ time: String, to tiers: [Tier.Name]) throws -> RecoveryPoint {
    let point = RecoveryPoint(
      machine: "m", time: Timestamp(time)!, consistency: .crash, tags: [:], disks: [])
    let vault = try vault()
    for tier in tiers { try vault.commit(point, to: vault.require(tier)) }
    return point
  }

  private func delete(_ point: RecoveryPoint, in vault: Vault, trashDays: Int = 14) throws {
    try vault.delete(
      point, isExpiry: false, trashDays: trashDays, now: now, notices: notices)
  }

  private func listed(_ vault: Vault) throws -> [String] {
    try vault.points(notices: notices).map(\.point.id)
  }

  private func openAll(_ vault: Vault) throws {
    for tier in vault.tiers { _ = try vault.openForWriting(tier, notices: notices) }
  }

  @Test("a deleted point is in no list, and comes back to the tiers that had it")
  func roundTrip() throws {
    let kept = try commit("2026-11-20T10:00:00Z", to: [.snapshot, .vault])
    let gone = try commit("2026-11-21T10:00:00Z", to: [.vault])
    let vault = try vault()
    try delete(gone, in: vault)
    #expect(try listed(vault) == [kept.id])
    #expect(throws: VaultError.self) { try vault.point(gone.id, notices: notices) }
    #expect(copies.allSatisfy { $0.paths(in: .points).count == 1 })
    let deleted = try vault.deletedPoints(now: now, notices: notices)
    #expect(deleted.map(\.point) == [gone] && deleted[0].removal.state == .removed)
    try vault.undelete(deleted[0], now: now, notices: notices)
    #expect(try listed(vault) == [kept.id, gone.id])
    #expect(try vault.deletedPoints(now: now, notices: notices).isEmpty)
    #expect(snapshots.paths(in: .points).count == 1, "it never had the other")
    try delete(gone, in: vault)
    #expect(try listed(vault) == [kept.id], "once more, with a clock that stands still")
  }

  @Test("after its time a deleted point does not come back")
  func timeInTheTrash() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.vault])
    let vault = try vault()
    try delete(point, in: vault, trashDays: 1)
    let deleted = try vault.deletedPoints(now: now, notices: notices)[0]
    let later = Timestamp(secondsSince1970: now.secondsSince1970 + 86_400)
    #expect(try vault.deletedPoints(now: later, notices: notices).isEmpty)
    #expect(throws: RemovalError.self) {
      try vault.undelete(deleted, now: later, notices: notices)
    }
    try vault.undelete(deleted, now: now, notices: notices)
    #expect(throws: RemovalError.self, "it is back already") {
      try vault.undelete(deleted, now: now, notices: notices)
    }
  }

  @Test("a store that was away learns what was deleted, and brings nothing back")
  func returningStore() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.vault])
    try delete(point, in: try vault(without: copies[2]))
    #expect(copies[2].paths(in: .points).count == 1)
    let vault = try vault()
    #expect(try listed(vault).isEmpty)
    try openAll(vault)
    for copy in copies {
      #expect(copy.paths(in: .points).isEmpty && !copy.paths(in: .trash).isEmpty)
    }
    #expect(try vault.deletedPoints(now: now, notices: notices).map(\.point) == [point])
  }

  @Test("the secondary tier follows when it is written to, in deleting and in bringing back")
  func secondary() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.vault, .secondary])
    let vault = try vault()
    try delete(point, in: vault)
    #expect(far.paths(in: .points).count == 1 && far.paths(in: .trash).isEmpty)
    #expect(try listed(vault).isEmpty, "what one tier tells holds for all")
    try openAll(vault)
    #expect(far.paths(in: .points).isEmpty && far.paths(in: .trash).count == 1)
    let deleted = try vault.deletedPoints(now: now, notices: notices)[0]
    try vault.undelete(deleted, now: now, notices: notices)
    try openAll(vault)
    #expect(far.paths(in: .points).count == 1, "it kept what the point needs")
    #expect(try vault.points(notices: notices).map(\.tiers) == [[.vault, .secondary]])
  }

  @Test("a tier that was away when a point was brought back still has it when it is deleted again")
  func deletedAgain() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.snapshot, .vault])
    let whole = try vault()
    try delete(point, in: whole)
    let without = try vault(hasSnapshots: false)
    try without.undelete(
      without.deletedPoints(now: now, notices: notices)[0], now: now, notices: notices)
    try delete(point, in: whole)
    let deleted = try whole.deletedPoints(now: now, notices: notices)
    try whole.undelete(deleted[0], now: now, notices: notices)
    let listed = try whole.points(notices: notices)
    #expect(listed.map(\.point.id) == [point.id] && listed[0].tiers == [.snapshot, .vault])
  }

  @Test("bringing back may be cut off anywhere: it is done then, or can be done again")
  func cutOffUndeletion() throws {
    var failures = 0
    for (minute, store) in ([snapshots] + copies).enumerated() {
      for number in 1...12 {
        let second = number < 10 ? "0\(number)" : "\(number)"
        let point = try commit("2026-11-21T10:0\(minute):\(second)Z", to: [.snapshot, .vault])
        let vault = try vault()
        try delete(point, in: vault)
        let deleted = try vault.deletedPoints(now: now, notices: notices)
        store.fail(.put, number: number)
        do { try vault.undelete(deleted[0], now: now, notices: notices) } catch { failures += 1 }
        store.fail(.put, number: 0)
        let next = try self.vault()
        for still in try next.deletedPoints(now: now, notices: notices) {
          try next.undelete(still, now: now, notices: notices)
        }
        #expect(try listed(next).contains(point.id), "put \(number) of \(store.name)")
      }
    }
    #expect(failures > 1)
  }

  @Test("deleting may be cut off anywhere: the point is there whole, or can be brought back")
  func cutOff() throws {
    for puts in 0..<5 {
      let point = try commit("2026-11-21T10:00:0\(puts)Z", to: [.snapshot, .vault])
      for copy in copies + [snapshots] { copy.losePower(afterPuts: puts % 3 == 0 ? 0 : 1) }
      snapshots.losePower(afterPuts: puts)
      _ = try? delete(point, in: try vault())
      for copy in copies + [snapshots] { copy.restorePower() }
      let vault = try vault()
      try openAll(vault)
      let isDeleted = try vault.deletedPoints(now: now, notices: notices).contains {
        $0.point.id == point.id
      }
      #expect(try listed(vault).contains(point.id) != isDeleted, "after \(puts) puts")
    }
  }

  @Test("a locked point is not deleted, in whatever tier the lock is known")
  func locks() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.vault, .secondary])
    let vault = try vault()
    let until = Timestamp("2027-01-01T00:00:00Z")!
    try vault.setLock(of: point, until: until, now: now, notices: notices)
    #expect(throws: RemovalError.self) { try delete(point, in: vault) }
    try openAll(vault)
    for copy in copies { for path in copy.paths(in: .locks) { copy.drop(path) } }
    for path in snapshots.paths(in: .locks) { snapshots.drop(path) }
    #expect(try vault.lock(of: point, notices: notices)?.until == until, "the far copy knows")
    #expect(throws: RemovalError.self) { try delete(point, in: vault) }
    #expect(throws: RemovalError.self, "shorter") {
      try vault.setLock(
        of: point, until: Timestamp("2026-12-01T00:00:00Z")!, now: now, notices: notices)
    }
    try vault.setLock(of: point, until: nil, now: now, notices: notices)
    try delete(point, in: vault)
    #expect(try listed(vault).isEmpty)
  }

  @Test("a point in the trash is given up for good, in all tiers, and comes back from none")
  func purge() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.snapshot, .vault, .secondary])
    let other = try commit("2026-11-22T10:00:00Z", to: [.vault])
    let vault = try vault()
    #expect(throws: RemovalError.self, "it is listed") {
      try vault.purge(point.id, now: now, notices: notices)
    }
    try delete(point, in: vault)
    try delete(other, in: vault)
    try openAll(vault)
    let deleted = try vault.deletedPoints(now: now, notices: notices)
    let away = try self.vault(without: copies[2])
    try away.purge(point.id, now: now, notices: notices)
    for tier in vault.tiers {
      let kept = try vault.keptPoints(in: tier, now: now, notices: notices).values.map(\.point)
      #expect(kept == (tier.name == .vault ? [other] : []), "\(tier.name)")
    }
    try openAll(vault)
    let path = ObjectPath.removal(of: try vault.path(of: point))
    for store in copies + [snapshots, far] {
      let told = try CheckedDocument.decode(
        Removal.self, from: try #require(store.bytes(at: path)))
      #expect(told.state == .gone && told.document == nil, "\(store.name)")
    }
    #expect(try vault.deletedPoints(now: now, notices: notices).map(\.point) == [other])
    #expect(throws: RemovalError.self) {
      try vault.undelete(deleted[0], now: now, notices: notices)
    }
    #expect(throws: RemovalError.self, "once is enough") {
      try vault.purge(point.id, now: now, notices: notices)
    }
  }

  @Test("a locked point is not given up, in whatever tier the lock is known")
  func purgeLocked() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.vault])
    let vault = try vault()
    try delete(point, in: vault)
    // Somebody locked it where nobody knew yet that it was deleted.
    let until = Timestamp("2026-12-24T00:00:00Z")!
    let place = ObjectPath.lock(of: try vault.path(of: point))
    far.place(CheckedDocument.encode(PointLock(until: until, updated: now)), at: place)
    #expect(throws: RemovalError.self) { try vault.purge(point.id, now: now, notices: notices) }
    #expect(try vault.deletedPoints(now: now, notices: notices).map(\.point) == [point])
    try vault.purge(point.id, now: until, notices: notices)
    #expect(try vault.deletedPoints(now: now, notices: notices).isEmpty)
  }

  @Test("what nobody can read any more of a point in the trash is given up by the point's id")
  func purgeUnreadable() throws {
    let point = try commit("2026-11-21T10:00:00Z", to: [.vault])
    let vault = try vault()
    try delete(point, in: vault)
    let place = ObjectPath.removal(of: try vault.path(of: point))
    for store in copies + [snapshots] { store.flipBit(200, of: place) }
    #expect(try vault.deletedPoints(now: now, notices: notices).isEmpty)
    do {
      _ = try vault.keptPoints(in: vault.require(.vault), now: now, notices: notices)
      Issue.record("it is known what nobody can read")
    } catch { #expect("\(error)".contains("`kluis delete \(point.id) --purge`"), "\(error)") }
    for wrong in ["m", "m@", "@x", "m@../x", "m/m@x", "m@2026-11-21", "n\(point.id)"] {
      #expect(throws: (any Error).self, "\(wrong)") {
        try vault.purge(wrong, now: now, notices: notices)
      }
    }
    try vault.purge(point.id, now: now, notices: notices)
    #expect(try vault.keptPoints(in: vault.require(.vault), now: now, notices: notices).isEmpty)
  }

  @Test("a policy is kept by backups, the default holds for others, and both come back from copies")
  func policies() throws {
    let vault = try vault()
    #expect(throws: VaultError.self) {
      try vault.setPolicy(RetentionPolicy(), of: "m", now: now, notices: notices)
    }
    try vault.save(Machine(name: "m", disks: [], updated: now), to: vault.firstTier)
    #expect(try vault.policy(of: "m", notices: notices) == nil)
    var policy = RetentionPolicy()
    policy.keepDaily = 7
    try vault.setDefaultPolicy(policy, now: now, notices: notices)
    #expect(try vault.policy(of: "m", notices: notices)?.isOwn == false)
    policy.keepLast = 3
    policy.trashDays = 2
    try vault.setPolicy(policy, of: "m", now: now, notices: notices)
    let renewed = try vault.renewed(
      Machine(name: "m", disks: [], updated: now), notices: notices)
    #expect(renewed.policy == policy && renewed.updated! > now)
    #expect(try vault.trashDays(of: "m", notices: notices) == 2)
    #expect(try vault.trashDays(of: "other", notices: notices) == 14)
    for path in snapshots.paths(in: .machines) { snapshots.drop(path) }
    #expect(try vault.policy(of: "m", notices: notices)?.policy == policy)
    try vault.setDefaultPolicy(nil, now: now, notices: notices)
    #expect(try vault.defaultPolicy(notices: notices) == nil)
  }
}
