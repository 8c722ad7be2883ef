package import Filesystems
package import Guests

/// What a restore will make, in the order of a walk: a directory comes before what is in it.
package struct RestorePlan: Sendable {
  package struct Item: Sendable {
    package let name: FileName
    /// The directory that it lies in, by its number in the plan; nil at the top.
    package let parent: Int?
    package let place: MountTree.Place
    package let kind: FileKind
    /// About how many bytes have to be read for its content.
    package let dataByteCount: UInt64
    /// A directory that is there only because of what was chosen below it.
    package let isOnTheWay: Bool
    /// The item, by its number, that this is another name of.
    package var linkTo: Int?

    /// Asked of the file system: a plan of millions of items does not keep them.
    package func attributes() throws -> FileAttributes { try place.attributes() }
  }

  package private(set) var items = PlanTable()
  /// What could not be listed, and so is left out.
  package private(set) var problems: [ItemProblem] = []

  private var firstNames: [PlaceIdentity: Int] = [:]
  private var directoriesOnTheWay: [GuestPath: Int] = [:]

  /// Looks at everything that is chosen; reads no file's bytes.
  ///
  /// - Parameters:
  ///   - exclusions: what is left out, with all below it.
  ///   - check: called now and then; stops the work by throwing.
  package init(
    _ selection: Selection, excluding exclusions: [PathPattern] = [], check: () throws -> Void
  ) throws {
    problems = selection.problems.map { ItemProblem(path: $0.path, reason: "\($0.error)") }
    for root in selection.roots {
      if exclusions.contains(where: { $0.matches(root.path) }) { continue }
      try add(root, of: selection.tree, exclusions, check)
    }
    firstNames = [:]
    directoriesOnTheWay = [:]
  }

  private mutating func add(
    _ root: Selection.Root, of tree: MountTree, _ exclusions: [PathPattern],
    _ check: () throws -> Void
  ) throws {
    var above: [Int] = []
    if let name = root.path.lastComponent {
      let parent = try directory(GuestPath(components: root.path.components.dropLast()), tree)
      let attributes = try root.place.attributes()
      above = [add(name, in: parent, root.place, attributes)]
      guard attributes.kind == .directory else { return }
    }
    // What is at the top of the machine's root has no directory above it in the plan.
    let skipped = above.isEmpty ? 1 : 0
    var walk = TreeWalk(tree, below: root.place, at: root.path)
    while let step = walk.next() {
      try check()
      switch step {
      case .problem(let path, let error):
        problems.append(ItemProblem(path: path, reason: "\(error)"))
      case .item(let item):
        if exclusions.contains(where: { $0.matches(item.path) }) {
          walk.skip()
          continue
        }
        let level = item.depth + 1 - skipped
        above.removeLast(above.count - level)
        do {
          let attributes = try item.attributes()
          above.append(add(item.path.lastComponent!, in: above.last, item.place, attributes))
        } catch {
          problems.append(ItemProblem(path: item.path, reason: "\(error)"))
          walk.skip()
        }
      }
    }
  }

  private mutating func add(
    _ name: FileName, in parent: Int?, _ place: MountTree.Place, _ attributes: FileAttributes,
    isOnTheWay: Bool = false
  ) -> Int {
    var item = Item(
      name: name, parent: parent, place: place, kind: attributes.kind,
      dataByteCount: attributes.dataByteCount, isOnTheWay: isOnTheWay, linkTo: nil)
    if attributes.kind != .directory, attributes.linkCount > 1 {
      let identity = PlaceIdentity(place)
      item.linkTo = firstNames[identity]
      if item.linkTo == nil { firstNames[identity] = items.count }
    }
    items.append(item)
    return items.count - 1
  }

  /// A directory above something that was chosen; nil for the machine's root.
  private mutating func directory(_ path: GuestPath, _ tree: MountTree) throws -> Int? {
    guard let name = path.lastComponent else { return nil }
    if let known = directoriesOnTheWay[path] { return known }
    let parent = try directory(GuestPath(components: path.components.dropLast()), tree)
    let place = try tree.place(at: path)
    let number = add(name, in: parent, place, try place.attributes(), isOnTheWay: true)
    directoriesOnTheWay[path] = number
    return number
  }

  /// The path of an item, as the machine has it.
  package func path(of number: Int) -> GuestPath {
    var names: [FileName] = []
    var next: Int? = number
    while let number = next {
      names.append(items[number].name)
      next = items.parent(of: number)
    }
    return GuestPath(components: names.reversed())
  }

  /// Bytes that its files hold, holes aside as far as that is known; at most 2^60.
  package var dataByteCount: UInt64 {
    let limit: UInt64 = 1 << 60
    return items.indices.reduce(0) { sum, number in
      min(limit, sum + min(limit, items.contentByteCount(of: number)))
    }
  }
}

/// Something that could not be restored, and why.
package struct ItemProblem: Sendable {
  package let path: GuestPath
  package let reason: String

  package init(path: GuestPath, reason: String) {
    self.path = path
    self.reason = reason
  }
}

extension FileAttributes {
  /// About how many bytes have to be read for the file's content.
  package var dataByteCount: UInt64 {
    // A small file may lie within its inode, with nothing set aside for it.
    byteCount <= 4096 ? byteCount : min(byteCount, allocatedByteCount)
  }
}

extension PathPattern {
  /// Whether it matches a path from the root.
  package func matches(_ path: GuestPath) -> Bool {
    let prefix = literalPrefix.components
    guard path.components.starts(with: prefix) else { return false }
    return match(path.components[prefix.count...]).isWhole
  }
}
