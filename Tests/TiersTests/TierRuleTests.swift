import Hashing
import Packs
import Stores
import TestSupport
import Testing

@testable import Tiers

@Suite struct TierRuleTests {
  private let stores = (0..<3).map { MemoryStore(name: "copy \($0)") }
  private let notices = Notices()

  private func tier(_ rule: Tier.WriteRule, absent: Int = 0) -> Tier {
    Tier(
      .vault, stores: Array(stores.dropLast(absent)),
      absent: stores.suffix(absent).map { AbsentStore(name: $0.name, reason: "no disk") },
      rule: rule, notices: notices)
  }

  @Test("what is put lies in every store when the put returns")
  func everywhere() throws {
    let sample = SamplePack([[1, 2, 3]])
    let tier = tier(.all)
    try tier.put(sample.pack)
    try tier.put([9], at: .machine("a"))
    for store in stores {
      #expect(store.bytes(at: .pack(sample.id)) == sample.bytes)
      #expect(store.bytes(at: .machine("a")) == [9])
    }
    try tier.delete(.machine("a"))
    #expect(stores.allSatisfy { $0.bytes(at: .machine("a")) == nil })
  }

  @Test("where all copies are needed, one that fails fails the write", arguments: 0..<3)
  func all(broken: Int) {
    let tier = tier(.all)
    stores[broken].fail(.put, number: 1)
    let error = #expect(throws: StoreError.self) { try tier.put([1], at: .machine("a")) }
    #expect(error?.store == "copy \(broken)")
    #expect(tier.writable.count == 3 && notices.all.isEmpty)
  }

  @Test("a store that gets nothing more is not asked again, and fails nothing")
  func attempts() throws {
    let tier = tier(.atLeast(2))
    stores[2].setReadOnly(true)
    for name in ["a", "b", "c"] {
      let done: Void? = try tier.attempt(stores[2]) { () throws(StoreError) in
        try stores[2].put([1].span.bytes, at: .machine(name))
      }
      #expect(done == nil)
    }
    #expect(stores[2].count(of: .put) == 1 && tier.writable.count == 2)
    #expect(throws: StoreError.self) {
      try tier.attempt(stores[1]) { () throws(StoreError) in
        throw StoreError(.full, .machine("a"), in: "copy 1")
      }
    }
  }

  @Test("where two of three will do, a store that fails gets nothing more, with one notice")
  func dropped() throws {
    let tier = tier(.atLeast(2))
    try tier.put([1], at: .machine("a"))
    stores[1].fail(.put, number: 1)
    for name in ["b", "c", "d"] { try tier.put([2], at: .machine(name)) }
    try tier.put(SamplePack([[1]]).pack)
    #expect(stores[1].paths(in: .machines) == [.machine("a")] && stores[1].paths(in: .packs) == [])
    for store in [stores[0], stores[2]] { #expect(store.paths(in: .machines).count == 4) }
    #expect(tier.writable.map(\.name) == ["copy 0", "copy 2"] && tier.stores.count == 3)
    #expect(notices.all.count == 1)
    #expect(notices.all[0].contains("copy 1 misses what is written from now on"))
    #expect(notices.all[0].contains("injected into put"))
    try tier.requireWritable()
  }

  @Test("a copy of the tier knows of the stores that were dropped")
  func shared() throws {
    let tier = tier(.atLeast(2))
    let copy = tier
    stores[2].fail(.put, number: 1)
    try tier.put([1], at: .machine("a"))
    #expect(copy.writable.count == 2)
  }

  @Test("the second of three stores that fails stops the writing")
  func tooFew() throws {
    let tier = tier(.atLeast(2))
    stores[0].fail(.put, number: 1)
    try tier.put([1], at: .machine("a"))
    stores[1].fail(.put, number: 1)
    #expect(throws: StoreError.self) { try tier.put([1], at: .machine("b")) }
    let both = Tier(.vault, stores: stores, rule: .atLeast(2), notices: notices)
    for store in stores.prefix(2) { store.fail(.put, number: 1) }
    #expect(throws: StoreError.self) { try both.put([1], at: .machine("c")) }
  }

  @Test("a tier with fewer stores than the rule asks for writes nothing and says how many it has")
  func fewFromTheStart() throws {
    let tier = tier(.atLeast(2), absent: 2)
    let error = #expect(throws: StoreError.self) { try tier.put([1], at: .machine("a")) }
    #expect("\(try #require(error))".contains("1 of 3 stores can be written to, 2 are needed"))
    #expect(stores[0].count(of: .put) == 0)
  }

  @Test("writing is refused beforehand where the rule cannot be kept, and the error says by whom")
  func requirements() throws {
    try tier(.all).requireWritable()
    try tier(.atLeast(2), absent: 1).requireWritable()
    try tier(.all, absent: 2).requireReadable()
    let cases: [(Tier.WriteRule, Int, String)] = [
      (.all, 1, "no fewer than 3 stores, and not all can be used: copy 2 (no disk)"),
      (.atLeast(2), 2, "no fewer than 2 stores, and not all can be used: copy 1 (no disk), copy 2"),
      (.atLeast(1), 3, "no store of the vault tier can be used: copy 0 (no disk), copy 1"),
    ]
    for (rule, absent, text) in cases {
      let error = #expect(throws: TierError.self) {
        try tier(rule, absent: absent).requireWritable()
      }
      #expect("\(try #require(error))".contains(text))
    }
    #expect(throws: TierError.self) { try tier(.all, absent: 3).requireReadable() }
    let error = #expect(throws: TierError.self) { try tier(.all, absent: 1).requireWritable() }
    #expect("\(try #require(error))".contains("kluis replace-copy OLD NEW"))
  }
}
