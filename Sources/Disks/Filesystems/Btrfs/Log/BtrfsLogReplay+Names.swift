internal import Bytes

/// The names of directories while a log is replayed. A name stands in three places: in its
/// directory by hash and by index, and with its inode.
extension BtrfsLogReplay {
  /// Takes a name away (`btrfs_unlink_inode`).
  func unlink(_ name: [UInt8], of number: UInt64, from directory: UInt64) throws {
    let hashKey = BtrfsKey(directory, .directoryItem, btrfsNameHash(name.span.bytes))
    let structure = "directory \(directory)"
    if let bytes = try item(hashKey) {
      let rest = try BtrfsNamedItem.all(in: bytes.span.bytes, of: structure)
        .filter { $0.name != name }
      tree.changes.set(hashKey, rest.isEmpty ? nil : rest.flatMap(\.encoded))
    }
    if let index = try removeReference(name, of: number, in: directory) {
      tree.changes.set(BtrfsKey(directory, .directoryIndex, index), nil)
    }
    try changeSize(of: directory, by: -2 * Int64(name.count))
  }

  /// Adds a name (`btrfs_add_link`).
  ///
  /// - Parameter addingReference: whether it is noted with the inode as well.
  /// - Returns: false where the directory has it already.
  func link(
    _ name: [UInt8], to number: UInt64, in directory: UInt64, index: UInt64,
    addingReference: Bool
  ) throws -> Bool {
    guard let inode = try inode(number) else { return false }
    if addingReference {
      guard try addReference(name, of: number, in: directory, index: index) else { return false }
    }
    let named = BtrfsNamedItem(
      location: BtrfsKey(number, .inode, 0), kind: inode.entryKind, name: name)
    let hashKey = BtrfsKey(directory, .directoryItem, btrfsNameHash(name.span.bytes))
    let stored = try item(hashKey) ?? []
    let others = try BtrfsNamedItem.all(in: stored.span.bytes, of: "directory \(directory)")
    tree.changes.set(BtrfsKey(directory, .directoryIndex, index), named.encoded)
    guard !others.contains(where: { $0.name == name }) else {
      if addingReference { _ = try removeReference(name, of: number, in: directory) }
      return false
    }
    tree.changes.set(hashKey, stored + named.encoded)
    try changeSize(of: directory, by: 2 * Int64(name.count))
    return true
  }

  /// Where the name stands in the order of the directory; nil where the inode does not have it.
  private func removeReference(
    _ name: [UInt8], of number: UInt64, in directory: UInt64
  ) throws -> UInt64? {
    for key in referenceKeys(name, of: number, in: directory) {
      guard let bytes = try item(key) else { continue }
      let all = try BtrfsReference.all(of: BtrfsItem(key: key, data: bytes))
      guard let found = all.first(where: { $0.directory == directory && $0.name == name }) else {
        continue
      }
      let rest = all.filter { $0 != found }
      tree.changes.set(key, rest.isEmpty ? nil : rest.flatMap { $0.encoded(as: key.type) })
      return found.index
    }
    return nil
  }

  private func addReference(
    _ name: [UInt8], of number: UInt64, in directory: UInt64, index: UInt64
  ) throws -> Bool {
    let reference = BtrfsReference(directory: directory, index: index, name: name)
    let keys = referenceKeys(name, of: number, in: directory)
    for key in keys {
      let stored = try item(key) ?? []
      let all = try BtrfsReference.all(of: BtrfsItem(key: key, data: stored))
      if all.contains(where: { $0.directory == directory && $0.name == name }) { return false }
      let longer = stored + reference.encoded(as: key.type)
      // An item has to fit into a leaf.
      let limit = volume.superblock.nodeByteCount - BtrfsNode.headerByteCount - 25
      guard longer.count <= limit || key == keys.last else { continue }
      tree.changes.set(key, longer)
      return true
    }
    return false
  }

  /// Where a name of an inode may stand.
  func referenceKeys(
    _ name: [UInt8], of number: UInt64, in directory: UInt64
  ) -> [BtrfsKey] {
    let hash = btrfsReferenceHash(name.span.bytes, in: directory)
    return [
      BtrfsKey(number, .inodeReference, directory),
      BtrfsKey(number, .inodeExtendedReference, hash),
    ]
  }

  /// Whether the log says that an inode has a name.
  func logHas(_ name: [UInt8], of number: UInt64, in directory: UInt64) throws -> Bool {
    return try referenceKeys(name, of: number, in: directory).contains { key in
      guard let bytes = try volume.item(key, in: log) else { return false }
      let all = try BtrfsReference.all(of: BtrfsItem(key: key, data: bytes))
      try countSteps(all.count)
      return all.contains { $0.directory == directory && $0.name == name }
    }
  }

  /// Takes an entry away whose name or place another one is to have.
  func drop(_ named: BtrfsNamedItem, from directory: UInt64) throws {
    guard named.location.type == .inode else { return }
    uncounted.insert(named.location.object)
    try unlink(named.name, of: named.location.object, from: directory)
  }

  /// The entry at a place in the order of a directory, where it has that name.
  func indexItem(
    _ index: UInt64, named name: [UInt8], in directory: UInt64
  ) throws -> BtrfsNamedItem? {
    guard let bytes = try item(BtrfsKey(directory, .directoryIndex, index)) else { return nil }
    return try BtrfsNamedItem.all(in: bytes.span.bytes, of: "directory \(directory)")
      .first { $0.name == name }
  }

  private func changeSize(of directory: UInt64, by difference: Int64) throws {
    let key = BtrfsKey(directory, .inode, 0)
    guard var bytes = try item(key) else { return }
    let size = try bytes.span.bytes.littleEndian(at: 16, as: Int64.self) &+ difference
    for place in 0..<8 { bytes[16 + place] = UInt8(truncatingIfNeeded: size >> (place * 8)) }
    tree.changes.set(key, bytes)
  }
}

extension BtrfsInode {
  /// The number that a directory's entry has for it (`BTRFS_FT_…`).
  fileprivate var entryKind: UInt8 {
    switch kind {
    case .regular: 1
    case .directory: 2
    case .characterDevice: 3
    case .blockDevice: 4
    case .pipe: 5
    case .socket: 6
    case .symbolicLink: 7
    case nil: 0
    }
  }
}
