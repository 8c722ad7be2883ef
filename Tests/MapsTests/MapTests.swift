import Bytes
import Hashing
import TestSupport
import Testing

@testable import Maps

@Suite struct RegionMapTests {
  @Test("a map of any mix of zeros and chunks is read as it was written")
  func roundTrip() throws {
    var random = Seed.ofThisRun.random
    for _ in 0..<200 {
      let map = randomMap(&random)
      let bytes = map.encoded()
      let found = try RegionMap(decoding: bytes.span.bytes, byteCount: map.byteCount)
      #expect(found == map && found.encoded() == bytes, "\(Seed.ofThisRun)")
    }
  }

  @Test("runs of zeros that follow one another are one, so that equal bytes have equal maps")
  func merging() {
    var map = RegionMap()
    map.append(.zeros(byteCount: 4096))
    map.append(.zeros(byteCount: 100))
    #expect(map.items == [.zeros(byteCount: 4196)] && map.isZero)
    map.append(.chunk(ContentID(digest(1)), byteCount: 5))
    map.append(.zeros(byteCount: 1))
    #expect(map.items.count == 3 && map.byteCount == 4202 && !map.isZero)
    #expect(RegionMap().isZero)
  }

  @Test(
    "a map that does not fill its region, or more than it, is refused", arguments: [-1, 1, 4096])
  func wrongLength(more: Int) throws {
    var random = Seed.ofThisRun.random
    let map = randomMap(&random)
    let bytes = map.encoded()
    #expect(throws: MapDamage.self) {
      try RegionMap(decoding: bytes.span.bytes, byteCount: map.byteCount + more)
    }
  }

  @Test("a map that is cut off or has more behind it is refused")
  func truncated() throws {
    var map = RegionMap()
    map.append(.chunk(ContentID(digest(1)), byteCount: 4096))
    map.append(.zeros(byteCount: 4096))
    let bytes = map.encoded()
    for count in 0..<bytes.count {
      let part = Array(bytes.prefix(count))
      #expect(throws: MapDamage.self, "\(count) bytes") {
        try RegionMap(decoding: part.span.bytes, byteCount: map.byteCount)
      }
    }
    let longer = bytes + [0]
    #expect(throws: MapDamage.self) {
      try RegionMap(decoding: longer.span.bytes, byteCount: map.byteCount)
    }
  }

  @Test("items of no length, chunks over 4 MiB and more than a region are refused")
  func limits() throws {
    let cases: [(length: UInt32, hasID: Bool)] = [
      (0, true), (1 << 31, false), ((4 << 20) + 1, true), (((64 << 20) + 1) | 1 << 31, false),
      (UInt32.max, false),
    ]
    for (length, hasID) in cases {
      var writer = ByteWriter()
      writer.append("KRGN")
      for field in [1, 1, length] { writer.integer(UInt32(field)) }
      if hasID { writer.digest(digest(1)) }
      let bytes = writer.bytes
      let region = Int(length & ~(1 << 31))
      #expect(throws: MapDamage.self, "\(length)") {
        try RegionMap(decoding: bytes.span.bytes, byteCount: region)
      }
    }
  }

  @Test("hostile region maps are refused or fill their region exactly")
  func hostile() {
    var random = Seed.ofThisRun.random
    let map = randomMap(&random)
    let good = map.encoded()
    for round in 0..<5000 {
      let bytes = mutated(good, &random)
      do {
        let found = try RegionMap(decoding: bytes.span.bytes, byteCount: map.byteCount)
        let total = found.items.reduce(0) { $0 + $1.byteCount }
        #expect(total == map.byteCount, "round \(round) \(Seed.ofThisRun)")
        #expect(found.items.allSatisfy { $0.byteCount > 0 })
      } catch { #expect("\(error)".contains("damaged")) }
    }
  }

  private func randomMap(_ random: inout SeededRandom) -> RegionMap {
    var map = RegionMap()
    for _ in 0...random.below(40) {
      let count = 1 + random.below(1 << 20)
      map.append(
        random.below(3) == 0
          ? .zeros(byteCount: count)
          : .chunk(ContentID(digest(random.next())), byteCount: count))
    }
    return map
  }
}

@Suite struct DiskMapTests {
  @Test("a node is read as it was written, with zeros for the children between")
  func roundTrip() throws {
    var node = DiskMap(level: 2)
    node.set(ContentID(digest(1)), at: 3)
    node.set(ContentID(digest(2)), at: 1023)
    let bytes = node.encoded()
    #expect(bytes.count == 16 + 32 * 1024)
    let found = try DiskMap(decoding: bytes.span.bytes, level: 2)
    #expect(found == node && found.child(0) == .zeros && found.child(3) == ContentID(digest(1)))
    #expect(DiskMap(level: 1).child(1023) == .zeros)
  }

  @Test("a node of another level is refused", arguments: [0, 1, 3, 100])
  func levels(level: Int) {
    let bytes = DiskMap(level: 2).encoded()
    #expect(throws: MapDamage.self) { try DiskMap(decoding: bytes.span.bytes, level: level) }
  }

  @Test("hostile nodes are refused or have at most 1,024 children")
  func hostile() {
    var random = Seed.ofThisRun.random
    var node = DiskMap(level: 1)
    for place in 0..<20 { node.set(ContentID(digest(random.next())), at: place * 2) }
    let good = node.encoded()
    for round in 0..<5000 {
      let bytes = mutated(good, &random)
      do {
        let found = try DiskMap(decoding: bytes.span.bytes, level: 1)
        #expect(found.children.count <= 1024, "round \(round) \(Seed.ofThisRun)")
        #expect(found.encoded() == bytes, "round \(round) \(Seed.ofThisRun)")
      } catch { #expect("\(error)".contains("damaged")) }
    }
  }
}
