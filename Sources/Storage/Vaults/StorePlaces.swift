internal import Files
internal import SystemPackage

/// Finds where the stores of a vault are now, when one of its directories is known.
///
/// A vault that was moved or copied as a whole is found by how its stores lie to one another.
struct StorePlaces {
  let descriptor: VaultDescriptor
  /// The directory that was opened.
  let directory: FilePath

  /// The place of each store, in the descriptor's order.
  func find() -> [FilePath] {
    let recorded = descriptor.stores.map { FilePath($0.path) }
    // The only store is the one that was opened: where it was recorded may be what it is a copy of.
    if descriptor.tier != nil, recorded.count == 1 { return [directory] }
    let candidates = ownCandidates
    if recorded.contains(directory) || candidates.isEmpty { return recorded }
    if candidates.contains(where: { $0.path == directory }) { return recorded }
    // A store is where it was recorded unless that place is empty or others moved with it.
    let guesses = candidates.map { (moved(recorded, own: $0), holdsDescriptor($0.path)) }
      .filter { $0.0.found > 0 || !$0.1 }.map(\.0)
    return guesses.max { $0.found < $1.found }?.places ?? recorded
  }

  private struct Candidate {
    let path: FilePath
    /// Which store it would be; nil for the directory that only tells of the stores.
    let number: Int?
  }

  /// What the opened directory may have been when the descriptor was written.
  private var ownCandidates: [Candidate] {
    guard let tier = descriptor.tier else {
      return descriptor.home.map { [Candidate(path: FilePath($0), number: nil)] } ?? []
    }
    return descriptor.stores.indices.filter { descriptor.stores[$0].tier == tier }
      .map { Candidate(path: FilePath(descriptor.stores[$0].path), number: $0) }
      // One that is not where it was is more likely the one that is opened now.
      .sorted { !holdsDescriptor($0.path) && holdsDescriptor($1.path) }
  }

  /// All places, if the opened directory is `own`, and how many stores are found on that way.
  private func moved(
    _ recorded: [FilePath], own: Candidate
  ) -> (places: [FilePath], found: Int) {
    var found = 0
    let places = recorded.enumerated().map { number, path in
      if number == own.number { return directory }
      let moved = directory.pushing(relativePath(from: own.path, to: path)).lexicallyNormalized()
      guard moved != directory, moved != path, holdsDescriptor(moved) else { return path }
      found += 1
      return moved
    }
    return (places, found)
  }

  private func holdsDescriptor(_ directory: FilePath) -> Bool {
    do { return try fileStatus(directory.appending("vault.json")) != nil } catch { return false }
  }
}

/// The way from one absolute directory to another.
func relativePath(from start: FilePath, to end: FilePath) -> FilePath {
  let from = Array(start.components)
  let to = Array(end.components)
  var shared = 0
  while shared < min(from.count, to.count), from[shared] == to[shared] { shared += 1 }
  var path = FilePath()
  for _ in shared..<from.count { path.append("..") }
  for component in to[shared...] { path.append(component) }
  return path
}
