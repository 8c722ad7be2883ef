internal import Bytes

/// Replays one log over its subvolume, in the steps and by the rules of Linux, for they make up
/// what a log leaves out (fs/btrfs/tree-log.c, `replay_one_buffer`):
///
/// 1. inodes: their items, and the attributes and names that are gone;
/// 2. names that directories have won;
/// 3. attributes, names that inodes have won, and extents;
///
/// and then the links of all inodes whose names have changed are counted.
final class BtrfsLogReplay {
  let volume: BtrfsVolume
  let log: BtrfsTree
  /// The subvolume as it becomes.
  var tree: BtrfsTree
  var checksums: [UInt64: [BtrfsReplayedLogs.Checksums]] = [:]
  /// Inodes whose links are to be counted.
  var uncounted: Set<UInt64> = []
  private(set) var fileCount = 0
  private(set) var byteCount = 0
  private var stepCount = 0
  private let byteLimit: Int

  init(_ log: BtrfsTree, over tree: BtrfsTree, on volume: BtrfsVolume, byteLimit: Int) {
    self.log = log
    self.tree = tree
    self.volume = volume
    self.byteLimit = byteLimit
  }

  private enum Stage { case inodes, directories, rest }

  func run() throws {
    try run(.inodes)
    try run(.directories)
    try run(.rest)
    try countLinks()
  }

  private func run(_ stage: Stage) throws {
    var isIgnored = false
    try volume.forEachItem(
      from: BtrfsKey(0, BtrfsItemType(rawValue: 0), 0), through: BtrfsKey(.max, .chunk, .max),
      in: log
    ) { key, data in
      if key.type == .inode {
        // A file that never had a name is gone.
        isIgnored = try BtrfsInode(key.object, Array(data)).linkCount == 0
        if stage == .inodes, !isIgnored {
          try count(data.byteCount)
          fileCount += 1
          try replayInode(key, Array(data))
        }
      }
      if isIgnored { return true }
      let item = BtrfsItem(key: key, data: Array(data))
      switch (stage, key.type) {
      case (.directories, .directoryIndex):
        try count(data.byteCount)
        try replayEntry(item)
      case (.rest, .extendedAttribute):
        try count(data.byteCount)
        tree.changes.set(key, item.data)
      case (.rest, .inodeReference), (.rest, .inodeExtendedReference):
        try count(data.byteCount)
        try replayReferences(item)
      case (.rest, .extentData):
        try count(data.byteCount)
        try replayExtent(item)
      default: break
      }
      return true
    }
  }

  private func count(_ bytes: Int) throws {
    // With what an item costs in memory besides its bytes.
    byteCount += bytes + 64
    guard byteCount <= byteLimit else {
      throw damagedBtrfs("the log of tree \(tree.id)", "it is larger than what is replayed here")
    }
  }

  /// Some steps look at all names of an inode for each of them, or at all that an extent hides;
  /// there are as many as the log's size may account for.
  func countSteps(_ count: Int) throws {
    stepCount += count
    guard stepCount <= 1 << 20 + byteCount / 8 else {
      throw damagedBtrfs("the log of tree \(tree.id)", "it takes too many steps to replay")
    }
  }

  // MARK: the subvolume

  func item(_ key: BtrfsKey) throws -> [UInt8]? { try volume.item(key, in: tree) }

  func inode(_ number: UInt64) throws -> BtrfsInode? {
    try item(BtrfsKey(number, .inode, 0)).map { try BtrfsInode(number, $0) }
  }

  func hasInode(_ number: UInt64) throws -> Bool { try inode(number) != nil }

  // MARK: inodes

  private func replayInode(_ key: BtrfsKey, _ logged: [UInt8]) throws {
    let inode = try BtrfsInode(key.object, logged)
    try removeAttributes(of: key.object)
    if inode.kind == .directory { try removeEntries(of: key.object, all: false) }
    tree.changes.set(key, try merged(logged, into: item(key), key.object))
    // Linux drops the extents behind a file's new end as well, where nobody reads them.
    uncounted.insert(key.object)
  }

  /// An inode's item as it becomes (`overwrite_item`). One that was logged only so that it exists
  /// has no generation, and changes nothing but the size of a file. The size of a directory follows
  /// from its names.
  private func merged(_ logged: [UInt8], into old: [UInt8]?, _ number: UInt64) throws -> [UInt8] {
    var result = logged
    let noSize = [UInt8](repeating: 0, count: 8)
    let new = try BtrfsInode(number, logged)
    guard let old else {
      if new.kind == .directory { result.replaceSubrange(16..<24, with: noSize) }
      return result
    }
    let before = try BtrfsInode(number, old)
    guard try logged.span.bytes.littleEndian(at: 0, as: UInt64.self) != 0 else {
      result = old
      if new.kind == .regular, before.kind == .regular, new.byteCount != 0 {
        result.replaceSubrange(16..<24, with: logged[16..<24])
      }
      return result
    }
    if new.kind == .directory {
      if before.kind == .directory {
        result.replaceSubrange(16..<24, with: old[16..<24])
      } else {
        result.replaceSubrange(16..<24, with: noSize)
      }
    }
    return result
  }

  /// Takes away the attributes that the log does not have.
  private func removeAttributes(of number: UInt64) throws {
    var kept: [(BtrfsKey, [UInt8]?)] = []
    try volume.forEachItem(
      from: BtrfsKey(number, .extendedAttribute, 0),
      through: BtrfsKey(number, .extendedAttribute, .max), in: tree
    ) { key, data in
      let logged = try volume.item(key, in: log) ?? []
      let structure = "the attributes of inode \(number)"
      let names = Set(try BtrfsNamedItem.all(in: logged.span.bytes, of: structure).map(\.name))
      let all = try BtrfsNamedItem.all(in: data, of: structure)
      let rest = all.filter { names.contains($0.name) }
      if rest != all {
        kept.append((key, rest.isEmpty ? nil : rest.flatMap(\.encoded)))
      }
      return true
    }
    for (key, item) in kept { tree.changes.set(key, item) }
  }

  /// Sets how many links those inodes have whose names have changed (`fixup_inode_link_counts`).
  private func countLinks() throws {
    while let number = uncounted.popFirst() {
      let key = BtrfsKey(number, .inode, 0)
      guard var bytes = try item(key) else { continue }
      var count: UInt32 = 0
      try volume.forEachItem(
        from: BtrfsKey(number, .inodeReference, 0),
        through: BtrfsKey(number, .inodeExtendedReference, .max), in: tree
      ) { key, data in
        if key.type == .inodeReference || key.type == .inodeExtendedReference {
          let names = try BtrfsReference.all(of: BtrfsItem(key: key, data: Array(data)))
          count += UInt32(names.count)
        }
        return true
      }
      for place in 0..<4 { bytes[40 + place] = UInt8(truncatingIfNeeded: count >> (place * 8)) }
      tree.changes.set(key, bytes)
      if count == 0, try BtrfsInode(number, bytes).kind == .directory {
        try removeEntries(of: number, all: true)
      }
    }
  }
}
