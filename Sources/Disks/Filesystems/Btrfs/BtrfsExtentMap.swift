internal import Bytes

/// A part of a file, and all that is known of where it lies.
struct BtrfsWindow: Sendable {
  /// The bytes of the file that it tells of. What is in no extent is a hole.
  let range: Range<UInt64>
  /// Ascending.
  let extents: [BtrfsExtent]

  /// The extent that holds a byte of the file, or the hole around it.
  func piece(at offset: UInt64) -> (end: UInt64, extent: BtrfsExtent?) {
    let number = extents.firstIndex(fromWhereOn: { $0.end > offset })
    guard number < extents.count else { return (range.upperBound, nil) }
    let extent = extents[number]
    return extent.start <= offset ? (extent.end, extent) : (extent.start, nil)
  }
}

extension BtrfsVolume {
  private static let windowExtentLimit = 256

  /// Where a part of a file from the extent around `offset` on lies.
  func window(of inode: UInt64, in tree: BtrfsTree, around offset: UInt64) throws -> BtrfsWindow {
    let first = BtrfsKey(inode, .extentData, 0)
    let before = try lastItem(
      from: first, through: BtrfsKey(inode, .extentData, offset), in: tree)
    let start = before?.key.offset ?? 0
    var extents: [BtrfsExtent] = []
    var end = UInt64(Int64.max)
    try forEachItem(
      from: BtrfsKey(inode, .extentData, start),
      through: BtrfsKey(inode, .extentData, .max), in: tree
    ) { key, data in
      if extents.count == Self.windowExtentLimit {
        end = key.offset
        return false
      }
      let extent = try BtrfsExtent(
        data, of: key, sector: UInt64(superblock.sectorByteCount))
      if let last = extents.last, last.end > extent.start {
        throw damagedBtrfs("inode \(inode)", "two of its extents overlap at \(extent.start)")
      }
      extents.append(extent)
      return true
    }
    return BtrfsWindow(range: start..<max(end, extents.last?.end ?? 0), extents: extents)
  }
}
