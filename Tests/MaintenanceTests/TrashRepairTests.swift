import Encryption
import Hashing
import Stores
import TestSupport
import Testing
import Tiers
import Workers

@testable import Maintenance
@testable import Vaults

/// What a tier has lost of points in the trash, and the ways out.
@Suite struct TrashRepairTests {
  private let images: [[UInt8]]

  init() {
    var random = Seed.ofThisRun.random
    images = [random.bytes(300_000), random.bytes(300_000)]
  }

  /// A vault with a point in the trash and one that is listed, which have nothing in common. What
  /// the first one needs is gone from every copy of the vault tier, which does not even know it.
  private func robbed(
    hasSecondary: Bool, isEncrypted: Bool = false
  ) throws -> (bench: ScrubBench, deleted: RecoveryPoint, kept: RecoveryPoint) {
    let bench = try ScrubBench(hasSecondary: hasSecondary, isEncrypted: isEncrypted)
    let deleted = try bench.backUp(images[0])
    let packs = bench.copies[0].paths(in: .packs)
    let kept = try bench.backUp(images[1])
    if hasSecondary { try bench.replicate([deleted, kept]) }
    try bench.vault.delete(
      deleted, isExpiry: false, trashDays: 14, now: .now, notices: bench.notices)
    for copy in bench.copies { for path in packs { copy.drop(path) } }
    // Somebody scrubs who does not reach the other tier.
    var scrub = Scrub(try vaultTierAlone(bench), notices: bench.notices)
    scrub.repairs = true
    let report = try scrub.run(progress: Progress(), cancellation: Cancellation())
    #expect(report.lostPoints.map(\.point) == [deleted.id])
    #expect(report.lostPoints.allSatisfy { $0.isDeleted == true })
    return (bench, deleted, kept)
  }

  private func vaultTierAlone(_ bench: ScrubBench) throws -> Vault {
    try Vault(
      path: bench.vault.path, descriptor: bench.vault.descriptor, tiers: [bench.vault.firstTier])
  }

  private func reclaim(_ bench: ScrubBench) throws -> Reclaim.TierReport {
    let vault = try Vault(
      path: bench.vault.path, descriptor: bench.vault.descriptor, tiers: bench.vault.tiers)
    var reclaim = Reclaim(of: vault, notices: bench.notices)
    reclaim.graceSeconds = 0
    reclaim.leasePatienceSeconds = 0
    return try reclaim.run(progress: Progress(), cancellation: Cancellation()).tiers[0]
  }

  @Test(
    "what only a point in the trash needs comes from another tier, and the point comes back whole",
    arguments: [false, true])
  func otherTier(isEncrypted: Bool) throws {
    let (bench, deleted, _) = try robbed(hasSecondary: true, isEncrypted: isEncrypted)
    let refusal = try #require(try reclaim(bench).failure)
    #expect(refusal.contains("in the vault tier") && refusal.contains("disk root"))
    #expect(refusal.contains("\(deleted.id) needs, which is in the trash"))
    #expect(refusal.contains("is in no pack") || refusal.contains("is not stored"), "\(refusal)")
    #expect(refusal.contains("`kluis scrub --repair`"))
    #expect(refusal.contains("`kluis delete \(deleted.id) --purge`"))

    for store in bench.stores { store.fail(.put, number: 0) }
    let found = try bench.scrub()
    #expect(found.lacks.map(\.tier) == ["vault"] && found.lacks.allSatisfy { !$0.isRepaired })
    #expect(found.lacks[0].records > 3 && !found.isClean && found.lostPoints.isEmpty)
    #expect(bench.stores.allSatisfy { $0.count(of: .put) == 0 }, "looking writes nothing")

    let report = try bench.scrub(repairs: true)
    #expect(report.lacks.map(\.records) == found.lacks.map(\.records))
    #expect(report.lacks.allSatisfy(\.isRepaired) && report.lostPoints.isEmpty)
    #expect(try bench.scrub().isClean && bench.areCopiesEqual)
    #expect(try reclaim(bench).failure == nil)
    let vault = try vaultTierAlone(bench)
    let trash = try vault.deletedPoints(now: .now, notices: bench.notices)
    try vault.undelete(trash[0], now: .now, notices: bench.notices)
    expectSame(try bench.restore(deleted), images[0], "\(Seed.ofThisRun)")
  }

  @Test("what a listed point needs and its tier forgot comes from another tier as well")
  func listed() throws {
    let (bench, deleted, _) = try robbed(hasSecondary: true)
    let trash = try bench.vault.deletedPoints(now: .now, notices: bench.notices)
    try bench.vault.undelete(trash[0], now: .now, notices: bench.notices)
    let refusal = try #require(try reclaim(bench).failure)
    #expect(
      refusal.contains(
        "with `kluis delete \(deleted.id)` and then `kluis delete \(deleted.id) --purge`"))
    #expect(try bench.scrub(repairs: true).lacks.map(\.isRepaired) == [true])
    #expect(try bench.scrub().isClean)
    expectSame(try bench.restore(deleted), images[0], "\(Seed.ofThisRun)")
  }

  @Test("what the other tier does not take leaves it as it was, and is told")
  func refused() throws {
    let (bench, _, _) = try robbed(hasSecondary: true)
    for copy in bench.copies { copy.setReadOnly(true) }
    let report = try bench.scrub(repairs: true)
    #expect(report.lacks.map(\.isRepaired) == [false] && !report.isClean)
    #expect(bench.notices.all.contains { $0.contains("was not brought there") })
    for copy in bench.copies { copy.setReadOnly(false) }
    #expect(try bench.scrub(repairs: true).lacks.map(\.isRepaired) == [true])
    #expect(try reclaim(bench).failure == nil)
  }

  @Test(
    "what is nowhere any more is given up with its point, and reclaim goes on",
    arguments: [false, true])
  func nowhere(isEncrypted: Bool) throws {
    let (bench, deleted, kept) = try robbed(hasSecondary: false, isEncrypted: isEncrypted)
    let report = try bench.scrub(repairs: true)
    #expect(report.lacks.isEmpty && report.lostPoints.map(\.point) == [deleted.id])
    #expect(try reclaim(bench).failure?.contains("\(deleted.id) needs") == true)
    let trash = try bench.vault.deletedPoints(now: .now, notices: bench.notices)
    try bench.vault.purge(deleted.id, now: .now, notices: bench.notices)
    let after = try reclaim(bench)
    #expect(after.failure == nil && after.points == 1)
    #expect(throws: RemovalError.self) {
      try bench.vault.undelete(trash[0], now: .now, notices: bench.notices)
    }
    #expect(try bench.scrub(repairs: true).isClean)
    expectSame(try bench.restore(kept), images[1], "\(Seed.ofThisRun)")
  }

  @Test("a point whose time in the trash is over is not missed")
  func over() throws {
    let (bench, _, _) = try robbed(hasSecondary: true)
    var scrub = Scrub(bench.vault, notices: bench.notices)
    scrub.now = Timestamp(secondsSince1970: Timestamp.now.secondsSince1970 + 15 * 86_400)
    scrub.repairs = true
    #expect(try scrub.run(progress: Progress(), cancellation: Cancellation()).isClean)
  }
}
