import Encryption
import Files
import Hashing
import Maps
import Packs
import Stores
import Synchronization
import TestSupport
import Testing
import Tiers
import Workers

@testable import Maintenance
@testable import Vaults

@Suite struct ReclaimTests {
  private let bench: ScrubBench
  private var images: [[UInt8]] = []
  private var points: [RecoveryPoint] = []

  /// Three points of a disk of which a third changes each time.
  init() throws {
    var random = Seed.ofThisRun.random
    bench = try ScrubBench()
    var bytes = random.bytes(900_000)
    for round in 0..<3 {
      bytes.replaceSubrange(round * 300_000..<(round + 1) * 300_000, with: random.bytes(300_000))
      images.append(bytes)
      points.append(try bench.backUp(bytes))
    }
  }

  /// The vault as somebody else opens it.
  private func opened() throws -> Vault {
    try Vault(
      path: bench.vault.path, descriptor: bench.vault.descriptor, tiers: bench.vault.tiers)
  }

  private func delete(_ point: RecoveryPoint) throws {
    try bench.vault.delete(
      point, isExpiry: false, trashDays: 0, now: .now, notices: bench.notices)
  }

  @discardableResult
  private func reclaim(
    by vault: Vault? = nil, grace: Int64 = 0, _ change: (inout Reclaim) -> Void = { _ in }
  ) throws -> Reclaim.TierReport {
    var reclaim = Reclaim(of: try vault ?? opened(), notices: bench.notices)
    reclaim.graceSeconds = grace
    reclaim.workerCount = 1
    // The bench's own lease is that of a vault that is done.
    reclaim.leasePatienceSeconds = 0
    change(&reclaim)
    let report = try reclaim.run(progress: Progress(), cancellation: Cancellation())
    return report.tiers[0]
  }

  private var packBytes: Int {
    let store = bench.copies[0]
    return store.paths(in: .packs).reduce(0) { $0 + store.bytes(at: $1)!.count }
  }

