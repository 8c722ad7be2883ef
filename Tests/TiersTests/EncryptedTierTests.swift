import Bytes
import Compression
import Encryption
import Hashing
import Packs
import Stores
import TestSupport
import Testing
import Workers

@testable import Tiers

@Suite struct EncryptedTierTests {
  private let keys = VaultKeys(master: .random(byteCount: Secret.keyByteCount), vault: "sample")
  private let bench: TierBench
  private let plains: [[UInt8]]
  private let ids: [ContentID]

  init() throws {
    var random = Seed.ofThisRun.random
    bench = TierBench(copies: 2, protection: .encrypted(keys))
    plains = samplePlains(14, &random)
    ids = try save(plains, in: bench)
  }

  private func readAll(_ open: OpenTier) throws {
    var reader = TierReader(open)
    for (plain, id) in zip(plains, ids) {
      #expect(try read(id, plain.count, &reader) == plain, "\(Seed.ofThisRun)")
    }
  }

  @Test("what goes into an encrypted tier is named by a key, lies there sealed, and is read again")
  func sealing() throws {
    try readAll(try bench.open())
    var namer = ContentNamer(.encrypted(keys))
    for (plain, id) in zip(plains, ids) {
      #expect(id == namer.name(plain.span.bytes) && id != contentID(plain))
    }
    let records = bench.storedRecords()
    #expect(Set(records.map(\.id)) == Set(ids) && records.count == plains.count)
    #expect(records.allSatisfy { $0.sealing == .aes256gcm })
    let stored = bench.store.contents.values.joined()
    for plain in plains where plain.count > 32 {
      #expect(!contains(Array(stored), Array(plain.prefix(16))))
    }
    let packs = bench.store.paths(in: .packs)
    #expect(try save(plains, in: bench) == ids && bench.store.paths(in: .packs) == packs)
  }

  private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    bytes.indices.dropLast(part.count).contains { start in
      bytes[start] == part[0] && bytes[start..<start + part.count].elementsEqual(part)
    }
  }

  @Test("equal bytes have other names and other records in a vault with another key")
  func otherNames() throws {
    let others = VaultKeys(master: .random(byteCount: Secret.keyByteCount), vault: "sample")
    let sameMaster = VaultKeys(master: keys.master, vault: "another")
    for other in [others, sameMaster] {
      let bench = TierBench(protection: .encrypted(other))
      #expect(Set(try save(plains, in: bench)).isDisjoint(with: ids))
    }
  }

  @Test("without the key nothing is stored, and records are moved as they are sealed")
  func lockedSink() throws {
    let target = TierBench(protection: .locked)
    let writer = TierWriter(try target.open())
    var sink = RecordSink(writer: writer, compression: .standard)
    let plain = plains[0]
    #expect(throws: LockedError.self) { _ = try sink.add(plain.span.bytes, kind: .chunk) }
    #expect(throws: LockedError.self) {
      try sink.add(plain.span.bytes, id: contentID(plain), kind: .map)
    }
    let pack = try #require(bench.store.bytes(at: bench.store.paths(in: .packs)[0]))
    for entry in bench.storedRecords() {
      let start = Int(entry.offset) + RecordHeader.byteCount
      let payload = Array(pack[start..<start + Int(entry.storedByteCount)])
      try sink.add(sealed: payload.span.bytes, of: entry)
    }
    var digester = Digester()
    try sink.finish()
    try writer.finish(digester: &digester)
    try readAll(
      try OpenTier(
        Tier(.vault, stores: target.stores, protection: .encrypted(keys)),
        notices: target.notices))
    #expect(target.notices.all == [])
  }

  @Test("without the key nothing is read, the error says so, and nothing is written or blamed")
  func lockedReader() throws {
    for store in bench.stores { store.fail(.put, number: 0) }
    var reader = TierReader(try OpenTier(bench.locked, notices: bench.notices))
    for (plain, id) in zip(plains, ids) {
      let error = #expect(throws: ReadError.self) { try read(id, plain.count, &reader) }
      #expect("\(try #require(error))".contains("this needs its key"))
    }
    let wanted = zip(plains, ids).map { WantedChunk(id: $1, byteCount: $0.count, target: 0) }
    var buffer = AlignedBuffer(capacity: 20_000)
    #expect(throws: ReadError.self) { try reader.read(wanted, into: &buffer) }
    #expect(bench.stores.allSatisfy { $0.count(of: .put) == 0 } && bench.notices.all == [])
  }

  @Test("records that were sealed with another key, or not at all, are refused under any name")
  func foreignRecords() throws {
    let other = VaultKeys(master: .random(byteCount: Secret.keyByteCount), vault: "sample")
    let cases: [(tier: ContentProtection, records: ContentProtection, reason: String)] = [
      (.encrypted(keys), .encrypted(other), "sealed with another key"),
      (.encrypted(keys), .none, "it is not sealed"),
      (.none, .encrypted(keys), "it is sealed, in a vault that is not encrypted"),
    ]
    for (protection, records, reason) in cases {
      let bench = TierBench(protection: protection)
      var namer = ContentNamer(protection)
      var run = RecordRun()
      var sealer = RecordSealer(.standard, records)
      for plain in plains {
        let id = namer.name(plain.span.bytes)
        _ = run.append(plain.span.bytes, id: id, kind: .chunk, with: &sealer)
      }
      let writer = TierWriter(try bench.open())
      var digester = Digester()
      try writer.add(&run, kind: .chunk, digester: &digester)
      try writer.finish(digester: &digester)
      var reader = TierReader(try bench.open())
      for plain in plains {
        let id = namer.name(plain.span.bytes)
        let error = #expect(throws: ReadError.self) { try read(id, plain.count, &reader) }
        #expect("\(try #require(error))".contains(reason), "\(reason)")
      }
    }
  }

  @Test("a flipped bit anywhere in a sealed pack gives the right bytes from the other copy")
  func readRepair() throws {
    var random = Seed.ofThisRun.random
    let pack = bench.store.paths(in: .packs)[0]
    let good = try #require(bench.store.bytes(at: pack))
    let header = PackFormat.headerByteCount * 8
    for bit in 0..<header {
      bench.stores[0].flipBit(bit, of: pack)
      // No reader of single records looks at it.
      try readAll(try bench.open())
      bench.stores[0].place(good, at: pack)
    }
    for _ in 0..<60 {
      let bit = header + random.below(good.count * 8 - header)
      bench.stores[0].flipBit(bit, of: pack)
      try readAll(try bench.open())
      let healed = try #require(bench.stores[0].bytes(at: pack))
      // What no reader looks at stays for a scrub to find.
      #expect(areEqual(healed, good) || bench.storedRecords().map(\.id) == ids, "bit \(bit)")
      bench.stores[0].place(good, at: pack)
    }
    let open = bench.storedRecords()[0]
    let bit = (Int(open.offset) + RecordHeader.byteCount + 3) * 8
    bench.stores[0].flipBit(bit, of: pack)
    try readAll(try bench.open())
    #expect(bench.stores[0].bytes(at: pack) == good)
    for store in bench.stores { store.flipBit(bit, of: pack) }
    var reader = TierReader(try bench.open())
    for (plain, id) in zip(plains, ids) {
      let isLost = id == open.id
      do { #expect(try read(id, plain.count, &reader) == plain && !isLost) } catch {
        #expect(isLost && "\(error)".contains("altered"), "\(error)")
      }
    }
  }
}

