import Bytes
import Hashing
import Indexes
import Packs
import Stores
import TestSupport
import Testing

@testable import Tiers

@Suite struct OpenTierTests {
  private let bench: TierBench
  private let plains: [[UInt8]]
  private let segment: ObjectPath

  init() throws {
    var random = Seed.ofThisRun.random
    bench = TierBench(copies: 2)
    plains = samplePlains(12, &random)
    try bench.save(plains)
    segment = bench.store.paths(in: .index)[0]
  }

  @Test("a segment that is damaged in one store is healed from the other when the tier is opened")
  func healedSegment() throws {
    let good = bench.store.bytes(at: segment)!
    for damage in [Array(good.prefix(40)), [], good + [0], [good[0] ^ 1] + good.dropFirst()] {
      bench.store.place(damage, at: segment)
      let index = try bench.open().index
      #expect(plains.allSatisfy { index.contains(contentID($0)) } && index.adopted.isEmpty)
      #expect(bench.store.bytes(at: segment) == good)
    }
    #expect(bench.notices.all.allSatisfy { $0.hasSuffix("repaired from another store") })
    #expect(bench.notices.all.allSatisfy { $0.contains("in store copy 0") })
  }

  @Test("an entry that leads astray is healed as soon as somebody follows it")
  func healedEntries() throws {
    let good = bench.store.bytes(at: segment)!
    for entry in 1...12 { bench.store.flipBit((good.count - entry * 48 + 38) * 8, of: segment) }
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
    #expect(bench.store.bytes(at: segment) == good)
    #expect(bench.notices.all.contains { $0.contains("repaired from another store") })
  }

  @Test("a tier that is opened without healing uses the good segment and writes nothing")
  func withoutHealing() throws {
    let damaged = Array(bench.store.bytes(at: segment)!.prefix(50))
    bench.store.place(damaged, at: segment)
    let index = try OpenTier(bench.tier, notices: bench.notices, healing: false).index
    #expect(plains.allSatisfy { index.contains(contentID($0)) })
    #expect(bench.store.bytes(at: segment) == damaged)
    #expect(bench.notices.all.contains { $0.contains("copy 0") && !$0.contains("repaired") })
  }

  @Test("for writing, a pack counts as stored only where every store has it")
  func writingListsWhatAllHold() throws {
    // No copy can be handed on: one is damaged, and the other is gone.
    let pack = bench.store.paths(in: .packs)[0]
    bench.stores[0].flipBit(0, of: pack)
    bench.stores[1].drop(pack)
    let reading = try OpenTier(bench.tier, notices: bench.notices, healing: false).index
    let writing = try OpenTier(bench.tier, notices: bench.notices, for: .writing).index
    #expect(plains.allSatisfy { reading.contains(contentID($0)) })
    #expect(plains.allSatisfy { !writing.contains(contentID($0)) })
  }

