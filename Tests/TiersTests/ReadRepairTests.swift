import Bytes
import Hashing
import Packs
import Stores
import TestSupport
import Testing

@testable import Tiers

@Suite struct ReadRepairTests {
  private let bench: TierBench
  private let plains: [[UInt8]]
  private let pack: ObjectPath
  private let good: [UInt8]

  init() throws {
    var random = Seed.ofThisRun.random
    bench = TierBench(copies: 3)
    plains = samplePlains(12, &random)
    try bench.save(plains)
    pack = bench.store.paths(in: .packs)[0]
    good = bench.store.bytes(at: pack)!
  }

  /// Flips a bit in the payload of the first record.
  private func flip(_ stores: [MemoryStore]) {
    for store in stores { store.flipBit(8 * 65, of: pack) }
  }

  private func readAll(_ open: OpenTier) throws {
    var reader = TierReader(open)
    for plain in plains { #expect(try read(plain, &reader) == plain, "\(Seed.ofThisRun)") }
  }

  @Test("a copy that is found damaged is healed once, by one put, with one notice")
  func once() throws {
    flip([bench.stores[0]])
    bench.stores[0].fail(.put, number: 0)
    let open = try bench.open()
    for _ in 0..<3 { try readAll(open) }
    #expect(bench.stores[0].bytes(at: pack) == good)
    #expect(bench.stores[0].count(of: .put) == 1)
    #expect(bench.notices.all.count == 1)
    #expect(bench.notices.all[0].hasSuffix("repaired from store copy 1"))
    #expect(bench.notices.all[0].hasPrefix("pack \(pack.name(without: ".pack")!) in store copy 0"))
  }

  @Test("chunks that are read together are each checked, and what is wrong is healed")
  func together() throws {
    var wanted: [WantedChunk] = []
    var expected: [UInt8] = []
    for _ in 0..<3 {
      for plain in plains {
        wanted.append(
          WantedChunk(id: contentID(plain), byteCount: plain.count, target: expected.count))
        expected += plain
      }
    }
    for record in bench.storedRecords() {
      bench.stores[0].flipBit(8 * (Int(record.offset) + RecordHeader.byteCount + 1), of: pack)
      var buffer = AlignedBuffer(capacity: expected.count)
      var reader = TierReader(try bench.open())
      try reader.read(wanted, into: &buffer)
      #expect(firstDifference([UInt8](buffer.bytes), expected) == nil, "\(Seed.ofThisRun)")
      #expect(bench.stores[0].bytes(at: pack) == good)
    }
  }

  @Test("a donor that is damaged itself is passed over, and gives nothing on")
  func damagedDonor() throws {
    flip([bench.stores[0]])
    // Where no record lies: only the name of the whole tells.
    bench.stores[1].flipBit((good.count - 60) * 8, of: pack)
    try readAll(try bench.open())
    #expect(bench.stores[0].bytes(at: pack) == good)
    #expect(bench.notices.all[0].hasSuffix("repaired from store copy 2"))
  }

  @Test("a store that refuses to be written to is asked once, and reads go on from the others")
  func readOnly() throws {
    try bench.save([[7, 7, 7]])
    for path in bench.stores[0].paths(in: .packs) { bench.stores[0].flipBit(8 * 65, of: path) }
    bench.stores[0].limitCapacity(to: 0)
    let open = try bench.open()
    bench.stores[0].fail(.put, number: 0)
    try readAll(open)
    var reader = TierReader(open)
    #expect(try read([7, 7, 7], &reader) == [7, 7, 7])
    #expect(bench.stores[0].count(of: .put) == 1)
    #expect(bench.notices.all.count == 2)
    #expect(bench.notices.all.contains { $0.contains("not repaired") && $0.contains("is full") })
  }

  @Test("a reader that shall not heal notes what is damaged and writes nothing")
  func inactive() throws {
    flip([bench.stores[0]])
    bench.stores[1].drop(pack)
    bench.stores[0].flipBit(0, of: bench.store.paths(in: .index)[0])
    for store in bench.stores { store.fail(.put, number: 0) }
    try readAll(try OpenTier(bench.tier, notices: bench.notices, healing: false))
    #expect(bench.stores.allSatisfy { $0.count(of: .put) == 0 })
    #expect(bench.notices.all.contains { $0.contains("copy 0") && !$0.contains("repaired") })
  }

  @Test("where every copy of a tier is damaged, the same pack of another tier heals them all")
  func otherTier() throws {
    let far = MemoryStore(name: "far")
    far.place(good, at: pack)
    far.place(
      bench.store.bytes(at: bench.store.paths(in: .index)[0])!,
      at: bench.store.paths(in: .index)[0])
    flip(bench.stores)
    let open = try OpenTier(
      bench.tier, notices: bench.notices, otherTiers: [Tier(.secondary, stores: [far])])
    try readAll(open)
    for store in bench.stores { #expect(store.bytes(at: pack) == good) }
    #expect(bench.notices.all.contains { $0.contains("repaired from store far") })
  }

  @Test("where nothing is good, the error names every copy and nothing is written")
  func nothingGood() throws {
    flip(bench.stores)
    for store in bench.stores { store.fail(.put, number: 0) }
    var reader = TierReader(try bench.open())
    var lost = 0
    for plain in plains {
      do { _ = try read(plain, &reader) } catch {
        lost += 1
        for number in 0..<3 { #expect("\(error)".contains("copy \(number)")) }
      }
    }
    #expect(lost == 1 && bench.stores.allSatisfy { $0.count(of: .put) == 0 })
  }

  @Test("a whole pack that is asked for comes from the first good copy, and heals the rest")
  func wholePack() throws {
    let open = try bench.open()
    flip([bench.stores[0]])
    bench.stores[1].drop(pack)
    var digester = Digester()
    let pool = OpenTier.makePackPool()
    let found = try open.wholePack(try #require(pack.pack), pool: pool, digester: &digester)
    expectSame(found.withBytes { [UInt8]($0) }, good)
    for store in bench.stores { #expect(store.bytes(at: pack) == good) }
    flip(bench.stores)
    #expect(throws: PackError.self) {
      _ = try open.wholePack(try #require(pack.pack), pool: pool, digester: &digester)
    }
  }
}
