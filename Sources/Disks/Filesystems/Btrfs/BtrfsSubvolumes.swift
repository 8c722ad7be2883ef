internal import Bytes

/// The root of a tree (btrfs_tree.h, `struct btrfs_root_item`).
///
///     inode:160, generation:u64, directory:u64, logical:u64, … (0xD8) references:u32, …
///     (0xEE) level:u8, … (0x147) changed:12, …
struct BtrfsRootItem {
  /// Without the fields that came later.
  private static let shortByteCount = 239

  let pointer: BtrfsPointer
  /// When something in it changed last; nil where that was not kept.
  let changed: FileTime?

  init(_ bytes: RawSpan, of tree: UInt64) throws {
    guard bytes.byteCount >= Self.shortByteCount else {
      throw damagedBtrfs("the root of tree \(tree)", "its item has \(bytes.byteCount) bytes")
    }
    pointer = BtrfsPointer(
      logical: try bytes.littleEndian(at: 176), generation: try bytes.littleEndian(at: 160),
      level: try bytes.littleEndian(at: 238))
    changed = bytes.byteCount >= 0x153 ? try btrfsTime(bytes, at: 0x147) : nil
  }
}

/// Subvolumes: trees of files, which stand in one another's directories.
extension BtrfsVolume {
  /// Nil where there is no such tree.
  func rootItem(of tree: UInt64) throws -> BtrfsRootItem? {
    // The offset is the generation in which a snapshot was made.
    let found = try lastItem(
      from: BtrfsKey(tree, .root, 0), through: BtrfsKey(tree, .root, .max), in: rootTree)
    return try found.map { try BtrfsRootItem($0.data.span.bytes, of: tree) }
  }

  /// The subvolume that is mounted when none is named.
  func defaultSubvolume() throws -> UInt64 {
    let found = try namedItem(
      Array("default".utf8), in: BtrfsObject.rootTreeDirectory, of: rootTree)
    guard let found, found.location.type == .root else { return BtrfsObject.topLevelSubvolume }
    return found.location.object
  }

  /// Whether an entry of a directory leads to that subvolume: the tree of roots says so too.
  ///
  ///     reference := directory:u64, sequence:u64, nameByteCount:u16, name
  func isSubvolume(_ id: UInt64, named name: [UInt8], in directory: ItemID) throws -> Bool {
    guard BtrfsObject.isSubvolume(id),
      let bytes = try item(BtrfsKey(directory.tree, .rootReference, id), in: rootTree)
    else { return false }
    let reference = try BtrfsRootReference(bytes.span.bytes, of: id)
    guard reference.directory == directory.number, reference.name == name else { return false }
    return try rootItem(of: id) != nil
  }

  /// All subvolumes but the one at the top, in the order in which they were made, with the paths at
  /// which they stand below that one. Those that stand nowhere are left out.
  func subvolumes() throws -> [BtrfsSubvolume] {
    var parents: [UInt64: (tree: UInt64, reference: BtrfsRootReference)] = [:]
    var order: [UInt64] = []
    try forEachItem(
      from: BtrfsKey(BtrfsObject.firstFree, .rootBackReference, 0),
      through: BtrfsKey(BtrfsObject.lastFree, .rootBackReference, .max), in: rootTree
    ) { key, data in
      guard key.type == .rootBackReference else { return true }
      if parents[key.object] == nil { order.append(key.object) }
      parents[key.object] = (key.offset, try BtrfsRootReference(data, of: key.object))
      return order.count < Self.subvolumeLimit
    }
    // Nil of those whose path is not known yet, which a circle would ask for again.
    var paths: [UInt64: [FileName]?] = [BtrfsObject.topLevelSubvolume: []]
    func path(of id: UInt64, depth: Int) -> [FileName]? {
      if let known = paths[id] { return known }
      paths[id] = .some(nil)
      guard depth < Self.pathLimit, let (parent, reference) = parents[id],
        let upper = path(of: parent, depth: depth + 1),
        let lower = try? self.path(of: reference, in: parent),
        upper.count + lower.count <= Self.pathLimit
      else { return nil }
      paths[id] = upper + lower
      return upper + lower
    }
    return order.compactMap { id in
      path(of: id, depth: 0).map { BtrfsSubvolume(id: id, path: $0) }
    }
  }

  private static let subvolumeLimit = 1 << 14
  private static let pathLimit = 1 << 8

  /// The components between a subvolume and one that stands in it.
  private func path(of reference: BtrfsRootReference, in id: UInt64) throws -> [FileName] {
    let tree = try tree(id)
    var components = [FileName(reference.name)]
    var directory = reference.directory
    while directory != Self.subvolumeDirectory {
      guard components.count < Self.pathLimit,
        let found = try firstItem(
          from: BtrfsKey(directory, .inodeReference, 0),
          through: BtrfsKey(directory, .inodeReference, .max), in: tree),
        let name = try BtrfsReference.all(of: found).first
      else { throw damagedBtrfs("directory \(directory) of tree \(id)", "it has no name") }
      components.insert(FileName(name.name), at: 0)
      directory = name.directory
    }
    return components
  }
}

struct BtrfsSubvolume: Sendable {
  let id: UInt64
  /// From the subvolume at the top on.
  let path: [FileName]
}

/// Where a subvolume stands (`struct btrfs_root_ref`).
struct BtrfsRootReference {
  let directory: UInt64
  let name: [UInt8]

  init(_ bytes: RawSpan, of tree: UInt64) throws {
    guard bytes.byteCount >= 18 else {
      throw damagedBtrfs("the reference to tree \(tree)", "it ends too early")
    }
    directory = try bytes.littleEndian(at: 0)
    let count = Int(try bytes.littleEndian(at: 16, as: UInt16.self))
    guard count <= bytes.byteCount - 18 else {
      throw damagedBtrfs("the reference to tree \(tree)", "its name goes over its end")
    }
    name = Array(bytes.extracting(18..<18 + count))
  }
}
