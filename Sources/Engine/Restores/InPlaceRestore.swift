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
    var journal = SwapJournal(
      machine: point.machine, point: point.id, started: now, state: .preparing,
      disks: try targets.map { try swap(of: $0.content.name, at: $0.path) })
    // Beside a disk that the machine has, where `kluis recover` looks for it.
    let own = Set(present.map(\.name))
    let first = targets.first { own.contains($0.content.name) } ?? targets[0]
    let path = SwapJournal.path(of: point.machine, in: parent(of: first.path))
    var held = try journal.begin(at: path)
    do {
      for (target, swap) in zip(targets, journal.disks) {
        try build(target, as: FilePath(swap.new), open, progress, cancellation)
      }
      // Once more: building takes a while, and somebody may have started the machine.
      for path in targets.map(\.path) where try fileStatus(path) != nil { try requireUnused(path) }
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

  private struct Target {
    let content: RecoveryPoint.Disk
    /// All links followed: the image is replaced, and the links stay.
    let path: FilePath
    /// Whether its bytes are the file's, whatever they look like.
    let isPlain: Bool
  }

  /// What is replaced: disks, and NVRAM where point and machine have it.
  private func targets() throws(FileError) -> [Target] {
    var targets: [Target] = []
    for disk in point.disks {
      let known = present.first { $0.name == disk.name }
      let path = try realPath(FilePath(known?.source ?? disk.source))
      targets.append(Target(content: disk, path: path, isPlain: false))
    }
    let stored = (point.files ?? []).first { $0.kind == .nvram }
    if let nvram, let stored {
      targets.append(Target(content: stored.content, path: try realPath(nvram), isPlain: true))
    }
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
    _ target: Target, as new: FilePath, _ open: OpenTier, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    var restore = DiskRestore(disk: target.content, target: new)
    restore.workerCount = workerCount
    restore.durably = true
    let exists = try fileStatus(target.path) != nil
    if exists, !target.isPlain {
      restore.format = try DiskImage(opening: target.path).format == .fixedVHD ? .fixedVHD : .raw
    }
    try restore.run(from: open, progress: progress, cancellation: cancellation)
    if exists { try copyOwnership(from: target.path, to: new) }
  }
}

/// A restore in place that cannot be.
package enum InPlaceError: Error, CustomStringConvertible {
  case otherDisks(point: String, onlyInPoint: [String], onlyInMachine: [String])
  case missing(FilePath)
  case noFile(FilePath)
  case shared(FilePath, disks: [String])
  case unfinished(FilePath, machine: String)
  case underWay(FilePath, machine: String)

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
      "an in-place restore was stopped (\(path)): run `kluis recover \(machine)`"
    case .underWay(let path, let machine):
      "an in-place restore of \(machine) is under way (\(path)): wait until it has ended"
    case .shared(let path, let disks):
      "\(path) is the place of more than one disk (\(disks.joined(separator: ", "))), so none can "
        + "be put there: restore the machine with --as"
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
    for disk in try disks.map({ path throws(FileError) in try realPath(path) }) {
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
