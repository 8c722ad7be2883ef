package import Files
package import SystemPackage
internal import Tiers
package import Vaults

/// What an in-place restore does, written down before it does it (`.MACHINE.kluis-journal` beside
/// the machine's first disk), so that all disks are the old ones or all are the new ones, whenever
/// it is stopped. Whoever works by it holds a lock on it.
///
/// While the state is `preparing`, the new disks are being built under names of their own, and the
/// way back is to remove them. From `swapping` on the way is forward only: each old disk that is
/// not done is given its other name and the new one its place, or what differs is written onto it
/// once more. All that this needs lies beside the disks.
package struct SwapJournal: Codable, Sendable, Equatable {
  package var machine: String
  package var point: String
  package var started: Timestamp
  var state: State
  package var disks: [Swap]

  enum State: String, Codable, Sendable { case preparing, swapping }

  /// One file that is replaced.
  package struct Swap: Codable, Sendable, Equatable {
    package var name: String
    /// Where the machine has it.
    package var path: String
    /// The new one until it is swapped, or what has to be written onto the old one.
    var new: String
    /// The old one after that; nil where `new` is a ``DiskPatch`` to it.
    package var replaced: String?
    /// Bytes that differ; nil where the new one was built whole.
    package var writtenBytes: UInt64?
  }

  /// How a journal ended.
  package enum Outcome: Sendable, Equatable {
    /// All disks are as they were.
    case undone
    /// All disks are those of the point.
    case done
  }

  static func path(of machine: String, in directory: FilePath) -> FilePath {
    directory.appending(".\(machine).kluis-journal")
  }

  /// The journal that a restore of the machine left beside one of its disks; nil where there is
  /// none.
  ///
  /// - Throws: ``VaultError/damaged(_:reason:)`` where it cannot be read;
  ///   ``InPlaceError/underWay(_:machine:)``; ``FileError``.
  package static func find(
    of machine: String, beside disks: [FilePath]
  ) throws -> (path: FilePath, journal: SwapJournal)? {
    for directory in try directories(of: disks) {
      let path = path(of: machine, in: directory)
      guard try fileStatus(path) != nil else { continue }
      if try File.openForReading(path).isLocked {
        throw InPlaceError.underWay(path, machine: machine)
      }
      let bytes = try readSmallFile(path, limit: 1 << 20)
      do { return (path, try CheckedDocument.decode(SwapJournal.self, from: bytes)) } catch {
        throw VaultError.damaged(path.string, reason: error.reason)
      }
    }
    return nil
  }

  /// Where disks lie, all links followed, each directory once.
  private static func directories(of disks: [FilePath]) throws(FileError) -> [FilePath] {
    var found: Set<FilePath> = []
    for disk in disks { found.insert(parent(of: try realPath(disk))) }
    return found.sorted { $0.string < $1.string }
  }

  /// Removes what restores that were stopped had begun to write as their journals.
  package static func removeDrafts(
    of machine: String, beside disks: [FilePath]
  ) throws(FileError) {
    for directory in try directories(of: disks) {
      try removeDrafts(of: path(of: machine, in: directory))
    }
  }

  private static func removeDrafts(of journal: FilePath) throws(FileError) {
    for draft in try entries(of: journal, ending: ".new") {
      if try !File.openForReading(draft).isLocked { try removeFile(draft) }
    }
  }

  /// What lies beside a file and is named after it.
  private static func entries(
    of file: FilePath, prefix: String = "", ending: String
  ) throws(FileError) -> [FilePath] {
    guard let name = file.lastComponent?.string else { return [] }
    return (try directoryEntries(parent(of: file)) ?? [])
      .filter { $0.hasPrefix("\(prefix)\(name).") && $0.hasSuffix(ending) }
      .map { parent(of: file).appending($0) }
  }

  /// Ends what was begun: forward where the swap had begun, else back.
  ///
  /// - Throws: ``FileError``, ``DiskPatchError``; ``MachineRunsError`` where a disk that is to be
  ///   written is in use.
  package func recover(at path: FilePath) throws -> Outcome {
    switch state {
    case .preparing:
      for new in disks.map({ FilePath($0.new) }) {
        try removeFile(new)
        for partial in try Self.entries(of: new, prefix: ".", ending: ".partial") {
          try removeFile(partial)
        }
      }
      try remove(path)
      return .undone
    case .swapping:
      try swapAll()
      try remove(path)
      return .done
    }
  }

  /// Begins a restore: refuses where another one is under way or was stopped.
  ///
  /// - Returns: the journal, locked for as long as it is open.
  func begin(at path: FilePath) throws(FileError) -> File {
    try Self.removeDrafts(of: path)
    return try write(to: path, replacing: false)
  }

  /// From here on the machine has its new disks, whatever happens.
  ///
  /// - Returns: what ``begin(at:)`` returns.
  mutating func commit(at path: FilePath) throws(FileError) -> File {
    state = .swapping
    return try write(to: path, replacing: true)
  }

  /// Sees to it that disks that are written onto do not fill up.
  func reserveRoom() throws {
    for swap in disks where swap.replaced == nil {
      try DiskPatch(path: FilePath(swap.new)).reserve(on: FilePath(swap.path))
    }
  }

  /// Gives every disk its place; goes on where it was stopped.
  func swapAll() throws {
    for swap in disks {
      let (path, new) = (FilePath(swap.path), FilePath(swap.new))
      guard try fileStatus(new) != nil else { continue }
      guard let replaced = swap.replaced.map({ FilePath($0) }) else {
        try requireUnused(path)
        try DiskPatch(path: new).apply(to: path)
        try removeFile(new)
        continue
      }
      if try fileStatus(replaced) == nil, try fileStatus(path) != nil {
        try renameFile(path, to: replaced, replacing: false)
      }
      try renameFile(new, to: path, replacing: false)
    }
    for directory in Set(disks.map { parent(of: FilePath($0.path)) }) {
      try syncDirectory(directory)
    }
  }

  func remove(_ path: FilePath) throws(FileError) {
    try Self.removeDrafts(of: path)
    try removeFile(path)
    try syncDirectory(parent(of: path))
  }

  private func write(to path: FilePath, replacing: Bool) throws(FileError) -> File {
    let draft = FilePath("\(path).\(UInt32.random(in: .min ... .max)).new")
    let file = try File.create(draft)
    let bytes = CheckedDocument.encode(self)
    do throws(FileError) {
      try file.lock()
      try file.write(bytes.span.bytes, at: 0)
      try file.sync()
      try renameFile(draft, to: path, replacing: replacing)
    } catch {
      discard(draft)
      throw error
    }
    try syncDirectory(parent(of: path))
    return file
  }
}
