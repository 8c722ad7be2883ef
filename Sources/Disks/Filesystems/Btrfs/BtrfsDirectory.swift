internal import Bytes

/// Names in directories: each stands in an item by its hash, and in another by its place in the
/// order in which they are told.
extension BtrfsVolume {
  /// The number of the directory that a subvolume begins with.
  static let subvolumeDirectory: UInt64 = 256
  /// Marks the number of an empty directory that stands where a subvolume would be. Below it are
  /// bits of the subvolume's number, which tell it from others, and the directory that it is in.
  private static let placeholder: UInt64 = 1 << 63
  private static let placeholderParentBits: UInt64 = 40

  func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    if Self.isPlaceholder(directory) { return }
    let tree = try tree(directory.tree)
    try requireDirectory(directory.number, in: tree)
    let structure = "directory \(directory.number) of tree \(tree.id)"
    try forEachItem(
      from: BtrfsKey(directory.number, .directoryIndex, 0),
      through: BtrfsKey(directory.number, .directoryIndex, .max), in: tree
    ) { _, data in
      for named in try BtrfsNamedItem.all(in: data, of: structure) {
        guard try visit(entry(named, in: directory)) else { return false }
      }
      return true
    }
  }

  func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    if Self.isPlaceholder(directory) { return nil }
    let tree = try tree(directory.tree)
    try requireDirectory(directory.number, in: tree)
    return try namedItem(name.bytes, in: directory.number, of: tree).map {
      try entry($0, in: directory)
    }
  }

  /// The entry of that name, found by its hash.
  func namedItem(
    _ name: [UInt8], in directory: UInt64, of tree: BtrfsTree
  ) throws -> BtrfsNamedItem? {
    let key = BtrfsKey(directory, .directoryItem, btrfsNameHash(name.span.bytes))
    guard let bytes = try item(key, in: tree) else { return nil }
    let structure = "directory \(directory) of tree \(tree.id)"
    return try BtrfsNamedItem.all(in: bytes.span.bytes, of: structure).first { $0.name == name }
  }

  private func requireDirectory(_ number: UInt64, in tree: BtrfsTree) throws {
    guard try inode(number, in: tree).kind == .directory else {
      throw FileSystemError(.wrongKind, in: "btrfs", "inode \(number)", "it is not a directory")
    }
  }

  /// What an entry leads to: an inode of the same tree, or the directory of a subvolume.
  private func entry(
    _ named: BtrfsNamedItem, in directory: ItemID
  ) throws -> DirectoryEntry {
    let name = FileName(named.name)
    let location = named.location
    switch location.type {
    case .inode:
      return DirectoryEntry(
        name: name, item: ItemID(location.object, tree: directory.tree),
        kind: FileKind(entryKind: named.kind))
    case .root:
      if try isSubvolume(location.object, named: named.name, in: directory) {
        let item = ItemID(Self.subvolumeDirectory, tree: location.object)
        return DirectoryEntry(name: name, item: item, kind: .directory)
      }
      let item = try placeholder(of: location.object, in: directory)
      return DirectoryEntry(name: name, item: item, kind: .directory)
    default:
      throw damagedBtrfs(
        "directory \(directory.number) of tree \(directory.tree)",
        "\(name) leads to an item of type \(location.type.rawValue)")
    }
  }

  // MARK: where a subvolume is not

  /// A snapshot holds the names of the subvolumes in what it was made of, but not these. Linux
  /// shows an empty directory there.
  static func isPlaceholder(_ item: ItemID) -> Bool { item.number & placeholder != 0 }

  private func placeholder(of subvolume: UInt64, in directory: ItemID) throws -> ItemID {
    guard directory.number >> Self.placeholderParentBits == 0 else {
      throw damagedBtrfs(
        "directory \(directory.number)", "its number is larger than any that is met")
    }
    let number = subvolume << Self.placeholderParentBits | directory.number
    return ItemID(Self.placeholder | number, tree: directory.tree)
  }

  /// What Linux shows of it; times are those of the directory that it is in.
  func attributes(ofPlaceholder item: ItemID) throws -> FileAttributes {
    let number = item.number & (1 << Self.placeholderParentBits - 1)
    let parent = try inode(number, in: tree(item.tree)).attributes()
    return FileAttributes(
      kind: .directory, permissions: 0o755, owner: parent.owner, group: parent.group,
      byteCount: 0, allocatedByteCount: 0, linkCount: 1, modified: parent.modified,
      accessed: parent.accessed, changed: parent.changed)
  }
}
