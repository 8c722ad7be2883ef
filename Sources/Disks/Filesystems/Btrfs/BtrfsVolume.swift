internal import BlockDevices
internal import Bytes
internal import Synchronization

/// A file system's devices and its trees: what all structures are read from.
final class BtrfsVolume: Sendable {
  let superblock: BtrfsSuperblock
  let storage: BtrfsStorage
  private let recent = Mutex(RecentNodes())
  private let roots = Mutex<[UInt64: BtrfsTree]>([:])

  /// What was replayed of logs, by the tree; read only when that is done.
  let replayed: BtrfsReplayedLogs

  private static let nodeMemoryByteCount = 32 << 20

  /// Two generations, as in ``BlockCache``.
  private struct RecentNodes {
    var young: [UInt64: BtrfsNode] = [:]
    var old: [UInt64: BtrfsNode] = [:]
  }

  init(
    _ superblock: BtrfsSuperblock, _ storage: BtrfsStorage,
    replayed: BtrfsReplayedLogs = BtrfsReplayedLogs()
  ) {
    self.superblock = superblock
    self.storage = storage
    self.replayed = replayed
  }

  /// A node that is what `pointer` says, of any copy.
  func node(_ pointer: BtrfsPointer, in tree: UInt64) throws -> BtrfsNode {
    if let known = recent.withLock({ $0.young[pointer.logical] ?? $0.old[pointer.logical] }),
      known.pointer == pointer
    {
      remember(known)
      return known
    }
    guard pointer.logical % UInt64(superblock.sectorByteCount) == 0 else {
      throw damagedBtrfs("tree \(tree)", block: pointer.logical, "no node can be there")
    }
    let bytes = try storage.bytes(
      at: pointer.logical, count: superblock.nodeByteCount, of: "a node of tree \(tree)"
    ) { try BtrfsNode.complaint($0, pointer, superblock, storage.devices.nodeUUIDs) }
    let node = try BtrfsNode(bytes, pointer)
    remember(node)
    return node
  }

  private func remember(_ node: BtrfsNode) {
    let limit = max(2, Self.nodeMemoryByteCount / superblock.nodeByteCount / 2)
    recent.withLock { recent in
      if recent.young[node.pointer.logical]?.pointer == node.pointer { return }
      if recent.young.count >= limit {
        recent.old = recent.young
        recent.young = [:]
      }
      recent.young[node.pointer.logical] = node
    }
  }

  // MARK: trees

  var chunkTree: BtrfsTree { BtrfsTree(BtrfsObject.chunkTree, superblock.chunkRoot) }
  var rootTree: BtrfsTree { BtrfsTree(BtrfsObject.rootTree, superblock.root) }

  /// The tree of that number, with what was replayed of its log.
  ///
  /// - Throws: ``FileSystemError`` where there is none.
  func tree(_ id: UInt64) throws -> BtrfsTree {
    if let known = replayed.trees[id] ?? roots.withLock({ $0[id] }) { return known }
    guard let root = try rootItem(of: id) else {
      throw damagedBtrfs("tree \(id)", "there is no such tree")
    }
    let tree = BtrfsTree(id, root.pointer)
    roots.withLock { roots in
      if roots.count >= 1 << 12 { roots.removeAll() }
      roots[id] = tree
    }
    return tree
  }
}

/// What the logs of a file system made of its trees.
struct BtrfsReplayedLogs: Sendable {
  var trees: [UInt64: BtrfsTree] = [:]
  /// Checksums of extents that logs brought, by where the extent begins.
  var checksums: [UInt64: [Checksums]] = [:]

  struct Checksums: Sendable {
    let range: Range<UInt64>
    /// The log tree that has them.
    let tree: BtrfsTree
  }
}
