internal import DiskImages
internal import Files
internal import Machines
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Puts a point's disks in the place of the machine's present ones: all of them or none.
///
/// New disks are built beside the old ones and swapped through a ``SwapJournal``; the old ones stay
/// under a dated name. With ``delta`` only what differs is written: onto a copy that shares the old
/// disk's blocks where the file system makes such, and is swapped as a new disk is; else into a
/// ``DiskPatch`` first and from that onto the disk itself. The machine must not run.
package struct InPlaceRestore {
  package let point: RecoveryPoint
  /// The machine's present disks.
  package let present: [Machine.Disk]
  /// Where the machine has its NVRAM now; nil where it has none.
  package var nvram: FilePath?
  /// Whether the point may have other disks than the machine.
  package var allowsOtherDisks = false
  /// How to tell what differs, where only that is to be written.
  package var delta: Delta?
  package var workerCount = availableCores()
  package var now = Timestamp.now

  /// - Parameter present: by name, with their paths.
  package init(_ point: RecoveryPoint, present: [Machine.Disk]) {
    self.point = point
    self.present = present
  }

  /// Refuses all that stands against it, before anything is done.
  ///
  /// - Throws: ``InPlaceError``, ``MachineRunsError``, ``FileError``.
  package func check() throws {
    let targets = try targets()
    // First, for a machine that was stopped in the midst of a swap may lack a disk.
    let places = targets.map(\.path) + present.map { FilePath($0.source) }
    if let (path, _) = try SwapJournal.find(of: point.machine, beside: places) {
      throw InPlaceError.unfinished(path, machine: point.machine)
    }
    // What the point says that it left out stays as it is.
    let own = Set(present.map(\.name)).subtracting(point.excluded ?? [])
    let others = Set(point.disks.map(\.name))
    if own != others.subtracting(point.excluded ?? []), !allowsOtherDisks {
      throw InPlaceError.otherDisks(
        point: point.id, onlyInPoint: others.subtracting(own).sorted(),
        onlyInMachine: own.subtracting(others).sorted())
    }
    try requireShutOff(point.machine)
    try requirePlaces(of: targets)
    for path in targets.map(\.path) {
      guard let status = try fileStatus(path) else {
        if allowsOtherDisks { continue }
        throw InPlaceError.missing(path)
      }
      guard status.kind == .regular else { throw InPlaceError.noFile(path) }
      try requireUnused(path)
    }
    for target in targets { _ = try format(of: target) }
  }

  /// Refuses two disks in one place, as where the machine's disks have other names now.
  private func requirePlaces(of targets: [Target]) throws {
    var names: [FilePath: [String]] = [:]
    for target in targets { names[target.path, default: []].append(target.content.name) }
    let restored = Set(point.disks.map(\.name))
    for disk in present where !restored.contains(disk.name) {
      names[try realPath(FilePath(disk.source))]?.append(disk.name)
    }
    for target in targets {
      if let disks = names[target.path], disks.count > 1 {
        throw InPlaceError.shared(target.path, disks: disks)
      }
    }
  }

  /// - Returns: what was replaced, and where the old disks are.
  /// - Throws: what ``check()`` throws; ``RestoreError``, ``Cancelled``. The machine has its old
  ///   disks then, unless the swap itself failed: `kluis recover` ends that.
  package func run(
    from open: OpenTier, progress: Progress, cancellation: Cancellation
  ) throws -> SwapJournal {
    try check()
    let targets = try targets()
    let known = try presentStates()
    let ways = try targets.map { try way(for: $0) }
    var journal = SwapJournal(
      machine: point.machine, point: point.id, started: now, state: .preparing,
      disks: try zip(targets, ways).map { target, way in
        try swap(of: target.content.name, at: target.path, keepsOld: way != .patch)
      })
    // Beside a disk that the machine has, where `kluis recover` looks for it.
    let own = Set(present.map(\.name))
    let first = targets.first { own.contains($0.content.name) } ?? targets[0]
    let path = SwapJournal.path(of: point.machine, in: parent(of: first.path))
    var held = try journal.begin(at: path)
    do {
      for (number, target) in targets.enumerated() {
        let new = FilePath(journal.disks[number].new)
        journal.disks[number].writtenBytes = try build(
          target, as: new, ways[number], open, progress, cancellation)
      }
      // Once more: building takes a while, and somebody may have started the machine.
      for path in targets.map(\.path) where try fileStatus(path) != nil { try requireUnused(path) }
      for (target, way) in zip(targets, ways) where way != .whole {
        try requireUnchanged(target.path, since: known)
      }
      try journal.reserveRoom()
    } catch {
      _ = try journal.recover(at: path)
      throw error
    }
    held = try journal.commit(at: path)
    try journal.swapAll()
    try journal.remove(path)
    _ = consume held
    return journal
  }

  struct Target {
    let content: RecoveryPoint.Disk
    /// All links followed: the image is replaced, and the links stay.
    let path: FilePath
    /// What the image there is, where that is known.
    let told: DiskImage.Format?
    /// Whether it is no disk, but a file of the machine.
    let isFile: Bool
  }

  /// What is replaced: disks, and NVRAM where point and machine have it.
  func targets() throws(FileError) -> [Target] {
    var targets: [Target] = []
    for disk in point.disks {
      let known = present.first { $0.name == disk.name }
      let path = try realPath(FilePath(known?.source ?? disk.source))
      let told = known?.format.flatMap { DiskImage.Format(definition: $0) }
      targets.append(Target(content: disk, path: path, told: told, isFile: false))
    }
    let stored = (point.files ?? []).first { $0.kind == .nvram }
    if let nvram, let stored {
      targets.append(
        Target(content: stored.content, path: try realPath(nvram), told: .raw, isFile: true))
    }
    return targets
  }

  private func swap(
    of name: String, at path: FilePath, keepsOld: Bool
  ) throws(FileError) -> SwapJournal.Swap {
    let directory = parent(of: path)
    let file = path.lastComponent?.string ?? name
    let suffix = UInt32.random(in: .min ... .max)
    var time = now
    func replaced() -> FilePath { directory.appending("\(file).replaced-\(time)") }
    while try fileStatus(replaced()) != nil {
      time = Timestamp(secondsSince1970: time.secondsSince1970 + 1)
    }
    return SwapJournal.Swap(
      name: name, path: path.string,
      new: directory.appending(".\(file).kluis-new-\(suffix)").string,
      replaced: keepsOld ? replaced().string : nil)
  }

  /// Builds what takes the old disk's place or is written onto it, durable.
  ///
  /// - Returns: bytes that differ; nil where it is built whole.
  private func build(
    _ target: Target, as new: FilePath, _ way: Way, _ open: OpenTier, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws -> UInt64? {
    if way == .whole {
      try buildWhole(target, as: new, open, progress, cancellation)
      return nil
    }
    return try buildDelta(target, as: new, way, open, progress, cancellation)
  }

  /// Builds a new disk in the old one's format, with its owner and permissions.
  private func buildWhole(
    _ target: Target, as new: FilePath, _ open: OpenTier, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    var restore = DiskRestore(disk: target.content, target: new)
    restore.workerCount = workerCount
    restore.durably = true
    restore.format = try format(of: target)
    try restore.run(from: open, progress: progress, cancellation: cancellation)
    if try fileStatus(target.path) != nil { try copyOwnership(from: target.path, to: new) }
  }

  /// What image the new disk becomes: what the old one is, whether it can be opened or not; what
  /// the point's was where there is no old one.
  private func format(of target: Target) throws -> ImageFormat {
    if target.isFile { return .raw }
    let exists = try fileStatus(target.path) != nil
    let found =
      exists
      ? try DiskImage.format(of: target.path, as: target.told).rawValue : target.content.format
    guard let found, found != DiskImage.Format.device.rawValue else { return .raw }
    if let format = ImageFormat(rawValue: found) { return format }
    throw InPlaceError.unwritten(target.path, format: found)
  }
}