  private func expectRestores(_ numbers: Range<Int>) throws {
    for number in numbers { #expect(try bench.restore(points[number]) == images[number]) }
  }

  @Test("a point that comes while the index is read is no reason to stop")
  func pointMeanwhile() throws {
    var random = Seed.ofThisRun.random
    let first = bench.copies[0]
    for number in 1...12 {
      let bytes = random.bytes(200_000)
      let other = try opened()
      let point = Mutex<RecoveryPoint?>(nil)
      first.call(after: number, of: .list) {
        do {
          let new = try bench.backUp(bytes, in: other)
          point.withLock { $0 = new }
        } catch { Issue.record(error) }
      }
      let report = try reclaim()
      first.call(after: 0, nil)
      #expect(report.failure == nil, "listing \(number)")
      if let point = point.withLock({ $0 }) { #expect(try bench.restore(point) == bytes) }
      try expectRestores(1..<3)
    }
  }

  @Test("what no point needs goes from all copies, and what is needed stays as it is")
  func freeing() throws {
    let before = packBytes
    #expect(try reclaim().freedPacks == 0 && packBytes == before, "all of it is needed")
    try delete(points[0])
    try delete(points[1])
    let plan = try reclaim { $0.isDryRun = true }
    #expect(plan.repackedPacks > 0 && packBytes == before)
    let report = try reclaim()
    #expect(report.failure == nil && report.freedBytes > 300_000 && report.waitingPacks == 0)
    #expect(packBytes < before - 300_000 && packBytes < 1_200_000)
    #expect(bench.areCopiesEqual)
    try expectRestores(2..<3)
    #expect(try reclaim().freedPacks == 0 && bench.scrub().isClean)
  }

  @Test("a point in the trash keeps what it needs until its time is over")
  func trash() throws {
    let before = packBytes
    let now = Timestamp.now
    try bench.vault.delete(
      points[0], isExpiry: true, trashDays: 1, now: now, notices: bench.notices)
    try reclaim()
    #expect(packBytes == before)
    let other = try opened()
    let deleted = try other.deletedPoints(now: now, notices: bench.notices)
    try other.undelete(deleted[0], now: now, notices: bench.notices)
    try expectRestores(0..<3)
    try other.delete(
      points[0], isExpiry: true, trashDays: 1, now: now, notices: bench.notices)
    try reclaim { $0.now = Timestamp(secondsSince1970: now.secondsSince1970 + 100_000) }
    #expect(packBytes < before)
    #expect(try bench.vault.deletedPoints(now: now, notices: bench.notices).isEmpty)
    try expectRestores(1..<3)
  }

  @Test("nothing goes before its grace is over, or while somebody may lean on it")
  func waiting() throws {
    try delete(points[0])
    let before = packBytes
    let early = try opened()
    _ = try early.openForWriting(early.firstTier, notices: bench.notices)
    let patient = { (reclaim: inout Reclaim) in reclaim.leasePatienceSeconds = 3600 }
    // The bench has a lease as well, from its backups.
    let first = try reclaim(grace: 86_400, patient)
    #expect(first.waitingPacks > 0 && first.waitingFor.count == 2 && packBytes >= before)
    #expect(first.waitingUntil! > .now)
    #expect(try reclaim(patient).freedPacks == 0, "two write that have not seen the tombstone")
    let late = try opened()
    _ = try late.openForWriting(late.firstTier, notices: bench.notices)
    #expect(throws: Never.self) { try early.checkLeases() }
    let freed = try reclaim { $0.leasePatienceSeconds = 0 }
    #expect(freed.freedPacks > 0 && packBytes < before)
    #expect(throws: LeaseError.self, "whoever counted as ended is told") {
      try early.commit(points[0], to: early.firstTier)
    }
    #expect(try bench.vault.points(notices: bench.notices).count == 2)
    try expectRestores(1..<3)
  }

  @Test("a point that slipped in keeps the packs that it leans on")
  func slippingIn() throws {
    let early = try opened()
    _ = try early.openForWriting(early.firstTier, notices: bench.notices)
    try delete(points[0])
    try reclaim(grace: 86_400) { $0.leasePatienceSeconds = 3600 }
    var again = points[0]
    again.id = "web01@2030-01-01T00:00:00Z-0000"
    try early.commit(again, to: early.firstTier)
    let report = try reclaim { $0.leasePatienceSeconds = 3600 }
    #expect(report.revivedPacks > 0 && report.freedPacks == 0)
    #expect(try bench.restore(again) == images[0])
    try expectRestores(1..<3)
  }

  @Test("what is stored again while its packs wait gets packs of another name")
  func storedAgain() throws {
    for point in points { try delete(point) }
    try reclaim(grace: 86_400)
    let old = Set(bench.copies[0].paths(in: .packs))
    let other = try opened()
    let writer = TierWriter(try other.openForWriting(other.firstTier, notices: bench.notices))
    var digester = Digester()
    for path in old {
      let bytes = try #require(bench.copies[0].bytes(at: path))
      var run = RecordRun(capacity: 8 << 20)
      for entry in walkRecords(ofPack: bytes.span.bytes) {
        let start = Int(entry.offset) + RecordHeader.byteCount
        run.append(
          sealed: bytes.span.bytes.extracting(start..<start + Int(entry.storedByteCount)), of: entry
        )
      }
      try writer.add(&run, kind: .chunk, digester: &digester)
    }
    try writer.finish(digester: &digester)
    #expect(!Set(bench.copies[0].paths(in: .packs)).subtracting(old).isEmpty)
    let again = try bench.backUp(images[0], in: other)
    try reclaim()
    #expect(try bench.restore(again) == images[0])
    #expect(try bench.scrub().isClean)
  }

  @Test("where it is not known what a point needs, nothing goes")
  func unmarkable() throws {
    try delete(points[0])
    for copy in bench.copies {
      for path in copy.paths(in: .packs) {
        let bytes = try #require(copy.bytes(at: path))
        let entries = walkRecords(ofPack: bytes.span.bytes)
        for entry in entries where entry.kind == .map {
          copy.flipBit(8 * (Int(entry.offset) + RecordHeader.byteCount + 20), of: path)
        }
      }
    }
    let before = bench.contents(of: bench.copies[0]).keys.filter { $0.pack != nil }
    let report = try reclaim()
    #expect(report.failure?.contains("not known") == true && report.freedPacks == 0)
    #expect(Set(bench.copies[0].paths(in: .packs)) == Set(before))
  }

  @Test("what was rewritten stays as it is, however little there is of it")
  func rewrittenOnce() throws {
    let bench = try ScrubBench()
    func opened() throws -> Vault {
      try Vault(
        path: bench.vault.path, descriptor: bench.vault.descriptor, tiers: bench.vault.tiers)
    }
    // Two chunks that are next to nothing when they are compressed; then one of them changes.
    var bytes = [UInt8](repeating: 0, count: 100_000)
    bytes.replaceSubrange(0..<4096, with: repeatElement(1, count: 4096))
    bytes.replaceSubrange(40_960..<45_056, with: repeatElement(2, count: 4096))
    let first = try bench.backUp(bytes)
    bytes.replaceSubrange(40_960..<45_056, with: repeatElement(3, count: 4096))
    let second = try bench.backUp(bytes)
    try bench.vault.delete(
      first, isExpiry: false, trashDays: 0, now: .now, notices: bench.notices)
    let rewritten = try (0..<3).map { _ in
      try reclaim(by: opened()) { $0.thresholdPercent = 100 }.repackedPacks
    }
    #expect(rewritten[0] > 0 && rewritten[1...] == [0, 0])
    #expect(try bench.restore(second) == bytes)
  }

  @Test("a reader that began before finds what was moved meanwhile")
  func readers() throws {
    let open = try OpenTier(bench.vault.firstTier, notices: bench.notices, healing: false)
    var reader = TierReader(open)
    let tree = try #require(points[2].disks[0].tree)
    try delete(points[0])
    try delete(points[1])
    #expect(try reclaim { $0.thresholdPercent = 100 }.freedPacks > 0)
    #expect(try !reader.map(tree.root).isEmpty)
    let verified = try Verification(points: [points[2]]).run(
      in: open, progress: Progress(), cancellation: Cancellation())
    #expect(verified.damaged.isEmpty && verified.chunkCount > 0)
  }

  @Test("cut off at any operation of any copy, it has lost nothing, and the next one goes on")
  func cutOff() throws {
    try delete(points[0])
    try delete(points[1])
    for number in 1..<40 {
      let copy = bench.copies[number % 3]
      let operation: MemoryStore.Operation = number % 2 == 0 ? .delete : .put
      copy.fail(operation, number: (number + 3) / 4)
      _ = try? reclaim { $0.thresholdPercent = [50, 100][number / 2 % 2] }
      copy.fail(operation, number: 0)
      try expectRestores(2..<3)
    }
    try reclaim()
    #expect(packBytes < 1_200_000 && bench.areCopiesEqual)
    try expectRestores(2..<3)
  }

  @Test("an encrypted vault is not reclaimed without its key, and is with it")
  func encrypted() throws {
    let sealed = try ScrubBench(isEncrypted: true)
    let point = try sealed.backUp(images[0])
    let kept = try sealed.backUp(images[1])
    try sealed.vault.delete(
      point, isExpiry: false, trashDays: 0, now: .now, notices: sealed.notices)
    #expect(throws: LockedError.self) { try reclaim(by: sealed.locked()) }
    let vault = try Vault(
      path: sealed.vault.path, descriptor: sealed.vault.descriptor, tiers: sealed.vault.tiers)
    #expect(try reclaim(by: vault) { $0.thresholdPercent = 80 }.freedBytes > 100_000)
    #expect(try sealed.restore(kept) == images[1])
  }
}
