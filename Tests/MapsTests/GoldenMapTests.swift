import Hashing
import TestSupport
import Testing

@testable import Maps

@Suite struct GoldenMapTests {
  private var regionMap: RegionMap {
    var map = RegionMap()
    map.append(.chunk(ContentID(digest(1)), byteCount: 65_536))
    map.append(.zeros(byteCount: 1 << 20))
    map.append(.chunk(ContentID(digest(2)), byteCount: 16_384))
    map.append(.chunk(ContentID(digest(1)), byteCount: 65_536))
    map.append(.zeros(byteCount: 777))
    return map
  }

  private var diskMap: DiskMap {
    var map = DiskMap(level: 2)
    map.set(ContentID(digest(3)), at: 0)
    map.set(ContentID(digest(4)), at: 5)
    return map
  }

  @Test("a region map is written and read as ever, byte for byte")
  func region() throws {
    try expectFixture("region.map", holds: regionMap.encoded())
    let bytes = try fixture("region.map")
    #expect(
      try RegionMap(decoding: bytes.span.bytes, byteCount: regionMap.byteCount) == regionMap)
  }

  @Test("a disk map is written and read as ever, byte for byte")
  func disk() throws {
    try expectFixture("disk.map", holds: diskMap.encoded())
    let bytes = try fixture("disk.map")
    #expect(try DiskMap(decoding: bytes.span.bytes, level: 2) == diskMap)
  }
}
