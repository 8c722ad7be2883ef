import Bytes
import Hashing
import TestSupport
import Testing

@testable import Maps

@Suite struct DiskTreeTests {
  static let sizes: [UInt64] = [
    0, 1, 4095, 4096, (64 << 20) - 1, 64 << 20, (64 << 20) + 1, (64 << 30) - 1, 64 << 30,
    (64 << 30) + 1, 10 << 40, 1 << 62,
  ]

  /// The nodes of trees, by their names.
  final class Nodes {
    var bytes: [ContentID: [UInt8]] = [:]
    var fetchCount = 0

    func store(_ node: [UInt8]) -> ContentID {
      let id = contentID(node)
      bytes[id] = node
      return id
    }

    func fetch(_ id: ContentID) throws -> [UInt8] {
      fetchCount += 1
      return try #require(bytes[id])
    }

    func build(_ maps: [UInt64: ContentID], diskByteCount: UInt64) -> DiskTree {
      var builder = DiskTreeBuilder(diskByteCount: diskByteCount)
      for (region, map) in maps.sorted(by: { $0.key < $1.key }) {
        builder.append(map, region: region, store: store)
      }
      return DiskTree(root: builder.finish(store: store), diskByteCount: diskByteCount)
    }

    func regions(of tree: DiskTree) throws -> [UInt64: ContentID] {
      var found: [UInt64: ContentID] = [:]
      var last: UInt64?
      try tree.forEachRegion(fetch: fetch) { region, map in
        if let last { #expect(region > last, "regions come in order") }
        last = region
        found[region] = map
      }
      return found
    }
  }

  @Test("regions tile a disk of any size", arguments: sizes.filter { $0 <= 64 << 30 })
  func regions(byteCount: UInt64) {
    var end: UInt64 = 0
    for region in 0..<Region.count(diskByteCount: byteCount) {
      let range = Region.range(region, diskByteCount: byteCount)
      #expect(range.lowerBound == end && !range.isEmpty && range.count <= 64 << 20)
      end = range.upperBound
    }
    #expect(end == byteCount)
  }

  @Test("a disk of zeros has the root of zeros and no nodes", arguments: sizes)
  func zeros(byteCount: UInt64) throws {
    let nodes = Nodes()
    let tree = nodes.build([:], diskByteCount: byteCount)
    #expect(tree.root == .zeros && nodes.bytes.isEmpty)
    #expect(try nodes.regions(of: tree).isEmpty)
  }

  @Test("a tree gives back the regions that it was built of", arguments: sizes.dropFirst())
  func roundTrip(byteCount: UInt64) throws {
    var random = Seed.ofThisRun.random
    let count = Region.count(diskByteCount: byteCount)
    var maps: [UInt64: ContentID] = [0: ContentID(digest(1))]
    maps[count - 1] = ContentID(digest(2))
    for _ in 0..<50 {
      maps[UInt64.random(in: 0..<count, using: &random)] = ContentID(digest(random.next()))
    }
    let nodes = Nodes()
    let tree = nodes.build(maps, diskByteCount: byteCount)
    #expect(try nodes.regions(of: tree) == maps, "\(Seed.ofThisRun)")
    let mostNodes = maps.count * DiskMap.levels(diskByteCount: byteCount)
    #expect(nodes.bytes.count <= mostNodes, "a tree costs what it holds")
  }

  @Test("levels grow by a factor of 1,024")
  func levels() {
    let region = Region.byteCount
    for (count, levels) in [(0, 1), (1, 1), (1024, 1), (1025, 2), (1 << 20, 2), ((1 << 20) + 1, 3)]
    {
      #expect(DiskMap.levels(diskByteCount: UInt64(count) * region) == levels, "\(count) regions")
    }
    #expect(DiskMap.regionsPerChild(level: 1) == 1 && DiskMap.regionsPerChild(level: 3) == 1 << 20)
  }

