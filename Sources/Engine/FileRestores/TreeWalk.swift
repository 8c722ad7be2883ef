package import Filesystems
package import Guests

/// Something that a walk came to.
package struct WalkedItem: Sendable {
  package let path: GuestPath
  package let place: MountTree.Place
  /// How many directories of the walk lie above it.
  package let depth: Int
  /// Whether something is mounted there, so that it may be seen in another place as well.
  package let isMounted: Bool
  /// What its directory says that it is, where that is known.
  private let kindInDirectory: FileKind?

  init(path: GuestPath, place: MountTree.Place, depth: Int, isMounted: Bool, kind: FileKind?) {
    self.path = path
    self.place = place
    self.depth = depth
    self.isMounted = isMounted
    kindInDirectory = kind
  }

  package func attributes() throws -> FileAttributes { try place.attributes() }

  /// What it is; costs nothing where its directory says it.
  package func kind() throws -> FileKind { try kindInDirectory ?? attributes().kind }
}

/// Goes through a tree from the top down, a directory's names in the order of their bytes.
///
/// A disk that is damaged cannot make it go on without end: a directory is entered once, and no
/// deeper than ``depthLimit``. It keeps the names of the directories that it is in.
package struct TreeWalk {
  package enum Step: Sendable {
    case item(WalkedItem)
    /// A directory of which nothing, or no more, can be listed; or a name that cannot be right.
    case problem(GuestPath, any Error)
  }

  /// Deeper than any path that a system can name.
  static let depthLimit = 2_048
  /// More than a directory of any system has had.
  static let entryLimit = 20_000_000

  private struct Level {
    let path: GuestPath
    let place: MountTree.Place
    /// What is left, the next one last.
    var entries: [DirectoryEntry]
  }

  private let tree: MountTree
  private let start: GuestPath
  private var levels: [Level] = []
  /// The directory that was given last, which is entered next.
  private var ahead: (place: MountTree.Place, path: GuestPath, isMounted: Bool)?
  /// Directories that were entered, and whether as something that is mounted.
  private var visited: [PlaceIdentity: Bool] = [:]

  /// - Parameter start: the directory of which everything is visited, itself not.
  package init(_ tree: MountTree, below start: MountTree.Place, at path: GuestPath) {
    self.tree = tree
    self.start = path
    ahead = (start, path, false)
  }

  /// The next item; nil at the end. A directory's content follows, unless ``skip()`` is called.
  package mutating func next() -> Step? {
    if let (place, path, isMounted) = ahead {
      ahead = nil
      if let problem = enter(place, path, isMounted) { return .problem(path, problem) }
    }
    while !levels.isEmpty {
      guard let entry = levels[levels.count - 1].entries.popLast() else {
        levels.removeLast()
        continue
      }
      return step(to: entry)
    }
    return nil
  }

  /// Leaves out what lies below the directory that ``next()`` gave just now.
  package mutating func skip() { ahead = nil }

  private mutating func step(to entry: DirectoryEntry) -> Step {
    let level = levels[levels.count - 1]
    let path = level.path.appending(entry.name)
    if let problem = problem(with: entry, in: level) { return .problem(path, problem) }
    let place = tree.place(of: entry, in: level.place)
    let isMounted =
      place.fileSystem !== level.place.fileSystem || place.item != entry.item
    let item = WalkedItem(
      path: path, place: place, depth: levels.count - 1, isMounted: isMounted,
      kind: isMounted ? nil : entry.kind)
    // What is shown in a second place is taken in its first one, where the walk comes to that.
    let origin = isMounted ? tree.origin(of: entry, in: level.place) : nil
    let isElsewhere = origin.map { $0.components.starts(with: start.components) } ?? false
    do {
      if try item.kind() == .directory, !isElsewhere { ahead = (place, path, isMounted) }
    } catch { return .problem(path, error) }
    return .item(item)
  }

  private func problem(with entry: DirectoryEntry, in level: Level) -> WalkError? {
    let name = entry.name.bytes
    let isName =
      !name.isEmpty && entry.name != "." && entry.name != ".."
      && !name.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
    if !isName { return .notAName }
    // Names come sorted, so the next one is the same where the directory has it twice.
    return level.entries.last?.name == entry.name ? .twice : nil
  }

  /// - Returns: why its names, or all of them, cannot be had.
  private mutating func enter(
    _ place: MountTree.Place, _ path: GuestPath, _ isMounted: Bool
  ) -> (any Error)? {
    let key = PlaceIdentity(place)
    if let wasMounted = visited[key] {
      // A machine may well show a directory in two places, and has it once.
      return isMounted || wasMounted ? nil : WalkError.enteredBefore
    }
    visited[key] = isMounted
    var entries: [DirectoryEntry] = []
    var problem: (any Error)?
    if path.components.count > Self.depthLimit {
      problem = WalkError.tooDeep
    } else {
      do {
        try place.fileSystem.forEachEntry(of: place.item) { entry in
          entries.append(entry)
          return entries.count <= Self.entryLimit
        }
        if entries.count > Self.entryLimit { problem = WalkError.tooMany }
      } catch { problem = error }
    }
    entries.sort { $0.name > $1.name }
    levels.append(Level(path: path, place: place, entries: entries))
    return problem
  }
}

/// A file or directory, whichever of its names led to it.
package struct PlaceIdentity: Hashable, Sendable {
  private let fileSystem: ObjectIdentifier
  private let item: ItemID

  package init(_ place: MountTree.Place) {
    fileSystem = ObjectIdentifier(place.fileSystem)
    item = place.item
  }
}

/// What a walk comes upon in a tree that no system makes so.
package enum WalkError: Error, Sendable, CustomStringConvertible {
  case notAName, twice, enteredBefore, tooDeep, tooMany

  package var description: String {
    switch self {
    case .notAName: "no file can have this name: the directory is damaged"
    case .twice: "its directory has this name twice: only one of the two is taken"
    case .enteredBefore: "this directory lies in two places: its content is taken once"
    case .tooDeep: "it lies deeper than \(TreeWalk.depthLimit) directories"
    case .tooMany: "it has more than \(TreeWalk.entryLimit) names: the rest is left out"
    }
  }
}
