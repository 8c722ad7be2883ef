package import Files
package import SystemPackage
internal import Tiers
package import Vaults

/// What an in-place restore does, written down before it does it (`.MACHINE.kluis-journal` beside
/// the machine's first disk), so that all disks are the old ones or all are the new ones, whenever
/// it is stopped.
///
/// While the state is `preparing`, the new disks are being built under names of their own, and the
/// way back is to remove them. From `swapping` on the way is forward only: each disk that is not
/// done is given its old name, and the new one its place.
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
    /// The new one until it is swapped.
    var new: String
    /// The old one after that.
    package var replaced: String
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
  /// - Throws: ``VaultError/damaged(_:reason:)`` where it cannot be read; ``FileError``.
  package static func find(
    of machine: String, beside disks: [FilePath]
  ) throws -> (path: FilePath, journal: SwapJournal)? {
    for directory in Set(disks.map { parent(of: $0) }).sorted(by: { $0.string < $1.string }) {
      let path = path(of: machine, in: directory)
      guard try fileStatus(path) != nil else { continue }
      let bytes = try readSmallFile(path, limit: 1 << 20)
      do { return (path, try CheckedDocument.decode(SwapJournal.self, from: bytes)) } catch {
        throw VaultError.damaged(path.string, reason: error.reason)
      }
    }
    return nil
  }

  /// Ends what was begun: forward where the swap had begun, else back.
  package func recover(at path: FilePath) throws(FileError) -> Outcome {
    switch state {
    case .preparing:
      for swap in disks { try removeFile(FilePath(swap.new)) }
      try remove(path)
      return .undone
    case .swapping:
      try swapAll()
      try remove(path)
      return .done
    }
  }

  /// Begins a restore: refuses where another one is under way or was stopped.
  func begin(at path: FilePath) throws(FileError) { try write(to: path, replacing: false) }

  /// From here on the machine has its new disks, whatever happens.
  mutating func commit(at path: FilePath) throws(FileError) {
    state = .swapping
    try write(to: path, replacing: true)
  }

  /// Gives every disk its place; goes on where it was stopped.
  func swapAll() throws(FileError) {
    for swap in disks {
      let (path, new, replaced) = (
        FilePath(swap.path), FilePath(swap.new), FilePath(swap.replaced)
      )
      guard try fileStatus(new) != nil else { continue }
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
    try removeFile(path)
    try syncDirectory(parent(of: path))
  }

  private func write(to path: FilePath, replacing: Bool) throws(FileError) {
    let temporary = FilePath(path.string + ".new")
    try removeFile(temporary)
    try writeNew(CheckedDocument.encode(self), to: temporary)
    try renameFile(temporary, to: path, replacing: replacing)
    try syncDirectory(parent(of: path))
  }
}
