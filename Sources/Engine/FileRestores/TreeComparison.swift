internal import BlockDevices
package import Filesystems
package import Guests
internal import Volumes
internal import Workers

/// What differs between two machines' files, or between one machine's at two moments.
package struct TreeComparison {
  /// A tree, and where its file systems lie.
  package struct Side {
    package let tree: MountTree
    private let volumes: [ObjectIdentifier: any BlockDevice]

    package init(_ tree: MountTree, in guest: Guest) {
      self.tree = tree
      volumes = Dictionary(
        guest.openedFileSystems.compactMap { opened in
          opened.volume.device.map { (ObjectIdentifier(opened.fileSystem), $0) }
        }, uniquingKeysWith: { first, _ in first })
    }

    package func content(of place: MountTree.Place) throws -> ContentComparison.Side {
      ContentComparison.Side(
        try place.fileSystem.content(of: place.item),
        on: volumes[ObjectIdentifier(place.fileSystem)])
    }
  }

  package struct Difference: Sendable {
    package enum Kind: String, Sendable {
      case added, removed
      /// It is of another kind: a file where a directory was.
      case type
      /// Its bytes, or where a link points to.
      case content
      /// Only what is known of it besides its bytes.
      case metadata
    }

    package let path: GuestPath
    package let kind: Kind
    package let old: FileAttributes?
    package let new: FileAttributes?
    /// What of the metadata differs: "mode", "owner", "modified", "attributes", …
    package let details: [String]
  }

  /// Something that could not be compared.
  package private(set) var problems: [ItemProblem] = []
  private let old: Side
  private let new: Side
  private let content = ContentComparison()
  private let check: () throws -> Void

  /// Bytes of each side that had to be read to know.
  package var readByteCount: UInt64 { content.readByteCount }

  /// - Parameter check: called now and then; stops the work by throwing.
  package init(from old: Side, to new: Side, check: @escaping () throws -> Void) {
    self.old = old
    self.new = new
    self.check = check
  }

  /// Calls `visit` with each difference at or below a path, in the order of a walk.
  ///
  /// - Throws: ``PathError`` where neither side has the path; what `visit` and `check` throw.
  package mutating func run(
    at path: GuestPath, _ visit: (Difference) throws -> Void
  ) throws {
    let before = try place(path, in: old)
    let after = try place(path, in: new)
    switch (before, after) {
    case (nil, nil): throw PathError(.notFound, path)
    case (let before?, nil): try all(.removed, before, path, of: old, visit)
    case (nil, let after?): try all(.added, after, path, of: new, visit)
    case (let before?, let after?): try compare(before, after, path, visit)
    }
  }

  private func place(_ path: GuestPath, in side: Side) throws -> MountTree.Place? {
    do { return try side.tree.place(at: path, followingLast: false) } catch let error as PathError {
      if error.problem == .notFound || error.problem == .notADirectory { return nil }
      throw error
    }
  }

  // MARK: two that have one path

  private mutating func compare(
    _ before: MountTree.Place, _ after: MountTree.Place, _ path: GuestPath,
    _ visit: (Difference) throws -> Void
  ) throws {
    guard try compareItem(before, after, path, visit) else { return }
    var walks = (
      PeekableWalk(TreeWalk(old.tree, below: before, at: path)),
      PeekableWalk(TreeWalk(new.tree, below: after, at: path))
    )
    while true {
      try check()
      let left = nextItem(&walks.0)
      let right = nextItem(&walks.1)
      switch (left, right) {
      case (nil, nil): return
      case (let item?, nil):
        walks.0.advance()
        try one(.removed, item, visit)
      case (nil, let item?):
        walks.1.advance()
        try one(.added, item, visit)
      case (let a?, let b?):
        if a.path == b.path {
          walks.0.advance()
          walks.1.advance()
          if try !compareItem(a.place, b.place, a.path, visit) {
            // Of two kinds; what is below the one that is a directory is gone, or new.
            try below(&walks.0, a, .removed, visit)
            try below(&walks.1, b, .added, visit)
          }
        } else if a.path.components.lexicographicallyPrecedes(b.path.components) {
          walks.0.advance()
          try one(.removed, a, visit)
        } else {
          walks.1.advance()
          try one(.added, b, visit)
        }
      }
    }
  }

  /// Compares all but what is below.
  ///
  /// - Returns: whether what is below them can be compared: not where they are of two kinds.
  private mutating func compareItem(
    _ before: MountTree.Place, _ after: MountTree.Place, _ path: GuestPath,
    _ visit: (Difference) throws -> Void
  ) throws -> Bool {
    let found: Difference?
    do {
      let (a, b) = (try before.attributes(), try after.attributes())
      found = try difference(before, a, after, b).map { kind, details in
        Difference(path: path, kind: kind, old: a, new: b, details: details)
      }
    } catch let error as Cancelled {
      throw error
    } catch {
      problems.append(ItemProblem(path: path, reason: "\(error)"))
      return true
    }
    if let found { try visit(found) }
    return found?.kind != .type
  }

  private func difference(
    _ before: MountTree.Place, _ a: FileAttributes, _ after: MountTree.Place, _ b: FileAttributes
  ) throws -> (Difference.Kind, details: [String])? {
    if a.kind != b.kind { return (.type, []) }
    var details: [String] = []
    if a.permissions != b.permissions { details.append("mode") }
    if a.owner != b.owner { details.append("owner") }
    if a.group != b.group { details.append("group") }
    if a.device != b.device { details.append("device") }
    // A directory's time says only that something in it differs, which is told anyway.
    if a.kind != .directory, a.modified != b.modified { details.append("modified") }
    let attributes = [before, after].map { place in
      Result { try Set(place.fileSystem.extendedAttributes(of: place.item).map(\.identity)) }
    }
    if try attributes[0].get() != attributes[1].get() { details.append("attributes") }
    if try !haveEqualContent(before, after, a, b) { return (.content, details) }
    return details.isEmpty ? nil : (.metadata, details)
  }

  private func haveEqualContent(
    _ before: MountTree.Place, _ after: MountTree.Place, _ a: FileAttributes, _ b: FileAttributes
  ) throws -> Bool {
    switch a.kind {
    case .regular:
      if a.byteCount != b.byteCount { return false }
      return try content.areEqual(
        try old.content(of: before), try new.content(of: after), check: check)
    case .symbolicLink:
      return try before.fileSystem.target(ofSymbolicLink: before.item)
        == after.fileSystem.target(ofSymbolicLink: after.item)
    case .directory, .characterDevice, .blockDevice, .pipe, .socket: return true
    }
  }

  // MARK: what only one has

  private mutating func all(
    _ kind: Difference.Kind, _ place: MountTree.Place, _ path: GuestPath, of side: Side,
    _ visit: (Difference) throws -> Void
  ) throws {
    let attributes = try place.attributes()
    try visit(difference(kind, path, attributes))
    guard attributes.kind == .directory else { return }
    var walk = PeekableWalk(TreeWalk(side.tree, below: place, at: path))
    while let item = nextItem(&walk) {
      try check()
      walk.advance()
      try one(kind, item, visit)
    }
  }

  private mutating func below(
    _ walk: inout PeekableWalk, _ item: WalkedItem, _ kind: Difference.Kind,
    _ visit: (Difference) throws -> Void
  ) throws {
    let prefix = item.path.components
    while let next = nextItem(&walk), next.path.components.starts(with: prefix) {
      walk.advance()
      try one(kind, next, visit)
    }
  }

  private mutating func one(
    _ kind: Difference.Kind, _ item: WalkedItem, _ visit: (Difference) throws -> Void
  ) throws {
    let attributes: FileAttributes
    do { attributes = try item.attributes() } catch {
      return problems.append(ItemProblem(path: item.path, reason: "\(error)"))
    }
    try visit(difference(kind, item.path, attributes))
  }

  private func difference(
    _ kind: Difference.Kind, _ path: GuestPath, _ attributes: FileAttributes
  ) -> Difference {
    Difference(
      path: path, kind: kind, old: kind == .removed ? attributes : nil,
      new: kind == .added ? attributes : nil, details: [])
  }

  /// The item that comes next, which stays where it is; what is wrong before it is noted.
  private mutating func nextItem(_ walk: inout PeekableWalk) -> WalkedItem? {
    while let step = walk.peek() {
      switch step {
      case .item(let item): return item
      case .problem(let path, let error):
        problems.append(ItemProblem(path: path, reason: "\(error)"))
        walk.advance()
      }
    }
    return nil
  }
}

/// A walk whose next step can be looked at before it is taken.
private struct PeekableWalk {
  private var walk: TreeWalk
  private var ahead: TreeWalk.Step?

  init(_ walk: TreeWalk) { self.walk = walk }

  mutating func peek() -> TreeWalk.Step? {
    if ahead == nil { ahead = walk.next() }
    return ahead
  }

  mutating func advance() { ahead = nil }
}

extension ExtendedAttribute {
  fileprivate var identity: [[UInt8]] { [name.bytes, value] }
}
