import Hashing
import Stores
import Synchronization
import TestSupport
import Testing

@testable import Tiers

/// What others do to a tier while it is being opened.
@Suite struct MeanwhileTests {
  /// Opens a tier of two copies in which somebody else stores `later` after the n-th listing of a
  /// copy; gives what was opened and whether that moment came.
  private func open(
    for purpose: OpenTier.Purpose, _ later: [[UInt8]], after number: Int, of copy: Int,
    in bench: TierBench
  ) throws -> (open: OpenTier, isDone: Bool) {
    let isDone = Mutex(false)
    bench.stores[copy].call(after: number, of: .list) {
      do { try bench.save(later) } catch { Issue.record(error) }
      isDone.withLock { $0 = true }
    }
    let open = try OpenTier(bench.tier, notices: bench.notices, for: purpose)
    return (open, isDone.withLock { $0 })
  }

  @Test(
    "what others store while a tier is opened is neither missed nor taken for damage",
    arguments: [OpenTier.Purpose.reading, .writing])
  func storing(purpose: OpenTier.Purpose) throws {
    var random = Seed.ofThisRun.random
    var moments = 0
    for copy in 0..<2 {
      for number in 1...10 {
        let bench = TierBench(copies: 2)
        let plains = samplePlains(5, &random)
        let later = samplePlains(5, &random)
        try bench.save(plains)
        let (open, isDone) = try open(for: purpose, later, after: number, of: copy, in: bench)
        guard isDone else { break }
        moments += 1
        #expect(open.index.missingPacks.isEmpty, "listing \(number) of copy \(copy)")
        #expect(plains.allSatisfy { open.index.contains(contentID($0)) })
        #expect(bench.notices.all == [], "listing \(number) of copy \(copy)")
        #expect(try bench.unreadable(plains + later).isEmpty)
      }
    }
    #expect(moments >= 4)
  }

  @Test("of what a store lacks nothing is told while others write, and it is put there")
  func lackingWhileOthersWrite() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench(copies: 2)
    try bench.save(samplePlains(5, &random))
    let pack = bench.store.paths(in: .packs)[0]
    bench.stores[1].drop(pack)
    _ = try OpenTier(bench.tier, notices: bench.notices, for: .writing, othersWrite: { true })
    #expect(bench.notices.all == [])
    #expect(bench.stores[1].bytes(at: pack) == bench.store.bytes(at: pack))
  }

  @Test("a pack that is deleted while a tier is opened is not told of")
  func deleting() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = samplePlains(5, &random)
    try bench.save(plains)
    // No segment lists it, so it is read for its directory.
    bench.store.drop(bench.store.paths(in: .index)[0])
    let pack = bench.store.paths(in: .packs)[0]
    bench.store.call(after: 1, of: .list) { bench.store.drop(pack) }
    let open = try OpenTier(bench.tier, notices: bench.notices)
    #expect(open.index.recordCount == 0 && bench.notices.all == [])
  }
}
