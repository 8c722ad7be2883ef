import Copies
import Hashing
import Indexes
import Maps
import Packs
import Stores
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct PackSenderTests {
  private let bench: CopyBench
  /// Chunks of no sort that compresses.
  private let noise: [UInt8]

  init() throws {
    var random = Seed.ofThisRun.random
    bench = try CopyBench()
    noise = random.bytes(2 << 20)
  }

  /// A disk of two regions, in which each holds a little.
  private func twoRegions(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 66 << 20)
    bytes.replaceSubrange(0..<first.count, with: first)
    bytes.replaceSubrange(64 << 20..<64 << 20 + second.count, with: second)
    return bytes
  }

  @Test("packs of which all is lacking go over as they are: both tiers have the same ones")
  func whole() throws {
    let point = try bench.backUp(noise)
    let report = try bench.copy([point])
    let packs = bench.snapshots.paths(in: .packs)
    for copy in bench.copies {
      #expect(copy.paths(in: .packs) == packs)
      for path in packs { #expect(copy.bytes(at: path) == bench.snapshots.bytes(at: path)) }
    }
    #expect(
      report.sentBytes == packs.reduce(0) { $0 + UInt64(bench.snapshots.bytes(at: $1)!.count) })
    expectSame(try bench.restore(point, from: .vault), noise, "\(Seed.ofThisRun)")
  }

  @Test("of a pack of which only a part is lacking the single records go over, and no others")
  func part() throws {
    _ = try bench.backUp(noise)
    let half = Array(noise.prefix(noise.count / 2))
    let point = try bench.backUp(half)
    let sent = try bench.copy([point]).sentBytes
    #expect(bench.copies[0].bytes(at: bench.snapshots.chunkPack) == nil)
    #expect(sent < UInt64(half.count) * 5 / 4 && sent > UInt64(half.count), "\(sent)")
    expectSame(try bench.restore(point, from: .vault), half, "\(Seed.ofThisRun)")
  }

  @Test("whole packs are sent without looking into their records")
  func undecoded() throws {
    let point = try bench.backUp(noise)
    // A pack under its right name, of which no record can be expanded.
    let old = bench.snapshots.chunkPack
    var bytes = bench.snapshots.bytes(at: old)!
    let entries = try #require(try bench.open(.snapshot).listedEntries(of: old.pack!)).entries
    for entry in entries { bytes[Int(entry.offset) + RecordHeader.byteCount] ^= 0xFF }
    var digester = Digester()
    let new = PackID(digester.digest(bytes.span.bytes))
    let segments = try bench.open(.snapshot).index.published.flatMap { $0.indexedPacks() }
    let renamed = segments.map {
      $0.id == old.pack ? IndexedPack(id: new, byteCount: $0.byteCount, indexed: $0.entries) : $0
    }
    for path in bench.snapshots.paths(in: .index) + [old] { bench.snapshots.drop(path) }
    let segment = encodeSegment(renamed, digester: &digester)
    bench.snapshots.place(segment.bytes, at: .segment(segment.name))
    bench.snapshots.place(bytes, at: .pack(new))
    try bench.copy([point])
    #expect(bench.copies[2].bytes(at: .pack(new)) == bytes)
    let error = #expect(throws: (any Error).self) { try bench.restore(point, from: .vault) }
    #expect("\(try #require(error))".contains("\(new)"))
  }

  @Test("a pack that one source store has damaged is sent from another, and healed")
  func damagedCopy() throws {
    let point = try bench.backUp(noise)
    try bench.copy([point])
    let pack = bench.copies[0].chunkPack
    bench.copies[0].flipBit(8 * 5000, of: pack)
    bench.copies[1].drop(pack)
    try bench.copy([point], from: .vault, to: .secondary)
    for store in bench.copies + bench.far {
      #expect(store.bytes(at: pack) == bench.snapshots.bytes(at: pack))
    }
    #expect(bench.notices.all.contains { $0.contains("copy 0") && $0.contains("repaired from") })
    expectSame(try bench.restore(point, from: .secondary), noise, "\(Seed.ofThisRun)")
  }

  @Test("of a pack that is damaged everywhere each record that is good is sent by itself")
  func damagedPack() throws {
    let point = try bench.backUp(noise)
    // Behind the records, so that all of them are good.
    for pack in bench.snapshots.paths(in: .packs) {
      bench.snapshots.flipBit((bench.snapshots.bytes(at: pack)!.count - 60) * 8, of: pack)
    }
    try bench.copy([point])
    #expect(bench.copies[0].bytes(at: bench.snapshots.chunkPack) == nil)
    #expect(bench.notices.all.contains { $0.contains("its digest is wrong") })
    expectSame(try bench.restore(point, from: .vault), noise, "\(Seed.ofThisRun)")
  }

  @Test("what the target has lost since is sent again, although its newest point names it")
  func lostInTarget() throws {
    let first = try bench.backUp(twoRegions(noise[..<100_000], noise[100_000..<200_000]))
    try bench.copy([first])
    let lost = try #require(bench.snapshots.chunkPack.pack)
    let target = try bench.open(.vault)
    let entries = try #require(target.listedEntries(of: lost)).entries
    try target.forget([lost: Set(entries.prefix(1).map(\.id))])
    let bytes = twoRegions(noise[..<100_000], noise[200_000..<300_000])
    let second = try bench.backUp(bytes)
    try bench.copy([second])
    expectSame(try bench.restore(second, from: .vault), bytes, "\(Seed.ofThisRun)")
  }

  @Test("a map that the target has lost does not keep later points out of it")
  func lostMapInTarget() throws {
    let first = try bench.backUp(noise)
    try bench.copy([first])
    let root = try #require(first.disks[0].tree?.root)
    let target = try bench.open(.vault)
    let location = try #require(target.index.location(of: root))
    for copy in bench.copies {
      copy.flipBit(Int(location.offset + 50) * 8, of: .pack(location.pack))
    }
    try target.forget([location.pack: [root]])
    let bytes = Array(noise.reversed())
    let second = try bench.backUp(bytes)
    try bench.copy([second])
    expectSame(try bench.restore(second, from: .vault), bytes, "\(Seed.ofThisRun)")
  }

  @Test("a transfer that is cut off at any put leaves no point, and the next one goes on")
  func cutOff() throws {
    let points = [try bench.backUp(noise), try bench.backUp(Array(noise.reversed()))]
    var failures = 0
    for number in 1..<40 {
      bench.copies[1].fail(.put, number: number)
      do {
        try bench.copy(points)
        break
      } catch {
        #expect(error is StoreError, "\(error)")
        failures += 1
      }
      for (point, bytes) in [(points[0], noise), (points[1], Array(noise.reversed()))]
      where try tiers(of: point).contains(.vault) {
        expectSame(try bench.restore(point, from: .vault), bytes, "put \(number)")
      }
    }
    #expect(failures > 2, "\(failures)")
    for point in points { #expect(try tiers(of: point) == [.snapshot, .vault]) }
    #expect(bench.copies[0].paths(in: .packs) == bench.snapshots.paths(in: .packs))
  }

  private func tiers(of point: RecoveryPoint) throws -> [Tier.Name] {
    try bench.tiers(of: point)
  }
}
