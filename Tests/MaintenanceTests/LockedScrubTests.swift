import Encryption
import Hashing
import Maintenance
import Packs
import Stores
import TestSupport
import Testing
import Tiers
import Vaults

@Suite struct LockedScrubTests {
  private let bytes: [UInt8]

  init() {
    var random = Seed.ofThisRun.random
    bytes = random.bytes(900_000)
  }

  private func filled(hasSecondary: Bool = false) throws -> (ScrubBench, RecoveryPoint) {
    let bench = try ScrubBench(hasSecondary: hasSecondary, isEncrypted: true)
    let point = try bench.backUp(bytes)
    if hasSecondary { try bench.replicate([point]) }
    return (bench, point)
  }

  private func contents(_ bench: ScrubBench) -> [[ObjectPath: [UInt8]]] {
    bench.stores.map { bench.contents(of: $0) }
  }

  private func entries(_ bench: ScrubBench) throws -> [PackEntry] {
    let pack = try #require(bench.copies[0].bytes(at: bench.chunkPack))
    return walkRecords(ofPack: pack.span.bytes)
  }

  /// Flips a bit in a record's payload.
  private func spoil(_ entry: PackEntry, in store: MemoryStore, _ path: ObjectPath) {
    store.flipBit((Int(entry.offset) + RecordHeader.byteCount + 5) * 8, of: path)
  }

  private func needsKey(_ bench: ScrubBench) -> Bool {
    bench.notices.all.contains { $0.contains("known only with the vault's key") }
  }

  @Test("without the key every object that one copy has good is healed", arguments: Harm.allCases)
  func healing(harm: Harm) throws {
    let (bench, point) = try filled()
    let before = contents(bench)
    for (place, path) in before[0].keys.sorted().enumerated() {
      harm.strike(path, in: bench.copies[place % 3])
      harm.strike(path, in: bench.copies[(place + 1) % 3])
    }
    let damaged = contents(bench)
    let found = try bench.scrub(hasKey: false)
    #expect(contents(bench) == damaged, "looking writes nothing")
    #expect(found.openProblems.count == 2 * before[0].count)
    #expect(found.openProblems.allSatisfy { $0.isRepairable == true })
    let report = try bench.scrub(repairs: true, hasKey: false)
    #expect(report.openProblems.isEmpty && report.lostPoints.isEmpty && !needsKey(bench))
    #expect(contents(bench) == before)
    #expect(try bench.scrub(hasKey: false).isClean && bench.scrub().isClean)
    expectSame(try bench.restore(point), bytes, "\(Seed.ofThisRun)")
  }

  @Test("without the key a pack that no copy has whole is put together from what most agree on")
  func agreement() throws {
    let (bench, point) = try filled()
    let path = bench.chunkPack
    let good = try #require(bench.copies[0].bytes(at: path))
    for (number, copy) in bench.copies.enumerated() {
      for entry in try entries(bench).enumerated().filter({ $0.offset % 3 == number }) {
        spoil(entry.element, in: copy, path)
      }
    }
    #expect(try bench.scrub(hasKey: false).openProblems.allSatisfy { $0.isRepairable == true })
    let report = try bench.scrub(repairs: true, hasKey: false)
    #expect(report.openProblems.isEmpty && !needsKey(bench))
    #expect(bench.copies.allSatisfy { $0.bytes(at: path) == good })
    expectSame(try bench.restore(point), bytes, "\(Seed.ofThisRun)")
  }

