internal import Files
internal import Filesystems
package import Guests
package import SystemPackage
internal import Workers

/// Looks, before anything is written, which of the names that a restore will make are taken.
struct OccupiedNames {
  private let plan: RestorePlan
  private let tree: TargetTree
  private let tally: RestoreTally
  private let replacing: Bool

  init(_ plan: RestorePlan, _ tree: TargetTree, _ tally: RestoreTally, replacing: Bool) {
    self.plan = plan
    self.tree = tree
    self.tally = tally
    self.replacing = replacing
  }

  /// - Returns: the items that cannot be made since a directory is in their place, or something
  ///   else in a directory's; each is noted.
  /// - Throws: ``FilesExist`` where anything is in the way and must not be replaced.
  func check(_ cancellation: Cancellation) throws -> Set<Int> {
    // Directories of the plan that are there; below others nothing can be.
    var existing: Set<Int> = []
    var taken: [Int] = []
    var blocked: Set<Int> = []
    for (number, item) in plan.items.enumerated() {
      if let parent = item.parent, !existing.contains(parent) { continue }
      try cancellation.check()
      let occupant: OpenDirectory.Occupant?
      do { occupant = try tree.parent(of: number).occupant(of: item.name.bytes) } catch {
        blocked.insert(number)
        tally.add(ItemProblem(path: plan.path(of: number), reason: "\(error)"))
        continue
      }
      switch (occupant, item.kind == .directory) {
      case (nil, _): continue
      case (.directory, true): existing.insert(number)
      case (_, let isDirectory) where !replacing || isDirectory || occupant == .directory:
        taken.append(number)
        if replacing { blocked.insert(number) }
      default: continue
      }
    }
    if !replacing, !taken.isEmpty {
      throw FilesExist(
        target: tree.top.path, paths: taken.prefix(5).map { plan.path(of: $0) },
        count: taken.count)
    }
    for number in taken {
      let isDirectory = plan.items.kind(of: number) == .directory
      tally.add(
        ItemProblem(
          path: plan.path(of: number),
          reason: isDirectory
            ? "something that is no directory is in its place: remove that first"
            : "a directory is in its place: remove that first"))
    }
    return blocked
  }
}

/// Files are there already that a restore would replace.
package struct FilesExist: Error, CustomStringConvertible {
  package let target: FilePath
  /// The first of them.
  package let paths: [GuestPath]
  package let count: Int

  package var description: String {
    let more = count > paths.count ? " and \(count - paths.count) more" : ""
    let names = paths.map(\.description).joined(separator: ", ")
    return "\(target) has \(names)\(more) already: nothing was written; choose another "
      + "directory, or replace them with --overwrite"
  }
}