  @Test("equal disks have equal roots, and different ones have different roots")
  func roots() {
    var random = Seed.ofThisRun.random
    let byteCount: UInt64 = 1 << 40
    let count = Region.count(diskByteCount: byteCount)
    var maps: [UInt64: ContentID] = [:]
    for _ in 0..<30 {
      maps[UInt64.random(in: 0..<count, using: &random)] = ContentID(digest(random.next()))
    }
    let nodes = Nodes()
    let root = nodes.build(maps, diskByteCount: byteCount).root
    #expect(nodes.build(maps, diskByteCount: byteCount).root == root)
    for region in maps.keys {
      var changed = maps
      changed[region] = ContentID(digest(random.next()))
      #expect(nodes.build(changed, diskByteCount: byteCount).root != root, "\(Seed.ofThisRun)")
      changed[region] = nil
      #expect(nodes.build(changed, diskByteCount: byteCount).root != root, "\(Seed.ofThisRun)")
      let other = (0..<count).first { maps[$0] == nil }!
      changed[other] = maps[region]
      #expect(nodes.build(changed, diskByteCount: byteCount).root != root, "\(Seed.ofThisRun)")
    }
  }

  @Test("what is not entered is not fetched")
  func skipping() throws {
    let nodes = Nodes()
    let maps: [UInt64: ContentID] = [0: ContentID(digest(1)), 5000: ContentID(digest(2))]
    let tree = nodes.build(maps, diskByteCount: 10 << 40)
    nodes.fetchCount = 0
    var visited = 0
    func visit(except skipped: ContentID?) throws {
      try tree.forEachRegion(
        fetch: nodes.fetch, enter: { $0 != skipped }, visit: { _, _ in visited += 1 })
    }
    try visit(except: tree.root)
    #expect(nodes.fetchCount == 0 && visited == 0)
    try visit(except: maps[0])
    #expect(visited == 1)
  }

  @Test("two disks differ in the regions whose maps do, and equal parts are not fetched")
  func difference() throws {
    var random = Seed.ofThisRun.random
    let byteCount: UInt64 = 3 << 40
    let count = Region.count(diskByteCount: byteCount)
    let nodes = Nodes()
    var maps: [UInt64: ContentID] = [:]
    for _ in 0..<40 {
      let start = UInt64.random(in: 0..<count, using: &random)
      for region in start..<min(count, start + 3) {
        maps[region] = ContentID(digest(random.next()))
      }
    }
    for changes in [0, 1, 3, 40] {
      var others = maps
      var regions = Set<UInt64>()
      for _ in 0..<changes {
        let region =
          random.below(2) == 0
          ? UInt64.random(in: 0..<count, using: &random) : maps.keys.sorted()[random.below(40)]
        others[region] = random.below(3) == 0 ? nil : ContentID(digest(random.next()))
        regions.insert(region)
      }
      let (a, b) = (
        nodes.build(maps, diskByteCount: byteCount), nodes.build(others, diskByteCount: byteCount)
      )
      var found: [UInt64] = []
      nodes.fetchCount = 0
      try a.forEachDifference(from: b, fetch: nodes.fetch, fetchOther: nodes.fetch) {
        region, map, other in
        found.append(region)
        #expect(map == maps[region] ?? .zeros && other == others[region] ?? .zeros)
      }
      let expected = regions.filter { maps[$0] != others[$0] }.sorted()
      #expect(found == expected, "\(Seed.ofThisRun)")
      #expect(nodes.fetchCount <= changes * 2 * DiskMap.levels(diskByteCount: byteCount))
    }
  }

  @Test("a difference that lies beyond the disk's end is refused")
  func differenceBeyond() {
    let nodes = Nodes()
    let tree = nodes.build([5: ContentID(digest(1))], diskByteCount: 6 << 26)
    let short = DiskTree(root: tree.root, diskByteCount: 5 << 26)
    let empty = DiskTree(root: .zeros, diskByteCount: 5 << 26)
    for (a, b) in [(short, empty), (empty, short)] {
      #expect(throws: MapDamage.self) {
        try a.forEachDifference(from: b, fetch: nodes.fetch, fetchOther: nodes.fetch) { _, _, _ in }
      }
    }
  }

  @Test("a tree that reaches beyond the disk's end is refused")
  func beyond() {
    let nodes = Nodes()
    let tree = nodes.build([5: ContentID(digest(1))], diskByteCount: 6 << 26)
    let short = DiskTree(root: tree.root, diskByteCount: 5 << 26)
    #expect(throws: MapDamage.self) { try nodes.regions(of: short) }
  }
}
