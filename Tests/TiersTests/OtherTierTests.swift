import Bytes
import Hashing
import Packs
import Stores
import TestSupport
import Testing

@testable import Tiers

@Suite struct OtherTierTests {
  private let near = TierBench()
  private let middle = TierBench()
  private let far = TierBench()
  private let chunks: [[UInt8]]
  private let map = repeated([3, 1, 4], 5000)

  init() throws {
    var random = Seed.ofThisRun.random
    chunks = samplePlains(10, &random)
    // Not packed alike, so that no pack of one can heal one of another.
    for (bench, extra) in [(near, [1]), (far, [2])] as [(TierBench, [UInt8])] {
      try bench.save(chunks + [extra])
      try bench.save([map, [9] + extra], kind: .map)
    }
  }

  private func reader() throws -> TierReader {
    TierReader(
      try OpenTier(
        near.tier, notices: near.notices,
        otherTiers: [
          Tier(.snapshot, stores: middle.stores), Tier(.secondary, stores: far.stores),
        ]))
  }

  @Test("a chunk and a map that the nearest tier has lost come from the next one that has them")
  func lost() throws {
    for path in near.store.paths(in: .packs) { near.store.flipBit(8 * 65, of: path) }
    var reader = try reader()
    for chunk in chunks { #expect(try read(chunk, &reader) == chunk, "\(Seed.ofThisRun)") }
    #expect(try reader.map(contentID(map)) == map)
    #expect(
      near.notices.all.contains(
        "the vault tier has lost something, which the secondary tier gave: run "
          + "`kluis scrub --repair`"))
  }

  @Test("packs that are gone, and an index that is gone with them, are read from the next tier")
  func gone() throws {
    for path in near.store.paths(in: .packs) { near.store.drop(path) }
    for path in near.store.paths(in: .index) { near.store.drop(path) }
    var reader = try reader()
    var buffer = AlignedBuffer(capacity: chunks.reduce(0) { $0 + $1.count })
    var wanted: [WantedChunk] = []
    for chunk in chunks {
      let target = wanted.last?.range.upperBound ?? 0
      wanted.append(WantedChunk(id: contentID(chunk), byteCount: chunk.count, target: target))
    }
    try reader.read(wanted, into: &buffer)
    expectSame([UInt8](buffer.bytes), chunks.flatMap { $0 }, "\(Seed.ofThisRun)")
    #expect(try reader.map(contentID(map)) == map)
  }

  @Test("where no tier has it, the error is that of the nearest")
  func nowhere() throws {
    for bench in [near, far] {
      for path in bench.store.paths(in: .packs) { bench.store.flipBit(8 * 65, of: path) }
    }
    var reader = try reader()
    let error = #expect(throws: ReadError.self) { try read(chunks[0], &reader) }
    #expect("\(try #require(error))".contains("in the vault tier"))
    let unknown = #expect(throws: ReadError.self) { try reader.map(contentID([42])) }
    #expect("\(try #require(unknown))".contains("is not in the index of the vault tier"))
  }

  @Test("a tier that cannot be opened is noted and passed over")
  func unreachable() throws {
    for path in near.store.paths(in: .packs) { near.store.drop(path) }
    let nothing = Tier(
      .snapshot, stores: [], absent: [AbsentStore(name: "/gone", reason: "no disk")])
    let open = try OpenTier(
      near.tier, notices: near.notices,
      otherTiers: [nothing, Tier(.secondary, stores: far.stores)])
    var reader = TierReader(open)
    #expect(try read(chunks[0], &reader) == chunks[0])
    #expect(near.notices.all.contains { $0.contains("/gone (no disk)") })
  }

  @Test("as long as nothing is lost no other tier is looked at")
  func notAsked() throws {
    for store in middle.stores + far.stores { store.fail(.list, number: 0) }
    var reader = try reader()
    for chunk in chunks { #expect(try read(chunk, &reader) == chunk) }
    #expect(far.store.count(of: .list) == 0 && near.notices.all.isEmpty)
  }
}
