internal import Bytes

/// What was synced since the last commit: a tree of the roots of log trees, one for each subvolume,
/// in which items stand as they are to be in the subvolume (Linux, fs/btrfs/tree-log.c).
struct BtrfsLogs {
  private let volume: BtrfsVolume
  private let root: BtrfsTree

  init(_ root: BtrfsPointer, on volume: BtrfsVolume) {
    self.volume = volume
    self.root = BtrfsTree(BtrfsObject.logTree, root)
  }

  /// Memory for what logs change, in bytes of their items.
  private static let byteLimit = 128 << 20
  private static let logLimit = 1 << 16

  /// Puts all logs over their subvolumes.
  ///
  /// - Returns: the trees, and how many files and directories they tell of.
  func replay() throws -> (result: BtrfsReplayedLogs, fileCount: Int) {
    var result = BtrfsReplayedLogs()
    var fileCount = 0
    var byteCount = 0
    for (subvolume, log) in try logs() {
      // It was removed after its files were synced.
      guard BtrfsObject.isSubvolume(subvolume), let item = try volume.rootItem(of: subvolume) else {
        continue
      }
      let replay = BtrfsLogReplay(
        log, over: BtrfsTree(subvolume, item.pointer), on: volume,
        byteLimit: Self.byteLimit - byteCount)
      try replay.run()
      byteCount += replay.byteCount
      fileCount += replay.fileCount
      result.trees[subvolume] = replay.tree
      result.checksums.merge(replay.checksums) { $0 + $1 }
    }
    return (result, fileCount)
  }

  /// Log trees by their subvolumes.
  private func logs() throws -> [(subvolume: UInt64, log: BtrfsTree)] {
    var found: [(UInt64, BtrfsTree)] = []
    try volume.forEachItem(
      from: BtrfsKey(BtrfsObject.logTree, .root, 0),
      through: BtrfsKey(BtrfsObject.logTree, .root, .max), in: root
    ) { key, data in
      let item = try BtrfsRootItem(data, of: BtrfsObject.logTree)
      found.append((key.offset, BtrfsTree(BtrfsObject.logTree, item.pointer)))
      return found.count < Self.logLimit
    }
    return found
  }
}