@Suite struct LockedIndexRebuildTests {
  private let bench: TierBench
  private let plains: [[UInt8]]
  private let ids: [ContentID]
  private let keys = VaultKeys(master: .random(byteCount: Secret.keyByteCount), vault: "sample")

  init() throws {
    var random = Seed.ofThisRun.random
    bench = TierBench(copies: 2, protection: .encrypted(keys))
    var (plains, ids): ([[UInt8]], [ContentID]) = ([], [])
    for _ in 0..<3 {
      let some = samplePlains(7, &random)
      ids += try save(some, in: bench)
      plains += some
    }
    (self.plains, self.ids) = (plains, ids)
  }

  private func rebuild(_ tier: Tier) throws -> Int {
    var rebuild = IndexRebuild(tier, notices: bench.notices)
    try rebuild.run(progress: Progress(), cancellation: Cancellation())
    return rebuild.recordCount
  }

  private func index(_ store: MemoryStore) -> [[UInt8]?] {
    store.paths(in: .index).map { store.bytes(at: $0) }
  }

  @Test("packs that are whole are listed without the key as they are with it")
  func whole() throws {
    #expect(try rebuild(bench.locked) == 21 && bench.notices.all == [])
    let made = index(bench.store)
    #expect(made.count == 1 && index(bench.stores[1]) == made)
    #expect(try rebuild(bench.tier) == 21 && index(bench.store) == made)
    var reader = TierReader(try bench.open())
    for (plain, id) in zip(plains, ids) {
      #expect(try read(id, plain.count, &reader) == plain, "\(Seed.ofThisRun)")
    }
  }

  @Test("a pack that one copy has damaged is listed as the other has it")
  func oneCopy() throws {
    let before = bench.store.paths(in: .packs)
    bench.stores[0].flipBit(8 * 100, of: before[0])
    bench.stores[1].drop(before[1])
    #expect(try rebuild(bench.locked) == 21, "\(Seed.ofThisRun)")
  }

  @Test("where a pack is damaged in every copy the key is needed, and the old index stays")
  func everyCopy() throws {
    var random = Seed.ofThisRun.random
    let old = index(bench.store)
    let packs = bench.store.paths(in: .packs)
    for round in 0..<40 {
      let pack = packs[random.below(packs.count)]
      let bits = try bench.stores.map { store in
        random.below(try #require(store.bytes(at: pack)).count * 8)
      }
      for (store, bit) in zip(bench.stores, bits) { store.flipBit(bit, of: pack) }
      #expect(throws: LockedError.self, "round \(round) \(Seed.ofThisRun)") {
        try rebuild(bench.locked)
      }
      #expect(bench.stores.allSatisfy { index($0) == old }, "round \(round)")
      for (store, bit) in zip(bench.stores, bits) { store.flipBit(bit, of: pack) }
    }
    for store in bench.stores {
      store.flipBit(8 * (16 + RecordHeader.byteCount + 5), of: packs[0])
    }
    #expect(try rebuild(bench.tier) == 20, "with it what is good is listed")
  }
}

/// Stores `plains` as a backup does; their names.
private func save(_ plains: [[UInt8]], in bench: TierBench) throws -> [ContentID] {
  let writer = TierWriter(try bench.open())
  var sink = RecordSink(writer: writer, compression: .standard)
  var ids: [ContentID] = []
  for plain in plains { ids.append(try sink.add(plain.span.bytes, kind: .chunk).id) }
  var digester = Digester()
  try sink.finish()
  try writer.finish(digester: &digester)
  return ids
}

private func read(
  _ id: ContentID, _ byteCount: Int, _ reader: inout TierReader
) throws -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: byteCount)
  var span = bytes.mutableSpan
  var target = span.mutableBytes
  try reader.read(id, into: &target)
  return bytes
}
