import Hashing
import Packs
import Stores
import Synchronization
import TestSupport
import Testing
import Workers

@testable import Tiers

@Suite struct TierWriterTests {
  @Test("chunks and maps that were stored are read again, also after the tier is opened anew")
  func roundTrip() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let (chunks, maps) = (samplePlains(60, &random), samplePlains(10, &random))
    try bench.save(chunks)
    try bench.save(maps, kind: .map)
    #expect(try bench.unreadable(chunks + maps).isEmpty, "\(Seed.ofThisRun)")
    var reader = TierReader(try bench.open())
    for map in maps { #expect(try reader.map(contentID(map)) == map, "\(Seed.ofThisRun)") }
    #expect(bench.notices.all.isEmpty)
    #expect(try bench.open().index.recordCount == 70)
  }

  @Test("an empty run stores nothing")
  func empty() throws {
    let bench = TierBench()
    try bench.save([])
    #expect(bench.store.count(of: .put) == 0)
    #expect(try !bench.open().index.contains(.zeros))
  }

  @Test("what is stored already is not stored again")
  func deduplication() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = samplePlains(50, &random)
    try bench.save(plains + plains)
    try bench.save(plains.shuffled(using: &random))
    try bench.save(Array(plains.prefix(10)) + [[1, 2, 3]])
    let records = bench.storedRecords()
    #expect(records.count == 51 && Set(records.map(\.id)).count == 51, "\(Seed.ofThisRun)")
  }

  @Test("what four threads claim at once is stored once, and all of it")
  func claims() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = samplePlains(300, &random)
    let orders = (0..<4).map { _ in plains.shuffled(using: &random) }
    let writer = TierWriter(try bench.open())
    let claimed = Mutex(0)
    try runWorkers(count: 4) { number in
      for start in stride(from: 0, to: plains.count, by: 30) {
        let count = try bench.add(Array(orders[number][start..<start + 30]), to: writer)
        claimed.withLock { $0 += count }
      }
    }
    var digester = Digester()
    try writer.finish(digester: &digester)
    let records = bench.storedRecords()
    #expect(claimed.withLock { $0 } == 300 && records.count == 300, "\(Seed.ofThisRun)")
    #expect(Set(records.map(\.id)) == Set(plains.map { contentID($0) }), "\(Seed.ofThisRun)")
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("a claim is given once until it is released")
  func claimOnce() {
    let claims = Claims()
    let (a, b) = (ContentID(digest(1)), ContentID(digest(2)))
    #expect(claims.claim(a) && !claims.claim(a) && claims.claim(b))
    claims.release(a)
    #expect(claims.claim(a) && !claims.claim(b))
  }

  @Test("a put that fails surfaces, and the next run stores what is missing", arguments: [1, 2])
  func failures(number: Int) throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = samplePlains(20, &random)
    bench.store.fail(.put, number: number)
    let error = #expect(throws: StoreError.self) { try bench.save(plains) }
    #expect(error?.kind == .refused("injected into put"))
    #expect(bench.store.paths(in: .index).isEmpty)
    try bench.save(plains)
    #expect(bench.storedRecords().count == 20, "what had been put is reused")
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("a full store is an error that says so, and what was there stays readable")
  func full() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let old = samplePlains(10, &random)
    try bench.save(old)
    bench.store.limitCapacity(to: 30_000 + 1000)
    let new = (0..<20).map { _ in random.bytes(5000) }
    let error = #expect(throws: StoreError.self) { try bench.save(new) }
    #expect(error?.kind == .full)
    #expect(try bench.unreadable(old).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("after a loss of power at any put, all runs that were finished are whole", arguments: 0..<9)
  func powerLoss(afterPuts: Int) throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    bench.store.losePower(afterPuts: afterPuts)
    var finished: [[UInt8]] = []
    var all: [[UInt8]] = []
    for _ in 0..<4 {
      let plains = samplePlains(8, &random)
      all += plains
      do {
        try bench.save(plains)
        finished += plains
      } catch { #expect(error is StoreError) }
    }
    bench.store.restorePower()
    #expect(finished.count == min(4, afterPuts / 2) * 8)
    #expect(try bench.unreadable(finished).isEmpty, "\(Seed.ofThisRun)")
    try bench.save(all)
    #expect(try bench.unreadable(all).isEmpty, "\(Seed.ofThisRun)")
    #expect(bench.storedRecords().count == all.count, "what survived is reused \(Seed.ofThisRun)")
  }

  @Test("what an abandoned run made durable is found by the next")
  func abandoning() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let writer = TierWriter(try bench.open())
    // More than one pack, so that one is durable when the run ends.
    let large = (0..<36).map { _ in random.bytes(1 << 20) }
    for part in large { try bench.add([part], to: writer) }
    writer.abandon()
    let lost = try bench.unreadable(large)
    #expect(lost.count < 36, "\(Seed.ofThisRun)")
    #expect(!bench.store.paths(in: .index).isEmpty)
    #expect(bench.storedRecords().count == 36 - lost.count, "\(Seed.ofThisRun)")
  }

  @Test("a pack is not larger than packs may be, and is listed with its true size")
  func packSizes() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    try bench.save((0..<40).map { _ in random.bytes(1 << 20) })
    let paths = bench.store.paths(in: .packs)
    #expect(paths.count == 2)
    for path in paths {
      let bytes = bench.store.bytes(at: path)!
      #expect(bytes.count <= PackFormat.maximumByteCount)
      #expect(path == .pack(PackID(contentID(bytes).digest)), "named by its content")
    }
  }

  @Test("a writer that was taken for ended lists nothing, whenever that happened")
  func takenForEnded() throws {
    var random = Seed.ofThisRun.random
    for puts in 0...2 {
      let bench = TierBench(copies: 2)
      let plains = samplePlains(5, &random)
      let isAlive = Atomic(puts > 0)
      // Its pack is the first that it puts, and the segment the second.
      bench.store.call(after: puts) { isAlive.store(false, ordering: .relaxed) }
      let writer = TierWriter(
        try OpenTier(
          bench.tier, notices: bench.notices, for: .writing,
          isWriterAlive: { isAlive.load(ordering: .relaxed) }))
      try bench.add(plains, to: writer)
      var digester = Digester()
      try writer.finish(digester: &digester)
      #expect(bench.stores.allSatisfy { $0.paths(in: .index).isEmpty }, "after \(puts) puts")
      #expect(try bench.unreadable(plains).isEmpty)
    }
  }

  @Test("many small segments become few, and everything stays findable")
  func merging() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    var all: [[UInt8]] = []
    var largest = 0
    for _ in 0..<20 {
      let plains = samplePlains(5, &random)
      try bench.save(plains)
      all += plains
      largest = max(largest, bench.store.paths(in: .index).count)
    }
    #expect(largest <= 8)
    #expect(try bench.unreadable(all).isEmpty, "\(Seed.ofThisRun)")
    #expect(try bench.open().index.recordCount == all.count && bench.notices.all.isEmpty)
  }

  @Test("segments are removed only after the one that replaces them is there")
  func mergingIsSafe() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    var all: [[UInt8]] = []
    for round in 0..<12 {
      let plains = samplePlains(3, &random)
      // Each round ends with a put that fails where the merge would put its segment.
      bench.store.fail(.put, number: 3)
      do { try bench.save(plains) } catch { #expect(error is StoreError, "round \(round)") }
      all += plains
      let listed = try bench.open().index
      #expect(listed.adopted.isEmpty && listed.recordCount == all.count, "\(Seed.ofThisRun)")
    }
    #expect(try bench.unreadable(all).isEmpty, "\(Seed.ofThisRun)")
  }
}
