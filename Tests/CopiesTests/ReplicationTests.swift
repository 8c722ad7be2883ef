import Chunking
import Compression
import Copies
import Hashing
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct ReplicationTests {
  private let bench: CopyBench
  private let bytes: [UInt8]

  init() throws {
    var random = Seed.ofThisRun.random
    bench = try CopyBench()
    bytes = random.bytes(300_000)
  }

  private func point(_ number: Int, now: Timestamp = .now) throws -> RecoveryPoint {
    let point = try bench.backUp(Array(bytes.dropLast(number * 4096)), now: now)
    try bench.copy([point])
    return point
  }

  @discardableResult
  private func replicate() throws -> Replication.Report {
    try Replication(vault: bench.vault, notices: bench.notices)
      .run(progress: Progress(), cancellation: Cancellation())
  }

  private func status() throws -> Replication.Status {
    try Replication(vault: bench.vault, notices: bench.notices).status()
  }

  @Test("a secondary region that never was in sync has no time, and is behind by everything")
  func never() throws {
    let points = [try point(0), try point(1)]
    let status = try status()
    #expect(status.lastSync == nil && status.behind.map(\.name) == points.map(\.id))
    #expect(status.replicatedCount == 0 && status.isPrimaryReachable)
  }

  @Test("after a replication every point restores from the secondary region alone")
  func inSync() throws {
    let points = [try point(0), try point(1)]
    #expect(try replicate().pointCount == 2)
    let status = try status()
    #expect(status.behind.isEmpty && status.replicatedCount == 2)
    #expect(try #require(status.lastSync) >= points[1].time)
    for store in bench.far { #expect(store.bytes(at: .lastSync) != nil) }
    for (number, point) in points.enumerated() {
      let expected = Array(bytes.dropLast(number * 4096))
      expectSame(try bench.restore(point, from: .secondary), expected, "\(Seed.ofThisRun)")
    }
    #expect(try replicate().sentBytes == 0)
  }

  @Test("a point that came since is behind, and the last sync stays what it was")
  func behind() throws {
    _ = try point(0)
    try replicate()
    let before = try #require(try status().lastSync)
    let later = try point(1, now: Timestamp(secondsSince1970: before.secondsSince1970 + 100))
    let status = try status()
    #expect(status.behind.map(\.name) == [later.id] && status.lastSync == before)
    #expect(status.replicatedCount == 1)
  }

  @Test("a point that was under way at the last sync puts that back to before its time")
  func race() throws {
    let early = Timestamp(secondsSince1970: 1_000_000)
    let slow = try bench.backUp(bytes, now: early)
    let quick = try bench.backUp(
      Array(bytes.dropLast(4096)), now: Timestamp(secondsSince1970: 2_000_000))
    try bench.copy([quick])
    try replicate()
    #expect(try #require(try status().lastSync) >= quick.time)
    try bench.copy([slow])
    let status = try status()
    #expect(status.behind.map(\.name) == [slow.id])
    #expect(status.lastSync == Timestamp(secondsSince1970: 999_999))
    try replicate()
    #expect(try #require(try self.status().lastSync) >= quick.time)
  }

  @Test("points of a clock that runs ahead are covered by the sync that brought them")
  func clockAhead() throws {
    let ahead = Timestamp(secondsSince1970: Timestamp.now.secondsSince1970 + 1_000_000)
    _ = try point(0, now: ahead)
    try replicate()
    #expect(try status().lastSync == ahead)
  }

  @Test("a replication that fails notes no sync, and the next one goes on")
  func failing() throws {
    _ = try point(0)
    for store in bench.far { store.fail(.put, number: 2) }
    #expect(throws: StoreError.self) { try replicate() }
    #expect(try status().lastSync == nil)
    let fresh = try Vault(
      path: bench.vault.path, descriptor: bench.vault.descriptor,
      tiers: [
        bench.vault.tiers[0], bench.vault.tiers[1],
        Tier(.secondary, stores: bench.far, rule: .atLeast(1)),
      ])
    let report = try Replication(vault: fresh, notices: bench.notices)
      .run(progress: Progress(), cancellation: Cancellation())
    #expect(report.pointCount == 1 && fresh.lastSync(notices: bench.notices) != nil)
  }

  @Test("what all copies of the vault tier have lost is replicated from the snapshot tier")
  func fromSnapshots() throws {
    let point = try point(0)
    for copy in bench.copies {
      for pack in copy.paths(in: .packs) { copy.flipBit(8 * 70, of: pack) }
    }
    try replicate()
    expectSame(try bench.restore(point, from: .secondary), bytes, "\(Seed.ofThisRun)")
  }

  @Test("the secondary region tells how far it is with the primary gone, and not without itself")
  func outage() throws {
    _ = try point(0)
    try replicate()
    func vault(_ tiers: [Tier]) throws -> Vault {
      try Vault(path: bench.vault.path, descriptor: bench.vault.descriptor, tiers: tiers)
    }
    let gone = [AbsentStore(name: "/gone", reason: "no disk")]
    let far = bench.vault.tiers[2]
    let alone = try vault([Tier(.vault, stores: [], absent: gone), far])
    let status = try Replication(vault: alone, notices: bench.notices).status()
    #expect(!status.isPrimaryReachable && status.lastSync != nil && status.replicatedCount == 1)
    let cut = try vault([bench.vault.tiers[1], Tier(.secondary, stores: [], absent: gone)])
    for body in [{ _ = try Replication(vault: cut, notices: bench.notices).status() }] {
      #expect(throws: TierError.self) { try body() }
    }
    let none = try vault([bench.vault.tiers[1]])
    let error = #expect(throws: VaultError.self) {
      try Replication(vault: none, notices: bench.notices)
        .run(progress: Progress(), cancellation: Cancellation())
    }
    #expect("\(try #require(error))".contains("no secondary tier"))
  }
}
