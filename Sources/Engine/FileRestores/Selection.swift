package import Filesystems
package import Guests

/// What was chosen in a machine's tree by paths and patterns.
package struct Selection: Sendable {
  /// A file, or a directory with all that is below it.
  package struct Root: Sendable {
    /// Without links, "." and "..".
    package let path: GuestPath
    package let place: MountTree.Place
  }

  package let tree: MountTree
  /// Sorted by path; none lies below another.
  package private(set) var roots: [Root] = []
  /// Directories that could not be searched for what matches.
  package private(set) var problems: [(path: GuestPath, error: any Error)] = []

  /// - Parameter patterns: paths, relative ones from the root; what exists as it was typed is meant
  ///   so, even if it looks like a pattern. A link at the end is not followed.
  /// - Throws: ``PathError`` where a path leads nowhere, ``NothingMatches``, ``FileSystemError``.
  package init(_ patterns: [PathPattern], in tree: MountTree) throws {
    self.tree = tree
    var found: [Root] = []
    for pattern in patterns { found += try matches(of: pattern) }
    found.sort { $0.path.components.lexicographicallyPrecedes($1.path.components) }
    for root in found {
      if let last = roots.last, root.path.components.starts(with: last.path.components) { continue }
      roots.append(root)
    }
  }

  private mutating func matches(of pattern: PathPattern) throws -> [Root] {
    let path = pattern.isLiteral ? pattern.literalPrefix : GuestPath(pattern.text)
    do {
      let (place, found) = try tree.resolve(
        GuestPath(components: path.components), followingLast: false)
      return [Root(path: found, place: place)]
    } catch let error as PathError {
      if pattern.isLiteral || error.problem == .circle { throw error }
    }
    let (start, startPath) = try tree.resolve(pattern.literalPrefix)
    guard try start.attributes().kind == .directory else {
      throw PathError(.notADirectory, pattern.literalPrefix)
    }
    var found: [Root] = []
    var walk = TreeWalk(tree, below: start, at: startPath)
    let skipped = startPath.components.count
    while let step = walk.next() {
      switch step {
      case .problem(let path, let error): problems.append((path, error))
      case .item(let item):
        let match = pattern.match(item.path.components[skipped...])
        if match.isWhole { found.append(Root(path: item.path, place: item.place)) }
        if match.isWhole || !match.mayMatchBelow { walk.skip() }
      }
    }
    guard !found.isEmpty else { throw NothingMatches(pattern: FileName(pattern.text)) }
    return found
  }
}

/// A pattern that no file has.
package struct NothingMatches: Error, CustomStringConvertible {
  package let pattern: FileName
  package var description: String {
    "\(pattern): nothing has a path like that (\"*\" matches within a name, \"**\" across "
      + "directories; in a shell, put patterns in quotes)"
  }
}