  @Test("a segment that another command merges away meanwhile is nothing to worry about")
  func vanishing() throws {
    let old = segment
    try bench.save([[5, 5, 5]])
    let vanishing = VanishingStore(bench.stores[0], path: old)
    let tier = Tier(.vault, stores: [vanishing])
    let merged = try mergedSegment()
    vanishing.onFirstLook = { [stores = bench.stores] in
      for store in stores {
        store.place(merged.bytes, at: .segment(merged.name))
        for path in store.paths(in: .index) where path.segment != merged.name { store.drop(path) }
      }
    }
    let notices = Notices()
    var reader = TierReader(try OpenTier(tier, notices: notices))
    for plain in plains + [[5, 5, 5]] { #expect(try read(plain, &reader) == plain) }
    #expect(notices.all == [])
  }

  private func mergedSegment() throws -> (bytes: [UInt8], name: Digest) {
    var digester = Digester()
    let packs = try bench.open().index.published.flatMap { $0.indexedPacks() }
    return encodeSegment(packs, digester: &digester)
  }

  // MARK: forgetting

  @Test("records that are forgotten count as not stored; what lies beside them stays")
  func forgetting() throws {
    let open = try bench.open()
    let pack = try #require(bench.store.paths(in: .packs)[0].pack)
    let lost = Set(plains.prefix(3).map { contentID($0) })
    try open.forget([pack: lost, PackID(digest(1)): lost])
    for index in [open.index, try bench.open().index] {
      for (number, plain) in plains.enumerated() {
        #expect(index.contains(contentID(plain)) == (number >= 3))
      }
    }
    for store in bench.stores { #expect(store.paths(in: .index).count == 1) }
    #expect(open.listedEntries(of: pack)?.entries.count == 9)
    #expect(open.listedEntries(of: PackID(digest(1))) == nil)
    try bench.save(plains)
    #expect(bench.storedRecords().count == 15 && bench.notices.all.isEmpty)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("forgetting nothing, or what is not listed, writes nothing")
  func forgettingNothing() throws {
    let open = try bench.open()
    let pack = try #require(bench.store.paths(in: .packs)[0].pack)
    bench.store.fail(.put, number: 0)
    try open.forget([:])
    try open.forget([pack: [contentID([42])]])
    #expect(bench.store.count(of: .put) == 0 && bench.store.paths(in: .index) == [segment])
  }

  @Test("an index whose forgetting is cut off by a failing put is the old one")
  func forgettingCutOff() throws {
    let open = try bench.open()
    let pack = try #require(bench.store.paths(in: .packs)[0].pack)
    bench.stores[1].fail(.put, number: 1)
    #expect(throws: StoreError.self) { try open.forget([pack: [contentID(plains[0])]]) }
    #expect(open.index.contains(contentID(plains[0])))
    #expect(bench.stores.allSatisfy { $0.bytes(at: segment) != nil })
    #expect(try bench.unreadable(plains).isEmpty)
  }

  @Test("a pack that is stored again after some of it was forgotten is listed whole for ever")
  func mergingAfterForgetting() throws {
    var random = SeededRandom(seed: ~Seed.ofThisRun.value)
    let open = try bench.open()
    let path = bench.store.paths(in: .packs)[0]
    let sample = try #require(path.pack)
    var digester = Digester()
    let whole = try open.wholePack(sample, pool: OpenTier.makePackPool(), digester: &digester)
    try open.forget([sample: Set(plains.prefix(11).map { contentID($0) })])
    let writer = TierWriter(open)
    try writer.add(whole)
    try writer.finish(digester: &digester)
    #expect(try bench.unreadable(plains).isEmpty, "before segments are merged")
    // Small segments are merged when there are many of them.
    var others: [[UInt8]] = []
    for _ in 0..<8 {
      others += samplePlains(14, &random)
      try bench.save(others)
    }
    #expect(try bench.unreadable(plains + others).isEmpty, "\(Seed.ofThisRun)")
  }
}

/// A memory store in which something happens between a listing and the first map of an object.
private final class VanishingStore: Store, @unchecked Sendable {
  private let base: MemoryStore
  private let path: ObjectPath
  var onFirstLook: (@Sendable () -> Void)?

  init(_ base: MemoryStore, path: ObjectPath) {
    self.base = base
    self.path = path
  }

  var name: String { base.name }

  func map(_ path: ObjectPath) throws(StoreError) -> SharedBytes {
    if let action = onFirstLook {
      onFirstLook = nil
      action()
    }
    return try base.map(path)
  }

  func put(_ bytes: RawSpan, at path: ObjectPath) throws(StoreError) {
    try base.put(bytes, at: path)
  }

  func read(
    _ path: ObjectPath, from offset: UInt64, into target: inout MutableRawSpan
  ) throws(StoreError) { try base.read(path, from: offset, into: &target) }

  func byteCount(of path: ObjectPath) throws(StoreError) -> UInt64? {
    try base.byteCount(of: path)
  }

  func list(_ folder: ObjectFolder) throws(StoreError) -> [ListedObject] { try base.list(folder) }
  func delete(_ path: ObjectPath) throws(StoreError) { try base.delete(path) }
  func sweep() {}
}