  @Test("without the key what is lost everywhere is told of and left as it is; with it it is not")
  func lost() throws {
    let (bench, point) = try filled()
    let (path, entries) = (bench.chunkPack, try entries(bench))
    let good = try #require(bench.copies[0].bytes(at: path))
    for (number, copy) in bench.copies.enumerated() {
      spoil(entries[2], in: copy, path)
      spoil(entries[number + 3], in: copy, path)
    }
    let before = contents(bench)
    for repairs in [false, true] {
      let report = try bench.scrub(repairs: repairs, hasKey: false)
      #expect(contents(bench) == before, "nothing is salvaged, and nothing forgotten")
      #expect(report.openProblems.count == 3 && report.lostPoints.isEmpty && !report.isClean)
      #expect(report.openProblems.allSatisfy { $0.isRepairable == false })
      #expect(needsKey(bench))
    }
    let report = try bench.scrub(repairs: true)
    #expect(report.lostPoints.map(\.point) == [point.id])
    var salvaged = good
    salvaged[Int(entries[2].offset) + RecordHeader.byteCount + 5] ^= 1
    for copy in bench.copies { expectSame(try #require(copy.bytes(at: path)), salvaged) }
    let again = try bench.backUp(bytes)
    #expect(again.disks[0].newChunks == 1, "only what is lost is stored")
    for point in [point, again] { expectSame(try bench.restore(point), bytes) }
    // Sealed anew it has other bytes, so the old pack does not come out as it was.
    let last = try bench.scrub(repairs: true)
    #expect(last.lostPoints.isEmpty && last.openProblems.count == 3)
  }

  @Test("without the key what a whole tier has lost comes from another tier")
  func otherTier() throws {
    let (bench, point) = try filled(hasSecondary: true)
    let before = contents(bench)
    for (number, path) in before[0].keys.sorted().enumerated() where path.segment == nil {
      for copy in bench.copies { Harm.allCases[number % 4].strike(path, in: copy) }
    }
    let report = try bench.scrub(repairs: true, hasKey: false)
    #expect(report.openProblems.allSatisfy { $0.object.hasPrefix("machines/") })
    // What is gone from every store of a tier nothing tells of, but for packs.
    let points = bench.copies.map { bench.contents(of: $0)[bench.chunkPack] }
    #expect(points.allSatisfy { $0 == before[3][bench.chunkPack] })
    expectSame(try bench.restore(point), bytes, "\(Seed.ofThisRun)")
  }

  @Test("without the key a point of which no copy is good is lost by its place in the stores")
  func lostDocument() throws {
    let (bench, _) = try filled()
    let path = bench.copies[0].paths(in: .points)[0]
    for copy in bench.copies { Harm.flipped.strike(path, in: copy) }
    let report = try bench.scrub(repairs: true, hasKey: false)
    #expect(report.openProblems.map(\.object) == Array(repeating: path.description, count: 3))
    #expect(report.lostPoints.map(\.reason) == ["no copy of \(path) is good"])
    #expect(report.lostPoints.allSatisfy { !$0.point.contains("web01") } && !needsKey(bench))
  }

  @Test("of two undamaged documents of a machine none is written over without the key")
  func twoMachines() throws {
    let (bench, _) = try filled()
    let path = bench.copies[0].paths(in: .machines)[0]
    let old = try #require(bench.copies[1].bytes(at: path))
    _ = try bench.backUp(bytes)
    bench.copies[1].place(old, at: path)
    let before = contents(bench)
    #expect(try bench.scrub(repairs: true, hasKey: false).isClean && contents(bench) == before)
    _ = try bench.scrub(repairs: true)
    #expect(bench.areCopiesEqual && bench.copies[1].bytes(at: path) != old)
  }
}

@Suite struct ForgeryTests {
  @Test("a forged document has a good digest: only the key finds it, and heals it from a good copy")
  func forged() throws {
    for folder in [ObjectFolder.points, .machines] {
      let bench = try ScrubBench(hasSecondary: true, isEncrypted: true)
      let point = try bench.backUp(repeated([1, 2, 3], 90_000))
      try bench.replicate([point])
      let path = bench.copies[0].paths(in: folder)[0]
      let good = try #require(bench.copies[0].bytes(at: path))
      // As whoever holds a store can write it: sealed with keys of his own.
      let thief = try ScrubBench(isEncrypted: true)
      _ = try thief.backUp(repeated([4, 5, 6], 90_000))
      let forged = try #require(
        thief.copies[0].bytes(at: thief.copies[0].paths(in: folder)[0]))
      for forgedIn in [[0], [0, 1], [0, 1, 2]] {
        for number in forgedIn { bench.copies[number].place(forged, at: path) }
        #expect(try bench.scrub(repairs: true, hasKey: false).isClean, "\(folder)")
        let found = try bench.scrub()
        #expect(found.openProblems.map(\.object) == forgedIn.map { _ in path.description })
        #expect(found.openProblems.allSatisfy { $0.kind == .damaged && $0.isRepairable == true })
        let report = try bench.scrub(repairs: true)
        #expect(report.openProblems.isEmpty && report.lostPoints.isEmpty)
        #expect(bench.copies.allSatisfy { $0.bytes(at: path) == good }, "\(folder) \(forgedIn)")
      }
      for store in bench.stores { store.place(forged, at: path) }
      let report = try bench.scrub(repairs: true)
      #expect(report.openProblems.count == 4)
      #expect(report.lostPoints.count == (folder == .points ? 2 : 0), "one for each tier")
      #expect(bench.stores.allSatisfy { $0.bytes(at: path) == forged }, "nothing better is there")
    }
  }
}
