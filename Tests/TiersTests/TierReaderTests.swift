import Bytes
import Hashing
import Indexes
import Packs
import Stores
import TestSupport
import Testing

@testable import Tiers

@Suite struct TierReaderTests {
  @Test("an id that nobody stored is unknown")
  func unknown() throws {
    let bench = TierBench()
    try bench.save([[1, 2, 3]])
    var reader = TierReader(try bench.open())
    #expect(throws: ReadError.self) { try read([9], &reader) }
    #expect(throws: ReadError.self) { try reader.map(contentID([9])) }
    #expect(try read([1, 2, 3], &reader) == [1, 2, 3])
  }

  @Test("many chunks in any order are read to their places")
  func runs() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = samplePlains(80, &random)
    try bench.save(Array(plains.prefix(50)))
    try bench.save(Array(plains.suffix(30)))
    for _ in 0..<10 {
      let order = random.below(2) == 0 ? plains : plains.shuffled(using: &random)
      var chunks: [WantedChunk] = []
      var expected: [UInt8] = []
      for plain in order {
        chunks.append(
          WantedChunk(id: contentID(plain), byteCount: plain.count, target: expected.count))
        expected += plain
      }
      var buffer = AlignedBuffer(capacity: expected.count)
      var reader = TierReader(try bench.open())
      try reader.read(chunks, into: &buffer)
      let found = [UInt8](buffer.bytes)
      #expect(firstDifference(found, expected) == nil, "\(Seed.ofThisRun)")
    }
  }

  @Test("what is wanted next is announced to the first store, and to no other")
  func announcement() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench(copies: 2)
    let plains = samplePlains(30, &random)
    try bench.save(plains)
    let wanted = plains.suffix(20).map {
      WantedChunk(id: contentID($0), byteCount: $0.count, target: 0)
    }
    TierReader(try bench.open()).willNeed(
      wanted + [WantedChunk(id: contentID([9]), byteCount: 1, target: 0)])
    let path = bench.store.paths(in: .packs)[0]
    for record in bench.storedRecords() {
      let start = UInt64(record.offset)
      let range = start..<start + UInt64(record.recordByteCount)
      let isWanted = wanted.contains { $0.id == record.id }
      #expect(bench.stores[0].isAdvised(path, range) == isWanted, "\(Seed.ofThisRun)")
      #expect(!bench.stores[1].isAdvised(path, range))
    }
  }

  @Test("a flipped bit anywhere in a pack gives the right bytes or an error that names the pack")
  func flipped() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let plains = samplePlains(6, &random)
    try bench.save(plains)
    let path = bench.store.paths(in: .packs)[0]
    let bitCount = bench.store.bytes(at: path)!.count * 8
    for _ in 0..<300 {
      let bit = random.below(bitCount)
      bench.store.flipBit(bit, of: path)
      var reader = TierReader(try bench.open())
      for plain in plains {
        do {
          #expect(try read(plain, &reader) == plain, "bit \(bit) \(Seed.ofThisRun)")
        } catch {
          let name = path.name(without: ".pack")!
          #expect("\(error)".contains(name), "bit \(bit) \(Seed.ofThisRun)")
        }
      }
      bench.store.flipBit(bit, of: path)
    }
    #expect(try bench.unreadable(plains).isEmpty)
  }

  @Test("a record that one copy has lost is read from another, and the copy is healed")
  func copies() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench(copies: 3)
    let plains = samplePlains(20, &random)
    try bench.save(plains)
    let path = bench.store.paths(in: .packs)[0]
    for store in bench.stores { #expect(store.bytes(at: path) == bench.store.bytes(at: path)) }
    // In the second record: while the first is read this copy is not looked at for it.
    let place = (Int(bench.storedRecords()[1].offset) + RecordHeader.byteCount) * 8
    bench.stores[0].drop(path)
    bench.stores[1].flipBit(place, of: path)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
    #expect(bench.notices.all.contains { $0.contains("copy 0") })
    #expect(bench.stores[0].bytes(at: path) == bench.stores[2].bytes(at: path))
    for store in [bench.stores[0], bench.stores[2]] { store.flipBit(place, of: path) }
    let lost = try bench.unreadable(plains)
    #expect(lost.count == 1, "only what the flipped bit hit is lost \(Seed.ofThisRun)")
  }

  @Test("an error names every copy and what is wrong there")
  func reasons() throws {
    let bench = TierBench(copies: 2)
    try bench.save([[1, 2, 3]])
    let path = bench.store.paths(in: .packs)[0]
    bench.stores[1].flipBit(8 * 65, of: path)
    var reader = TierReader(try bench.open())
    bench.stores[0].drop(path)
    do {
      _ = try read([1, 2, 3], &reader)
      Issue.record("read what is lost")
    } catch {
      for text in ["copy 0", "copy 1", "\(contentID([1, 2, 3]))", "vault tier"] {
        #expect("\(error)".contains(text))
      }
    }
  }
}

