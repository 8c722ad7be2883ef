internal import DiskImages
internal import Files
internal import SystemPackage
package import Tiers
package import Vaults
internal import Workers

/// Restores in place that write only what differs.
extension InPlaceRestore {
  /// How it is told what a disk holds now.
  package enum Delta: Sendable {
    /// It is read, and what is in it named and compared.
    case read
    /// It is what this point has, which was taken of it since, and is in this tier: two trees are
    /// compared, and nothing is read but what differs in them.
    case taken(RecoveryPoint, in: OpenTier, since: PresentStates)
  }

  /// The machine's present disks as the system sees them at one moment.
  package struct PresentStates: Sendable {
    fileprivate let files: [FilePath: FileStatus]
  }

  /// To be asked for before the point is taken that says what the disks hold.
  package func presentStates() throws -> PresentStates {
    var files: [FilePath: FileStatus] = [:]
    for target in try targets() { files[target.path] = try fileStatus(target.path) }
    return PresentStates(files: files)
  }

  /// How a disk is given what the point has.
  enum Way: Sendable {
    /// A new one is built.
    case whole
    /// A copy that shares the old one's blocks is brought up to what the point has.
    case clone
    /// The old one itself is, through a ``DiskPatch``.
    case patch
  }

  /// Whole as well where sizes differ: an image of another size is no longer the same image. And
  /// where its bytes are not the disk's, as in a qcow2 image.
  func way(for target: Target) throws -> Way {
    guard delta != nil, !target.isFile, try fileStatus(target.path) != nil else { return .whole }
    let image = try DiskImage(opening: target.path, as: target.told)
    guard image.format.isPlain, image.byteCount == target.content.size, try present(target) != nil
    else { return .whole }
    return try File.openForReading(target.path).clone() == nil ? .patch : .clone
  }

  private func present(_ target: Target) throws -> PresentDisk? {
    switch delta {
    case nil: return nil
    case .read: return .unread(try DiskImage(opening: target.path, as: target.told))
    case .taken(let taken, let tier, _):
      guard let disk = taken.disks.first(where: { $0.name == target.content.name }),
        disk.size == target.content.size, let tree = disk.tree
      else { return nil }
      return .known(tree, tier)
    }
  }

  /// - Returns: bytes that differ.
  func buildDelta(
    _ target: Target, as new: FilePath, _ way: Way, _ open: OpenTier, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws -> UInt64 {
    guard let present = try present(target) else {
      preconditionFailure("a disk of which nothing is known is restored whole")
    }
    var restore = DeltaRestore(disk: target.content, present: present)
    restore.workerCount = workerCount
    guard way == .clone else {
      let byteCount = try fileStatus(target.path)?.byteCount ?? 0
      let patch = try DiskPatchWriter(new, diskByteCount: byteCount)
      let written = try restore.run(
        into: patch, from: open, progress: progress, cancellation: cancellation.child())
      try patch.finish()
      return written
    }
    guard let clone = try DiskTarget(new, cloning: target.path) else {
      throw InPlaceError.changed(target.path)
    }
    do {
      let written = try restore.run(
        into: clone, from: open, progress: progress, cancellation: cancellation.child())
      try clone.finish(durably: true)
      try copyOwnership(from: target.path, to: new)
      return written
    } catch {
      clone.abandon()
      throw error
    }
  }

  /// - Parameter start: the states when this restore began.
  func requireUnchanged(_ path: FilePath, since start: PresentStates) throws {
    var before = start
    if case .taken(_, _, let earlier) = delta { before = earlier }
    guard let now = try fileStatus(path), let then = before.files[path],
      now.isUnchanged(since: then)
    else { throw InPlaceError.changed(path) }
  }
}
