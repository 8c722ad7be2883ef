import Hashing
import Packs
import Stores
import TestSupport
import Testing
import Tiers
import Workers

@Suite struct IndexRebuildTests {
  private struct Outcome {
    let packCount: Int
    let recordCount: Int
    let lostRecordCount: Int
  }

  private func rebuild(
    _ bench: TierBench, _ cancellation: Cancellation = Cancellation()
  ) throws -> Outcome {
    var rebuild = IndexRebuild(bench.tier, notices: bench.notices)
    try rebuild.run(progress: Progress(), cancellation: cancellation)
    return Outcome(
      packCount: rebuild.packCount, recordCount: rebuild.recordCount,
      lostRecordCount: rebuild.lostRecordCount)
  }

  private func filled(_ bench: TierBench, _ random: inout SeededRandom) throws -> [[UInt8]] {
    var all: [[UInt8]] = []
    for _ in 0..<3 {
      let plains = samplePlains(9, &random)
      try bench.save(plains)
      all += plains
    }
    return all
  }

  @Test("the index is made from packs alone, whatever is left of the old one")
  func fromNothing() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = try filled(bench, &random)
    let segments = bench.store.paths(in: .index)
    bench.store.drop(segments[0])
    bench.store.flipBit(300, of: segments[1])
    bench.store.place([1, 2, 3], at: .segment(digest(9)))
    let outcome = try rebuild(bench)
    #expect(outcome.packCount == 3 && outcome.recordCount == 27 && outcome.lostRecordCount == 0)
    #expect(bench.store.paths(in: .index).count == 1 && bench.notices.all.isEmpty)
    #expect(try bench.open().index.recordCount == 27)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
    let again = bench.store.paths(in: .index)
    _ = try rebuild(bench)
    #expect(bench.store.paths(in: .index) == again, "the same packs, the same index")
  }

  @Test("records that are lost are left out, so that the next run stores them again")
  func damagedPack() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = try filled(bench, &random)
    let victim = bench.storedRecords()[4]
    let pack = bench.store.paths(in: .packs)[0]
    bench.store.flipBit((Int(victim.offset) + 60) * 8, of: pack)
    let outcome = try rebuild(bench)
    #expect(outcome.recordCount == 26 && outcome.lostRecordCount == 1, "\(Seed.ofThisRun)")
    #expect(bench.notices.all.contains { $0.contains(pack.name(without: ".pack")!) })
    let lost = try bench.unreadable(plains)
    #expect(lost.map { contentID(plains[$0]) } == [victim.id], "\(Seed.ofThisRun)")
    try bench.save(plains)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("what one copy has lost and another has is not lost")
  func copies() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench(copies: 2)
    let plains = try filled(bench, &random)
    let pack = bench.store.paths(in: .packs)[0]
    bench.store.flipBit(8 * 100, of: pack)
    let outcome = try rebuild(bench)
    #expect(outcome.recordCount == 27 && outcome.lostRecordCount == 0, "\(Seed.ofThisRun)")
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("a rebuild that is stopped or refused leaves the old index as it was")
  func stopped() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = try filled(bench, &random)
    let before = bench.store.paths(in: .index)
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) { try rebuild(bench, cancellation) }
    #expect(bench.store.paths(in: .index) == before)
    bench.store.fail(.put, number: 1)
    #expect(throws: StoreError.self) { try rebuild(bench) }
    #expect(bench.store.paths(in: .index) == before)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("an empty tier has an empty index")
  func empty() throws {
    let bench = TierBench()
    let outcome = try rebuild(bench)
    #expect(outcome.packCount == 0 && bench.store.paths(in: .index).isEmpty)
  }
}

@Suite struct NoticesTests {
  @Test("the same notice is kept once, and the number of notices has a ceiling")
  func notices() {
    let notices = Notices()
    notices.add("a")
    notices.add("b")
    notices.add("a")
    #expect(notices.all == ["a", "b"])
    for number in 0..<3000 { notices.add("\(number)") }
    #expect(notices.all.count == 1000)
  }
}
