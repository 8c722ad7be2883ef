import Bytes
import Compression
import Hashing
import Maintenance
import Packs
import Stores
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct PackRepairTests {
  private let bytes: [UInt8]

  init() {
    var random = Seed.ofThisRun.random
    bytes = random.bytes(900_000)
  }

  private func filled(hasSecondary: Bool = false) throws -> (ScrubBench, RecoveryPoint) {
    let bench = try ScrubBench(hasSecondary: hasSecondary)
    return (bench, try bench.backUp(bytes))
  }

  private func entries(_ bench: ScrubBench) throws -> [PackEntry] {
    let pack = try #require(bench.copies[0].bytes(at: bench.chunkPack))
    return walkRecords(ofPack: pack.span.bytes)
  }

  /// Flips a bit in a record's payload.
  private func spoil(_ entry: PackEntry, in store: MemoryStore, _ path: ObjectPath) {
    store.flipBit((Int(entry.offset) + RecordHeader.byteCount + 5) * 8, of: path)
  }

  @Test("a pack that no copy has whole is put together from records that are good in some copy")
  func parts() throws {
    let (bench, _) = try filled()
    let (path, entries) = (bench.chunkPack, try entries(bench))
    let good = bench.copies[0].bytes(at: path)
    for (number, copy) in bench.copies.enumerated() {
      for (place, entry) in entries.enumerated() where place % 3 == number {
        spoil(entry, in: copy, path)
      }
    }
    let found = try bench.scrub()
    #expect(found.openProblems.count == 3 && found.openProblems.allSatisfy { $0.isRepairable! })
    let report = try bench.scrub(repairs: true)
    #expect(report.openProblems.isEmpty && report.lostPoints.isEmpty)
    let donors = report.stores.flatMap(\.problems).map(\.repairedFrom)
    #expect(donors == Array(repeating: "records that are good elsewhere", count: 3))
    #expect(bench.copies.allSatisfy { $0.bytes(at: path) == good })
  }

  enum Part: CaseIterable { case header, directory, trailer, trailerMagic, cutOff, recordHeader }

  @Test("what frames the records is made anew where all copies have it damaged")
  func framing() throws {
    for part in Part.allCases {
      for hasIndex in [true, false] where hasIndex || ![.header, .recordHeader].contains(part) {
        let (bench, point) = try filled()
        let path = bench.chunkPack
        let good = try #require(bench.copies[0].bytes(at: path))
        for (number, copy) in bench.copies.enumerated() {
          switch part {
          case .header: copy.flipBit(8 * 3, of: path)
          case .directory: copy.flipBit(8 * (good.count - 60), of: path)
          case .trailer: copy.flipBit(8 * (good.count - 14), of: path)
          case .trailerMagic: copy.flipBit(8 * (good.count - 1), of: path)
          case .cutOff: copy.place(Array(good.dropLast(50)), at: path)
          // One copy has lost something else.
          case .recordHeader: copy.flipBit(number == 2 ? 8 * 3 : 8 * 22, of: path)
          }
          if !hasIndex { for index in copy.paths(in: .index) { copy.drop(index) } }
        }
        let report = try bench.scrub(repairs: true)
        #expect(report.lostPoints.isEmpty, "\(part) \(hasIndex)")
        if part != .cutOff || hasIndex {
          #expect(report.openProblems.isEmpty, "\(part) \(hasIndex)")
          #expect(bench.copies.allSatisfy { $0.bytes(at: path) == good }, "\(part) \(hasIndex)")
        }
        expectSame(try bench.restore(point), bytes, "\(part) \(hasIndex) \(Seed.ofThisRun)")
      }
    }
  }

  @Test("a record that a whole tier has lost comes out of another pack of another tier")
  func otherPack() throws {
    let (bench, _) = try filled(hasSecondary: true)
    let (path, entries) = (bench.chunkPack, try entries(bench))
    let good = try #require(bench.copies[0].bytes(at: path))
    // The other tier has the same records in another order.
    let open = try OpenTier(bench.vault.require(.secondary), notices: bench.notices)
    let writer = TierWriter(open)
    var sink = RecordSink(writer: writer, compression: .standard)
    for entry in entries.reversed() {
      let start = Int(entry.offset) + RecordHeader.byteCount
      let payload = Array(good[start..<start + Int(entry.storedByteCount)])
      try sink.add(sealed: payload.span.bytes, of: entry)
    }
    try sink.finish()
    var digester = Digester()
    try writer.finish(digester: &digester)
    #expect(bench.far.bytes(at: path) == nil)
    for copy in bench.copies { spoil(entries[1], in: copy, path) }
    let report = try bench.scrub(repairs: true)
    #expect(report.openProblems.isEmpty && report.lostPoints.isEmpty)
    #expect(bench.copies.allSatisfy { $0.bytes(at: path) == good })
  }

  @Test("a point that needs what is lost is named, with its disk and the first byte that is lost")
  func lost() throws {
    let (bench, point) = try filled()
    let (path, entries) = (bench.chunkPack, try entries(bench))
    let lost = entries.max { $0.offset < $1.offset }!
    for copy in bench.copies { spoil(lost, in: copy, path) }
    for repairs in [false, true] {
      let report = try bench.scrub(repairs: repairs)
      #expect(report.lostPoints.map(\.point) == [point.id])
      let loss = try #require(report.lostPoints.first)
      #expect(loss.disk == "root" && loss.reason.contains("\(lost.id)"))
      #expect(
        contentID(Array(bytes[Int(loss.offset)...].prefix(Int(lost.plainByteCount)))) == lost.id)
      #expect(report.openProblems.count == 3)
      #expect(report.openProblems.allSatisfy { $0.isRepairable == false })
    }
  }

  @Test("a scrub that shall not repair writes nothing, also where it looks for what is lost")
  func lookingOnly() throws {
    let (bench, point) = try filled()
    let (path, entries) = (bench.chunkPack, try entries(bench))
    for copy in bench.copies { spoil(entries[0], in: copy, path) }
    bench.copies[0].flipBit(800, of: .point(machine: "web01", name: point.fileName))
    bench.copies[1].drop(bench.copies[1].paths(in: .packs).first { $0 != path }!)
    Harm.cutOff.strike(bench.copies[0].paths(in: .index)[0], in: bench.copies[0])
    let before = bench.copies.map { bench.contents(of: $0) }
    for copy in bench.copies { copy.fail(.put, number: 0) }
    let report = try bench.scrub()
    #expect(report.lostPoints.map(\.point) == [point.id])
    #expect(bench.copies.map { bench.contents(of: $0) } == before)
    #expect(bench.copies.allSatisfy { $0.count(of: .put) == 0 })
  }

  @Test("what is lost is stored again by the next backup, and heals the old pack and its points")
  func storedAgain() throws {
    let (bench, point) = try filled()
    let (path, entries) = (bench.chunkPack, try entries(bench))
    let good = bench.copies[0].bytes(at: path)
    for copy in bench.copies { spoil(entries[2], in: copy, path) }
    #expect(try bench.scrub(repairs: true).lostPoints.count == 1)
    let again = try bench.backUp(bytes)
    #expect(again.disks[0].newChunks == 1, "only what is lost is stored")
    for point in [point, again] { expectSame(try bench.restore(point), bytes) }
    let report = try bench.scrub(repairs: true)
    #expect(report.lostPoints.isEmpty && report.openProblems.isEmpty)
    #expect(bench.copies.allSatisfy { $0.bytes(at: path) == good })
    #expect(try bench.scrub().isClean)
  }

  @Test("a scrub that cannot repair without loss still takes the best of all copies")
  func salvage() throws {
    let (bench, point) = try filled()
    let (path, entries) = (bench.chunkPack, try entries(bench))
    let good = try #require(bench.copies[0].bytes(at: path))
    for (number, copy) in bench.copies.enumerated() {
      spoil(entries[2], in: copy, path)
      spoil(entries[number + 3], in: copy, path)
    }
    // The copy that is taken first has lost what frames the records as well.
    bench.copies[0].flipBit(8 * (good.count - 60), of: path)
    bench.copies[0].flipBit(8 * 3, of: path)
    #expect(try bench.scrub(repairs: true).lostPoints.map(\.point) == [point.id])
    var expected = good
    let spoilt = Int(entries[2].offset) + RecordHeader.byteCount + 5
    expected[spoilt] ^= 1
    for copy in bench.copies { expectSame(try #require(copy.bytes(at: path)), expected) }
  }

  @Test("a pack of which nothing is known is told of and left alone, and no point is lost by it")
  func unknown() throws {
    let (bench, _) = try filled()
    let stranger = ObjectPath.pack(PackID(digest(1)))
    for copy in bench.copies { copy.place(Array(1...200), at: stranger) }
    let report = try bench.scrub(repairs: true)
    #expect(report.lostPoints.isEmpty && report.openProblems.count == 3)
    #expect(bench.copies.allSatisfy { $0.bytes(at: stranger) == Array(1...200) })
  }

  @Test("a pack that is gone everywhere is missing from every store, and its points are named")
  func gone() throws {
    let (bench, point) = try filled()
    let path = bench.chunkPack
    for copy in bench.copies { copy.drop(path) }
    let report = try bench.scrub(repairs: true)
    #expect(report.lostPoints.map(\.point) == [point.id] && report.lostPoints[0].offset == 0)
    for store in report.stores {
      #expect(store.problems.map(\.object) == [path.description])
      #expect(
        store.problems[0].kind == .missing
          && store.problems[0].reason == "the index names it"
            + "; no store has it"
      )
    }
    let again = try bench.backUp(bytes)
    expectSame(try bench.restore(again), bytes, "\(Seed.ofThisRun)")
  }

  @Test("an index that is damaged in every copy is made anew from the packs")
  func index() throws {
    let (bench, point) = try filled()
    for copy in bench.copies {
      for path in copy.paths(in: .index) { Harm.flipped.strike(path, in: copy) }
    }
    let report = try bench.scrub(repairs: true)
    #expect(report.stores.allSatisfy { $0.problems.map(\.repairedFrom) == ["the packs"] })
    #expect(bench.areCopiesEqual)
    expectSame(try bench.restore(point), bytes, "\(Seed.ofThisRun)")
    #expect(try bench.scrub().isClean)
  }

  @Test("a point of which no copy is good is lost by its name")
  func lostPoint() throws {
    let (bench, point) = try filled()
    let path = ObjectPath.point(machine: "web01", name: point.fileName)
    for copy in bench.copies { Harm.flipped.strike(path, in: copy) }
    let report = try bench.scrub(repairs: true)
    #expect(report.lostPoints.map(\.point) == [point.id])
    #expect(report.lostPoints[0].reason == "no copy of \(path) is good")
  }
}
