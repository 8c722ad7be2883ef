internal import Bytes

/// What a log says of the names of inodes.
extension BtrfsLogReplay {
  /// Makes the names that an item has, and takes away those that it no longer has
  /// (`add_inode_ref`).
  func replayReferences(_ logged: BtrfsItem) throws {
    let number = logged.key.object
    let references = try BtrfsReference.all(of: logged)
    // Not all directories of an inode are logged with it.
    guard let first = references.first, try hasInode(first.directory) else { return }
    guard try hasInode(number) else {
      throw damagedBtrfs("the log of tree \(tree.id)", "inode \(number) is missing")
    }
    let names = Set(references.map(\.path))
    for reference in references {
      guard try hasInode(reference.directory) else { continue }
      if try isInDirectory(reference, number) { continue }
      guard try makeRoom(for: reference, of: number, besides: names) else { return }
      _ = try link(
        reference.name, to: number, in: reference.directory, index: reference.index,
        addingReference: false)
    }
    if let old = try item(logged.key) {
      let before = try BtrfsReference.all(of: BtrfsItem(key: logged.key, data: old))
      for reference in before where !names.contains(reference.path) {
        try countSteps(before.count)
        try unlink(reference.name, of: number, from: reference.directory)
      }
    }
    tree.changes.set(logged.key, logged.data)
  }

  /// Whether a directory has the name in both its places, and for that inode.
  private func isInDirectory(_ reference: BtrfsReference, _ number: UInt64) throws -> Bool {
    let directory = reference.directory
    let places = [
      try indexItem(reference.index, named: reference.name, in: directory),
      try volume.namedItem(reference.name, in: directory, of: tree),
    ]
    return places.allSatisfy { $0?.location.object == number }
  }

  /// Takes away what is in the way of a name (`__add_inode_ref`).
  ///
  /// - Parameter names: those that the log's item has; they stay.
  /// - Returns: false where it is the name of the root, which nothing replaces.
  private func makeRoom(
    for reference: BtrfsReference, of number: UInt64, besides names: Set<BtrfsReference.Path>
  ) throws -> Bool {
    let directory = reference.directory
    for key in referenceKeys(reference.name, of: number, in: directory) {
      guard let bytes = try item(key) else { continue }
      if key.type == .inodeReference, number == directory { return false }
      let all = try BtrfsReference.all(of: BtrfsItem(key: key, data: bytes))
      try countSteps(all.count)
      for victim in all
      where victim.directory == directory && !names.contains(victim.path) {
        if try !logHas(victim.name, of: number, in: directory) {
          try unlink(victim.name, of: number, from: directory)
        }
      }
    }
    if let found = try indexItem(reference.index, named: reference.name, in: directory) {
      try drop(found, from: directory)
    }
    if let found = try volume.namedItem(reference.name, in: directory, of: tree) {
      try drop(found, from: directory)
    }
    return true
  }
}
