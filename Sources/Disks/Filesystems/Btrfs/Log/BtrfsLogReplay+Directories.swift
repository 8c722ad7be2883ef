internal import Bytes

/// What a log says of directories: the ranges of their order that it knows all about, and the
/// entries in these.
///
///     range := end:u64      its key: the directory, 72, where it begins
extension BtrfsLogReplay {
  /// Takes away the entries that the log knows to be gone (`replay_dir_deletes`).
  ///
  /// - Parameter all: whether the whole directory is gone.
  func removeEntries(of directory: UInt64, all: Bool) throws {
    guard try hasInode(directory) else { return }
    var from: UInt64 = 0
    while let range = all ? from...UInt64.max : try loggedRange(of: directory, from: from) {
      try removeEntries(of: directory, in: range, all: all)
      guard range.upperBound < .max else { return }
      from = range.upperBound + 1
    }
  }

  private func removeEntries(
    of directory: UInt64, in range: ClosedRange<UInt64>, all: Bool
  ) throws {
    var next: UInt64? = range.lowerBound
    while let index = next {
      let found = try volume.firstItem(
        from: BtrfsKey(directory, .directoryIndex, index),
        through: BtrfsKey(directory, .directoryIndex, range.upperBound), in: tree)
      guard let found else { return }
      let names = try BtrfsNamedItem.all(
        in: found.data.span.bytes, of: "directory \(directory)")
      for named in names where named.location.type == .inode {
        if !all, try logHas(named, at: found.key) { continue }
        guard try hasInode(named.location.object) else { continue }
        uncounted.insert(named.location.object)
        try unlink(named.name, of: named.location.object, from: directory)
      }
      next = found.key.offset < range.upperBound ? found.key.offset + 1 : nil
    }
  }

  private func logHas(_ named: BtrfsNamedItem, at key: BtrfsKey) throws -> Bool {
    guard let bytes = try volume.item(key, in: log) else { return false }
    return try BtrfsNamedItem.all(in: bytes.span.bytes, of: "directory \(key.object)")
      .contains { $0.name == named.name }
  }

  /// The range that holds `from`, or the next one.
  private func loggedRange(
    of directory: UInt64, from: UInt64
  ) throws -> ClosedRange<UInt64>? {
    func range(_ item: BtrfsItem) throws -> ClosedRange<UInt64>? {
      let end: UInt64 = try item.data.span.bytes.littleEndian(at: 0)
      return end >= max(item.key.offset, from) ? max(item.key.offset, from)...end : nil
    }
    let before = try volume.lastItem(
      from: BtrfsKey(directory, .loggedIndexRange, 0),
      through: BtrfsKey(directory, .loggedIndexRange, from), in: log)
    if let found = try before.flatMap(range) { return found }
    var found: ClosedRange<UInt64>?
    try volume.forEachItem(
      from: BtrfsKey(directory, .loggedIndexRange, from),
      through: BtrfsKey(directory, .loggedIndexRange, .max), in: log
    ) { key, data in
      found = try range(BtrfsItem(key: key, data: Array(data)))
      return found == nil
    }
    return found
  }

  /// Adds an entry that a directory has won (`replay_one_name`).
  func replayEntry(_ item: BtrfsItem) throws {
    let directory = item.key.object
    let index = item.key.offset
    for named in try BtrfsNamedItem.all(in: item.data.span.bytes, of: "directory \(directory)") {
      guard try hasInode(directory) else {
        throw damagedBtrfs("the log of tree \(tree.id)", "directory \(directory) is missing")
      }
      let target = named.location.object
      let isThere = try named.location.type == .inode && hasInode(target)
      let byName = try volume.namedItem(named.name, in: directory, of: tree)
      let isRightByName = try settle(byName, with: named, in: directory, isThere)
      let byIndex = try indexItem(index, named: named.name, in: directory)
      let isRightByIndex = try settle(byIndex, with: named, in: directory, isThere)
      if isRightByName && isRightByIndex { continue }
      // It comes with the names of the inode.
      if try logHas(named.name, of: target, in: directory) { continue }
      guard isThere else { continue }
      let isNew = try link(
        named.name, to: target, in: directory, index: index, addingReference: true)
      if isNew, named.kind != BtrfsNamedItem.directoryKind { uncounted.insert(target) }
    }
  }

  /// Whether an entry is the one that is to be there; takes it away where it is not and where what
  /// the other one leads to exists.
  private func settle(
    _ found: BtrfsNamedItem?, with named: BtrfsNamedItem, in directory: UInt64, _ isThere: Bool
  ) throws -> Bool {
    guard let found else { return false }
    if found.location == named.location, found.kind == named.kind { return true }
    if isThere { try drop(found, from: directory) }
    return false
  }
}
