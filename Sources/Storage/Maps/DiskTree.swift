package import Hashing

/// Builds a disk's tree from its region maps, which come in order.
///
/// Regions that are left out hold zeros, so a disk of many TiB costs only what it holds.
package struct DiskTreeBuilder {
  private let levels: Int
  /// The node under construction at each level, and its number among the nodes of that level.
  private var open: [(node: DiskMap, number: UInt64)?]

  package init(diskByteCount: UInt64) {
    levels = DiskMap.levels(diskByteCount: diskByteCount)
    open = Array(repeating: nil, count: levels)
  }

  /// - Parameter store: keeps the bytes of a finished node and gives its id.
  package mutating func append(
    _ map: ContentID, region: UInt64, store: ([UInt8]) throws -> ContentID
  ) rethrows {
    try append(map, place: region, level: 1, store: store)
  }

  /// Closes what is open and gives the root; ``ContentID/zeros`` for a disk of zeros.
  package mutating func finish(store: ([UInt8]) throws -> ContentID) rethrows -> ContentID {
    for level in 1..<levels { try close(level, store: store) }
    guard let root = open[levels - 1] else { return .zeros }
    return try store(root.node.encoded())
  }

  private mutating func append(
    _ child: ContentID, place: UInt64, level: Int, store: ([UInt8]) throws -> ContentID
  ) rethrows {
    let number = place / UInt64(DiskMap.childCount)
    if let current = open[level - 1], current.number != number { try close(level, store: store) }
    var (node, _) = open[level - 1] ?? (DiskMap(level: level), number)
    node.set(child, at: Int(place % UInt64(DiskMap.childCount)))
    open[level - 1] = (node, number)
  }

  private mutating func close(_ level: Int, store: ([UInt8]) throws -> ContentID) rethrows {
    guard let (node, number) = open[level - 1] else { return }
    open[level - 1] = nil
    try append(try store(node.encoded()), place: number, level: level + 1, store: store)
  }
}

/// A disk's tree, as a recovery point names it.
package struct DiskTree: Sendable, Equatable {
  package let root: ContentID
  package let diskByteCount: UInt64

  package init(root: ContentID, diskByteCount: UInt64) {
    self.root = root
    self.diskByteCount = diskByteCount
  }

  /// Calls `visit` for every region that holds something, in order.
  ///
  /// - Parameters:
  ///   - fetch: the bytes of a map.
  ///   - enter: asked before each map is fetched; false skips it and all below it.
  package func forEachRegion(
    fetch: (ContentID) throws -> [UInt8], enter: (ContentID) throws -> Bool = { _ in true },
    visit: (_ region: UInt64, _ map: ContentID) throws -> Void
  ) throws {
    let levels = DiskMap.levels(diskByteCount: diskByteCount)
    let regions = Region.count(diskByteCount: diskByteCount)
    func walk(_ id: ContentID, level: Int, first: UInt64) throws {
      guard id != .zeros, try enter(id) else { return }
      if level == 0 { return try visit(first, id) }
      let bytes = try fetch(id)
      let node = try DiskMap(decoding: bytes.span.bytes, level: level)
      for (place, child) in node.children.enumerated() where child != .zeros {
        let start = first + UInt64(place) * DiskMap.regionsPerChild(level: level)
        guard start < regions else { throw MapDamage(reason: "it reaches beyond the disk's end") }
        try walk(child, level: level - 1, first: start)
      }
    }
    if regions > 0 { try walk(root, level: levels, first: 0) }
  }
}
