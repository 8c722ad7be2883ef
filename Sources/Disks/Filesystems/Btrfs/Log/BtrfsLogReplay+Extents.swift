internal import Bytes

/// What a log says of the bytes of files.
extension BtrfsLogReplay {
  /// Puts an extent where others were (`replay_one_extent`).
  func replayExtent(_ logged: BtrfsItem) throws {
    let key = logged.key
    guard try hasInode(key.object) else {
      throw damagedBtrfs("the log of tree \(tree.id)", "inode \(key.object) is missing")
    }
    let sector = UInt64(volume.superblock.sectorByteCount)
    let extent = try BtrfsExtent(logged.data.span.bytes, of: key, sector: sector)
    let end = extent.kind == .inline ? (extent.end + sector - 1) / sector * sector : extent.end
    if try item(key) == logged.data { return }
    try dropExtents(of: key.object, key.offset..<end)
    if extent.kind == .zeros, extent.isHole(logged.data.span.bytes),
      volume.superblock.features.contains(.noHoles)
    {
      return
    }
    tree.changes.set(key, logged.data)
    guard case .data(let logical, let stored) = extent.kind else { return }
    let range =
      extent.compression == .none
      ? logical + extent.skipped..<logical + extent.skipped + extent.byteCount
      : logical..<logical + stored
    checksums[logical, default: []].append(
      BtrfsReplayedLogs.Checksums(range: range, tree: log))
  }

  /// Takes a range of a file out of its extents (`btrfs_drop_extents`).
  func dropExtents(of number: UInt64, _ range: Range<UInt64>) throws {
    guard !range.isEmpty else { return }
    let before = try volume.lastItem(
      from: BtrfsKey(number, .extentData, 0),
      through: BtrfsKey(number, .extentData, range.lowerBound), in: tree)
    let sector = UInt64(volume.superblock.sectorByteCount)
    var found: [(BtrfsItem, BtrfsExtent)] = []
    try volume.forEachItem(
      from: BtrfsKey(number, .extentData, before?.key.offset ?? range.lowerBound),
      through: BtrfsKey(number, .extentData, range.upperBound - 1), in: tree
    ) { key, data in
      let extent = try BtrfsExtent(data, of: key, sector: sector)
      if extent.end > range.lowerBound {
        try countSteps(1)
        found.append((BtrfsItem(key: key, data: Array(data)), extent))
      }
      return true
    }
    for (item, extent) in found {
      tree.changes.set(item.key, nil)
      // What is inline is a whole sector.
      guard extent.kind != .inline else { continue }
      if extent.start < range.lowerBound {
        var head = item.data
        head.putLittleEndian(range.lowerBound - extent.start, at: 45)
        tree.changes.set(item.key, head)
      }
      if extent.end > range.upperBound {
        var tail = item.data
        let cut = range.upperBound - extent.start
        if extent.kind != .zeros || !extent.isHole(item.data.span.bytes) {
          tail.putLittleEndian(extent.skipped + cut, at: 37)
        }
        tail.putLittleEndian(extent.end - range.upperBound, at: 45)
        tree.changes.set(BtrfsKey(number, .extentData, range.upperBound), tail)
      }
    }
  }
}

extension BtrfsExtent {
  /// Whether zeros are a hole and not set aside for the file.
  fileprivate func isHole(_ bytes: RawSpan) -> Bool {
    (try? bytes.littleEndian(at: 21, as: UInt64.self)) == 0
  }
}

extension [UInt8] {
  fileprivate mutating func putLittleEndian(_ value: UInt64, at place: Int) {
    for index in 0..<8 { self[place + index] = UInt8(truncatingIfNeeded: value >> (index * 8)) }
  }
}