@Suite struct DamagedIndexTests {
  private func filledBench(_ random: inout SeededRandom) throws -> (TierBench, [[UInt8]]) {
    let bench = TierBench()
    let plains = samplePlains(12, &random)
    try bench.save(plains)
    return (bench, plains)
  }

  @Test("packs that no segment lists are found all the same, and listed by the next run")
  func adoption() throws {
    var random = Seed.ofThisRun.random
    let (bench, plains) = try filledBench(&random)
    for path in bench.store.paths(in: .index) { bench.store.drop(path) }
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
    #expect(try bench.open().index.adopted.count == 1)
    #expect(bench.notices.all.isEmpty, "a run that was killed is nothing to worry about")
    try bench.save(plains)
    #expect(bench.storedRecords().count == 12, "nothing is stored twice")
    #expect(try bench.open().index.adopted.isEmpty)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test(
    "a pack whose directory is lost as well is found by its records", arguments: [1, 47, 48, 60])
  func lostDirectory(bytesFromEnd: Int) throws {
    var random = Seed.ofThisRun.random
    let (bench, plains) = try filledBench(&random)
    for path in bench.store.paths(in: .index) { bench.store.drop(path) }
    let pack = bench.store.paths(in: .packs)[0]
    bench.store.flipBit((bench.store.bytes(at: pack)!.count - bytesFromEnd) * 8, of: pack)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
    #expect(!bench.notices.all.isEmpty)
  }

  @Test("a flipped bit anywhere in a segment hides nothing, and is noted if it could")
  func flippedSegment() throws {
    var random = Seed.ofThisRun.random
    let (bench, plains) = try filledBench(&random)
    let path = bench.store.paths(in: .index)[0]
    for place in bench.store.bytes(at: path)!.indices {
      let bit = place * 8 + random.below(8)
      bench.store.flipBit(bit, of: path)
      #expect(try bench.unreadable(plains).isEmpty, "bit \(bit) \(Seed.ofThisRun)")
      bench.store.flipBit(bit, of: path)
    }
    #expect(bench.notices.all.contains { $0.contains("rebuild-index") })
  }

  @Test("a map is read although the index says a wrong length of it", arguments: [0, 8, 22, 31])
  func wrongLength(bit: Int) throws {
    let bench = TierBench()
    let map = repeated([1, 2, 3], 1000)
    try bench.save([map], kind: .map)
    let path = bench.store.paths(in: .index)[0]
    let plainField = bench.store.bytes(at: path)!.count - 4
    bench.store.flipBit(plainField * 8 + bit, of: path)
    var reader = TierReader(try bench.open())
    #expect(try reader.map(contentID(map)) == map)
  }

  @Test("every reader profits from an index that one of them found damaged")
  func severalReaders() throws {
    var random = Seed.ofThisRun.random
    let (bench, plains) = try filledBench(&random)
    let path = bench.store.paths(in: .index)[0]
    let entries = bench.store.bytes(at: path)!.count - 12 * 48
    for entry in 0..<12 { bench.store.flipBit((entries + entry * 48 + 3) * 8, of: path) }
    let open = try bench.open()
    var first = TierReader(open)
    var second = TierReader(open)
    for plain in plains { #expect(try read(plain, &first) == plain, "\(Seed.ofThisRun)") }
    for plain in plains { #expect(try read(plain, &second) == plain, "\(Seed.ofThisRun)") }
    let again = try bench.open()
    var third = TierReader(again)
    var fourth = TierReader(again)
    #expect(try third.map(contentID(plains[1])) == plains[1], "\(Seed.ofThisRun)")
    #expect(try fourth.map(contentID(plains[1])) == plains[1], "\(Seed.ofThisRun)")
  }

  @Test("a pack that is gone is not relied on, and its chunks are stored again")
  func absentPack() throws {
    var random = Seed.ofThisRun.random
    let (bench, plains) = try filledBench(&random)
    bench.store.drop(bench.store.paths(in: .packs)[0])
    let index = try bench.open().index
    #expect(!index.missingPacks.isEmpty)
    #expect(plains.allSatisfy { !index.contains(contentID($0)) })
    try bench.save(plains)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }
}
