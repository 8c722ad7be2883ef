internal import Bytes

/// A tree as it is to be read: its root on the disk, and what a log changes of it.
struct BtrfsTree: Sendable {
  let id: UInt64
  let root: BtrfsPointer
  var changes = BtrfsItemChanges()

  init(_ id: UInt64, _ root: BtrfsPointer) {
    self.id = id
    self.root = root
  }
}

struct BtrfsItem {
  let key: BtrfsKey
  let data: [UInt8]
}

/// Looking for items.
extension BtrfsVolume {
  /// The data of an item; nil where there is none.
  func item(_ key: BtrfsKey, in tree: BtrfsTree) throws -> [UInt8]? {
    if let change = tree.changes.change(of: key) { return change }
    let (leaf, index, _) = try leaf(around: key, in: tree)
    guard let index, try leaf.key(index) == key else { return nil }
    return Array(try leaf.data(index))
  }

  /// The last item that is neither behind `upper` nor before `lower`.
  func lastItem(
    from lower: BtrfsKey, through upper: BtrfsKey, in tree: BtrfsTree
  ) throws -> BtrfsItem? {
    var upper = upper
    while upper >= lower {
      let (leaf, index, _) = try leaf(around: upper, in: tree)
      let stored = try index.map { try leaf.key($0) }
      let changed = tree.changes.last(notBehind: upper)
      if let changed, changed.key >= stored ?? changed.key {
        if let data = changed.item {
          return changed.key >= lower ? BtrfsItem(key: changed.key, data: data) : nil
        }
        guard let previous = changed.key.previous else { return nil }
        upper = previous
        continue
      }
      guard let index, let stored, stored >= lower else { return nil }
      return BtrfsItem(key: stored, data: Array(try leaf.data(index)))
    }
    return nil
  }

  /// The first item that is neither before `lower` nor behind `upper`.
  func firstItem(
    from lower: BtrfsKey, through upper: BtrfsKey, in tree: BtrfsTree
  ) throws -> BtrfsItem? {
    var found: BtrfsItem?
    try forEachItem(from: lower, through: upper, in: tree) { key, data in
      found = BtrfsItem(key: key, data: Array(data))
      return false
    }
    return found
  }

  /// Calls `visit` with each item from `lower` through `upper` in the order of their keys, until it
  /// returns false.
  ///
  /// Keys ascend whatever the disk says, so it ends.
  func forEachItem(
    from lower: BtrfsKey, through upper: BtrfsKey, in tree: BtrfsTree,
    _ visit: (BtrfsKey, RawSpan) throws -> Bool
  ) throws {
    guard !tree.changes.isEmpty else {
      return try forEachStoredItem(from: lower, through: upper, in: tree, visit)
    }
    // The next change to come; nil where there is none before `upper`.
    var change = tree.changes.first(notBefore: lower)
    var goesOn = true
    func visitChanges(before limit: BtrfsKey?) throws {
      while goesOn, let (key, item) = change, key <= upper, limit.map({ key < $0 }) ?? true {
        if let item { goesOn = try visit(key, item.span.bytes) }
        change = key.next.flatMap { tree.changes.first(notBefore: $0) }
      }
    }
    try forEachStoredItem(from: lower, through: upper, in: tree) { key, data in
      try visitChanges(before: key)
      // Where it was changed it comes with the changes.
      if goesOn, change?.key != key { goesOn = try visit(key, data) }
      return goesOn
    }
    try visitChanges(before: nil)
  }

  private func forEachStoredItem(
    from lower: BtrfsKey, through upper: BtrfsKey, in tree: BtrfsTree,
    _ visit: (BtrfsKey, RawSpan) throws -> Bool
  ) throws {
    var from = lower
    while from <= upper {
      let (leaf, before, end) = try leaf(around: from, in: tree)
      var index = before ?? 0
      while index < leaf.count {
        let key = try leaf.key(index)
        if key > upper { return }
        if key >= from {
          guard try visit(key, leaf.data(index)) else { return }
          guard let next = key.next else { return }
          from = next
        }
        index += 1
      }
      guard let end else { return }
      from = max(from, end)
    }
  }

  /// The leaf in which a key would stand.
  ///
  /// - Returns: the leaf, the place of the last key in it that is not behind `key`, and the key at
  ///   which the next leaf begins.
  private func leaf(
    around key: BtrfsKey, in tree: BtrfsTree
  ) throws -> (leaf: BtrfsNode, index: Int?, end: BtrfsKey?) {
    var end: BtrfsKey?
    var node = try node(tree.root, in: tree.id)
    // The level falls with each step.
    while !node.isLeaf {
      let index = try node.lastIndex(notBehind: key) ?? 0
      if index + 1 < node.count {
        let next = try node.key(index + 1)
        end = end.map { min($0, next) } ?? next
      }
      let first = try node.key(index)
      let child = try self.node(node.child(index), in: tree.id)
      guard try child.count > 0 && child.key(0) == first else {
        throw child.wrong("it does not begin with the key by which it was found")
      }
      node = child
    }
    return (node, try node.lastIndex(notBehind: key), end)
  }
}
