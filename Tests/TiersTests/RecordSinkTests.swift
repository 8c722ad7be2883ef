import Bytes
import Compression
import Hashing
import Packs
import Stores
import TestSupport
import Testing

@testable import Tiers

@Suite struct RecordSinkTests {
  private func finish(_ sink: inout RecordSink, _ writer: TierWriter) throws {
    var digester = Digester()
    try sink.finish()
    try writer.finish(digester: &digester)
  }

  @Test("what is new is stored and said to be, what is known costs nothing, and all is read again")
  func adding() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let (chunks, maps) = (samplePlains(20, &random), samplePlains(5, &random))
    try bench.save([chunks[0]])
    let writer = TierWriter(try bench.open())
    var sink = RecordSink(writer: writer, compression: .standard)
    for (number, plain) in (chunks + chunks).enumerated() {
      let (id, stored) = try sink.add(plain.span.bytes, kind: .chunk)
      #expect(id == contentID(plain) && (stored == nil) == (number == 0 || number >= 20))
      if let stored { #expect(stored > 48 && stored <= plain.count + 48) }
    }
    for map in maps { #expect(try sink.add(map.span.bytes, kind: .map).storedByteCount != nil) }
    try finish(&sink, writer)
    #expect(try bench.unreadable(chunks + maps).isEmpty, "\(Seed.ofThisRun)")
    let records = bench.storedRecords()
    #expect(records.count == 25)
    #expect(records.filter { $0.kind == .map }.map(\.id) == maps.map { contentID($0) })
  }

  @Test("records move from one tier to another as they are sealed, each once")
  func sealed() throws {
    var random = Seed.ofThisRun.random
    let sample = SamplePack(samplePlains(9, &random), compression: CompressionSetting("zlib:9")!)
    let bench = TierBench()
    let writer = TierWriter(try bench.open())
    var sink = RecordSink(writer: writer, compression: .none)
    for entry in sample.entries + sample.entries {
      let start = Int(entry.offset) + RecordHeader.byteCount
      let payload = Array(sample.bytes[start..<start + Int(entry.storedByteCount)])
      try sink.add(sealed: payload.span.bytes, of: entry)
    }
    try finish(&sink, writer)
    #expect(try bench.unreadable(sample.plains).isEmpty, "\(Seed.ofThisRun)")
    let moved = bench.storedRecords()
    #expect(
      moved.map(\.id) == sample.entries.map(\.id)
        && moved.map(\.codec) == sample.entries.map(\.codec))
    #expect(moved.map(\.storedByteCount) == sample.entries.map(\.storedByteCount))
  }

  @Test("payloads of the largest size are handed over in time, not dropped on the floor")
  func largest() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    let writer = TierWriter(try bench.open())
    var sink = RecordSink(writer: writer, compression: .none)
    let plains = (0..<3).map { _ in random.bytes(RecordHeader.maximumPlainByteCount) }
    for plain in plains { try sink.add(plain.span.bytes, id: contentID(plain), kind: .chunk) }
    try finish(&sink, writer)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("a whole pack is taken over under its own name, and what it holds is not stored again")
  func wholePack() throws {
    var random = Seed.ofThisRun.random
    let sample = SamplePack(samplePlains(9, &random))
    let bench = TierBench(copies: 2)
    let open = try bench.open()
    let writer = TierWriter(open)
    try writer.add(sample.pack)
    #expect(!writer.claim(contentID(sample.plains[3]), index: open.index))
    var digester = Digester()
    try writer.finish(digester: &digester)
    for store in bench.stores { #expect(store.bytes(at: .pack(sample.id)) == sample.bytes) }
    #expect(writer.writtenByteCount == UInt64(sample.bytes.count))
    try bench.save(sample.plains)
    #expect(bench.store.paths(in: .packs) == [.pack(sample.id)])
    #expect(try bench.unreadable(sample.plains).isEmpty, "\(Seed.ofThisRun)")
  }
}

@Suite struct RecordSetTests {
  @Test("a set of records does what a set of their numbers does")
  func model() throws {
    var random = Seed.ofThisRun.random
    let bench = TierBench()
    try bench.save((0..<150).map { [UInt8($0), 1] })
    let index = try bench.open().index
    var (set, other) = (RecordSet(over: index), RecordSet(over: index))
    var (model, otherModel) = (Set<Int>(), Set<Int>())
    for _ in 0..<100 {
      let number = random.below(150)
      #expect(set.insert(number) == model.insert(number).inserted, "\(Seed.ofThisRun)")
      let another = random.below(150)
      #expect(other.insert(another) == otherModel.insert(another).inserted)
    }
    for number in [0, 63, 64, 149] {
      #expect(set.insert(number) == model.insert(number).inserted)
    }
    func expectSame(_ set: RecordSet, _ model: Set<Int>) {
      #expect(numbers(in: set) == model.sorted(), "\(Seed.ofThisRun)")
      #expect((0..<150).allSatisfy { set.contains($0) == model.contains($0) })
    }
    expectSame(set, model)
    var difference = set
    difference.subtract(other)
    expectSame(difference, model.subtracting(otherModel))
    set.formUnion(other)
    expectSame(set, model.union(otherModel))
    expectSame(RecordSet(over: index), [])
  }

  private func numbers(in set: RecordSet) -> [Int] {
    var found: [Int] = []
    func note(_ number: Int) { found.append(number) }
    set.visit(note)
    return found
  }

  @Test("every record of the index has a number of its own, which leads back to it")
  func numbers() throws {
    let bench = TierBench()
    let plains = (0..<90).map { [UInt8($0), 2, 2] }
    for part in 0..<3 { try bench.save(Array(plains[part * 30..<part * 30 + 30])) }
    let index = try bench.open().index
    let numbers = plains.compactMap { index.number(of: contentID($0)) }
    #expect(Set(numbers) == Set(0..<90))
    for (plain, number) in zip(plains, numbers) {
      #expect(index.id(numbered: number) == contentID(plain))
      #expect(index.location(numbered: number) == index.location(of: contentID(plain)))
    }
    #expect(index.number(of: contentID([9])) == nil)
  }
}
