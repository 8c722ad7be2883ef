package import Hashing

extension DiskTree {
  /// Calls `visit` for every region in which two disks of one size differ, in order.
  ///
  /// What has the same name in both trees is the same, and is neither fetched nor entered, so the
  /// cost follows what differs and not the disks' size.
  ///
  /// - Parameters:
  ///   - fetch: the bytes of a map of this tree.
  ///   - fetchOther: the bytes of a map of the other.
  ///   - visit: gets the region's map in both; zeros where one holds nothing there.
  package func forEachDifference(
    from other: DiskTree, fetch: (ContentID) throws -> [UInt8],
    fetchOther: (ContentID) throws -> [UInt8],
    visit: (_ region: UInt64, _ map: ContentID, _ otherMap: ContentID) throws -> Void
  ) throws {
    precondition(diskByteCount == other.diskByteCount, "disks of one size")
    let regions = Region.count(diskByteCount: diskByteCount)
    func node(
      _ id: ContentID, level: Int, _ fetch: (ContentID) throws -> [UInt8]
    ) throws -> DiskMap {
      if id == .zeros { return DiskMap(level: level) }
      let bytes = try fetch(id)
      return try DiskMap(decoding: bytes.span.bytes, level: level)
    }
    func walk(_ id: ContentID, _ otherID: ContentID, level: Int, first: UInt64) throws {
      if id == otherID { return }
      if level == 0 { return try visit(first, id, otherID) }
      let (own, others) = (
        try node(id, level: level, fetch), try node(otherID, level: level, fetchOther)
      )
      for place in 0..<max(own.children.count, others.children.count) {
        let (child, otherChild) = (own.child(place), others.child(place))
        if child == otherChild { continue }
        let start = first + UInt64(place) * DiskMap.regionsPerChild(level: level)
        guard start < regions else { throw MapDamage(reason: "it reaches beyond the disk's end") }
        try walk(child, otherChild, level: level - 1, first: start)
      }
    }
    let levels = DiskMap.levels(diskByteCount: diskByteCount)
    if regions > 0 { try walk(root, other.root, level: levels, first: 0) }
  }
}
