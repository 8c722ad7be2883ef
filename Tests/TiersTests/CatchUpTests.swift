import Hashing
import Packs
import Stores
import TestSupport
import Testing
import Workers

@testable import Tiers

@Suite struct CatchUpTests {
  private let bench: TierBench
  private let plains: [[UInt8]]
  private let pack: ObjectPath
  private let segment: ObjectPath

  init() throws {
    var random = Seed.ofThisRun.random
    bench = TierBench(copies: 3)
    plains = samplePlains(12, &random)
    try bench.save(plains)
    pack = bench.store.paths(in: .packs)[0]
    segment = bench.store.paths(in: .index)[0]
  }

  private func open(_ tier: Tier? = nil) throws -> OpenTier {
    try OpenTier(tier ?? bench.tier, notices: bench.notices, for: .writing)
  }

  private func tier(_ rule: Tier.WriteRule) -> Tier {
    Tier(.vault, stores: bench.stores, rule: rule, notices: bench.notices)
  }

  /// Whether all stores hold the same objects with the same bytes.
  private var areEqual: Bool {
    bench.stores.allSatisfy { store in
      ObjectFolder.kept.allSatisfy { folder in
        store.paths(in: folder) == bench.store.paths(in: folder)
          && store.paths(in: folder).allSatisfy { store.bytes(at: $0) == bench.store.bytes(at: $0) }
      }
    }
  }

  enum Lack: CaseIterable { case gone, cutOff, longer, empty }

  private func spoil(_ path: ObjectPath, in store: MemoryStore, _ lack: Lack) {
    let bytes = store.bytes(at: path)!
    switch lack {
    case .gone: store.drop(path)
    case .cutOff: store.place(Array(bytes.dropLast(100)), at: path)
    case .longer: store.place(bytes + [1, 2, 3], at: path)
    case .empty: store.place([], at: path)
    }
  }

  @Test("a store that lacks objects, or parts of them, has them all before a writer begins")
  func lacking() throws {
    for lack in Lack.allCases {
      for number in 0..<3 {
        spoil(pack, in: bench.stores[number], lack)
        spoil(segment, in: bench.stores[(number + 1) % 3], lack)
        let index = try open().index
        #expect(areEqual, "\(lack) in copy \(number)")
        #expect(plains.allSatisfy { index.contains(contentID($0)) })
      }
    }
    #expect(
      bench.notices.all.contains(
        "store copy 0 lacked 1 objects that others had, and was "
          + "caught up"))
  }

  @Test("stores that hold the same are not read: a writer that begins costs listings only")
  func level() throws {
    for store in bench.stores { store.fail(.put, number: 0) }
    _ = try open()
    for store in bench.stores {
      #expect(store.count(of: .read) == 0 && store.count(of: .put) == 0)
    }
    #expect(bench.notices.all.isEmpty)
  }

  @Test("a copy of the right size that is damaged is not handed on")
  func damagedSource() throws {
    bench.stores[0].flipBit(8 * 100, of: pack)
    bench.stores[0].flipBit(8 * 100, of: segment)
    bench.stores[2].drop(pack)
    bench.stores[2].drop(segment)
    _ = try open()
    #expect(bench.stores[2].bytes(at: pack) == bench.stores[1].bytes(at: pack))
    #expect(bench.stores[2].bytes(at: segment) == bench.stores[1].bytes(at: segment))
  }

  @Test("what a pack holds of which no copy is good counts as not stored, and is stored again")
  func nothingGood() throws {
    bench.stores[0].flipBit(8 * 100, of: pack)
    bench.stores[1].place([1, 2, 3], at: pack)
    bench.stores[2].drop(pack)
    let index = try open().index
    #expect(plains.allSatisfy { !index.contains(contentID($0)) })
    let name = pack.name(without: ".pack")!
    #expect(bench.notices.all.contains { $0.hasPrefix("no good copy of pack \(name): ") })
    try bench.save(plains, for: .writing)
    #expect(try bench.unreadable(plains).isEmpty, "\(Seed.ofThisRun)")
  }

  @Test("a catch-up that a failing put cuts off is an error, and the next one goes on")
  func cutOff() throws {
    for round in 0..<3 { try bench.save([[1, UInt8(round)]], for: .writing) }
    for path in bench.stores[1].paths(in: .packs) + bench.stores[1].paths(in: .index) {
      bench.stores[1].drop(path)
    }
    for number in 1...4 {
      bench.stores[1].fail(.put, number: number)
      #expect(throws: StoreError.self) { try open() }
    }
    _ = try open()
    #expect(areEqual)
  }

  @Test("where two of three will do, a store that cannot be caught up is left out, with a notice")
  func readOnlyStore() throws {
    bench.stores[1].drop(pack)
    bench.stores[1].drop(segment)
    bench.stores[1].limitCapacity(to: 0)
    let zrs = tier(.atLeast(2))
    let index = try open(zrs).index
    #expect(plains.allSatisfy { index.contains(contentID($0)) })
    #expect(zrs.writable.map(\.name) == ["copy 0", "copy 2"])
    #expect(bench.notices.all.contains { $0.contains("copy 1") && $0.contains("is full") })
    #expect(throws: StoreError.self) { try open(tier(.all)) }
  }

  @Test("where two of three will do, a store that cannot be listed is left out, with a notice")
  func unlistableStore() throws {
    bench.stores[2].fail(.list, number: 1)
    let zrs = tier(.atLeast(2))
    _ = try open(zrs)
    #expect(zrs.writable.map(\.name) == ["copy 0", "copy 1"])
    bench.stores[2].fail(.list, number: 1)
    #expect(throws: StoreError.self) { try open(tier(.all)) }
  }

  @Test("a catch-up that is stopped on request says so")
  func stopped() throws {
    bench.stores[1].drop(pack)
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) {
      try OpenTier(
        bench.tier, notices: bench.notices, for: .writing, cancellation: cancellation)
    }
    #expect(bench.stores[1].bytes(at: pack) == nil)
  }

  @Test("files that are no packs and no segments are left alone where they are")
  func strangers() throws {
    let strange = ObjectPath(listed: "packs/readme.txt")
    bench.stores[0].place([1], at: strange)
    bench.stores[0].place([1], at: ObjectPath(listed: "index/x.index"))
    _ = try open()
    #expect(bench.stores[1].bytes(at: strange) == nil && bench.stores[0].bytes(at: strange) == [1])
    #expect(bench.stores[1].paths(in: .index) == [segment])
  }
}
