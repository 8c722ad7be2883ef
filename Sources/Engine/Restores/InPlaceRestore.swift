internal import DiskImages
package import Files
internal import Machines
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Puts a point's disks in the place of the machine's present ones: all of them or none.
///
/// New disks are built beside the old ones and swapped through a ``SwapJournal``; the old ones stay
/// under a dated name. The machine must not run.
package struct InPlaceRestore {
  package let point: RecoveryPoint
  /// The machine's present disks.
  package let present: [Machine.Disk]
  /// Where the machine has its NVRAM now; nil where it has none.
  package var nvram: FilePath?
  /// Whether the point may have other disks than the machine.
  package var allowsOtherDisks = false
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
    // What the point says that it left out stays as it is.
    let own = Set(present.map(\.name)).subtracting(point.excluded ?? [])
    let others = Set(point.disks.map(\.name))
    if own != others.subtracting(point.excluded ?? []), !allowsOtherDisks {
      throw InPlaceError.otherDisks(
        point: point.id, onlyInPoint: others.subtracting(own).sorted(),
        onlyInMachine: own.subtracting(others).sorted())
    }
    try requireShutOff(point.machine)
    for (_, path) in try targets() {
      guard let status = try fileStatus(path) else {
        if allowsOtherDisks { continue }
        throw InPlaceError.missing(path)
      }
      guard status.kind == .regular else { throw InPlaceError.noFile(path) }
      try requireUnused(path)
    }
    if let (path, _) = try SwapJournal.find(of: point.machine, beside: targets().map(\.path)) {
      throw InPlaceError.unfinished(path, machine: point.machine)
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
    var journal = SwapJournal(
      machine: point.machine, point: point.id, started: now, state: .preparing,
      disks: try targets.map { content, path in try swap(of: content.name, at: path) })
    let path = SwapJournal.path(of: point.machine, in: parent(of: targets[0].path))
    try journal.begin(at: path)
    do {
      for ((content, path), swap) in zip(targets, journal.disks) {
        try build(content, FilePath(swap.new), like: path, open, progress, cancellation)
      }
      // Once more: building takes a while, and somebody may have started the machine.
      for (_, path) in targets where try fileStatus(path) != nil { try requireUnused(path) }
    } catch {
      _ = try journal.recover(at: path)
      throw error
    }
    try journal.commit(at: path)
    try journal.swapAll()
    try journal.remove(path)
    return journal
  }

  /// What is replaced: disks, and NVRAM where point and machine have it.
  private func targets() throws(FileError) -> [(content: RecoveryPoint.Disk, path: FilePath)] {
    var targets = point.disks.map { disk in
      let known = present.first { $0.name == disk.name }
      return (content: disk, path: FilePath(known?.source ?? disk.source))
    }
    let stored = (point.files ?? []).first { $0.kind == .nvram }
    if let nvram, let stored { targets.append((content: stored.content, path: nvram)) }
    return targets
  }

  private func swap(
    of name: String, at path: FilePath
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
      replaced: replaced().string)
  }

  /// Builds a new disk in the old one's format, with its owner and permissions, durable.
  private func build(
    _ content: RecoveryPoint.Disk, _ target: FilePath, like old: FilePath, _ open: OpenTier,
    _ progress: Progress, _ cancellation: Cancellation
  ) throws {
    var restore = DiskRestore(disk: content, target: target)
    restore.workerCount = workerCount
    restore.durably = true
    let exists = try fileStatus(old) != nil
    if exists, content.name != nvram?.lastComponent?.string {
      restore.format = try DiskImage(opening: old).format == .fixedVHD ? .fixedVHD : .raw
    }
    try restore.run(from: open, progress: progress, cancellation: cancellation)
    if exists { try copyOwnership(from: old, to: target) }
  }
}

/// A restore in place that cannot be.
package enum InPlaceError: Error, CustomStringConvertible {
  case otherDisks(point: String, onlyInPoint: [String], onlyInMachine: [String])
  case missing(FilePath)
  case noFile(FilePath)
  case unfinished(FilePath, machine: String)

  package var description: String {
    switch self {
    case .otherDisks(let point, let onlyInPoint, let onlyInMachine):
      ([
        onlyInPoint.isEmpty
          ? nil
          : "\(point) has disks that the machine has not: \(onlyInPoint.joined(separator: ", "))",
        onlyInMachine.isEmpty
          ? nil
          : "the machine has disks that \(point) has not: \(onlyInMachine.joined(separator: ", "))",
      ].compactMap { $0 } + ["with --force the former are made, and the latter stay as they are"])
      .joined(separator: "; ")
    case .missing(let path):
      "\(path) is not there, so nothing can be put in its place: restore the machine with --as"
    case .noFile(let path):
      "\(path) is no image file, and cannot be swapped: restore it with `kluis restore disk --to "
        + "\(path) --force`"
    case .unfinished(let path, let machine):
      "an in-place restore was stopped, or is under way (\(path)): run `kluis recover \(machine)`"
    }
  }
}

/// A disk that an in-place restore put aside.
package struct ReplacedDisk: Sendable {
  package let path: FilePath
  package let allocatedByteCount: UInt64

  /// Those beside a machine's disks, oldest first.
  package static func find(beside disks: [FilePath]) throws(FileError) -> [ReplacedDisk] {
    var found: [ReplacedDisk] = []
    for disk in disks {
      let prefix = "\(disk.lastComponent?.string ?? "").replaced-"
      for name in try directoryEntries(parent(of: disk)) ?? [] where name.hasPrefix(prefix) {
        guard Timestamp(String(name.dropFirst(prefix.count))) != nil else { continue }
        let path = parent(of: disk).appending(name)
        guard let status = try fileStatus(path) else { continue }
        found.append(
          ReplacedDisk(path: path, allocatedByteCount: status.allocatedByteCount))
      }
    }
    return found
  }

  package func remove() throws(FileError) { try removeFile(path) }
}
