internal import Files
internal import Glibc
internal import SystemPackage

/// Keeps the stores of a vault for one who changes their descriptor, until this goes.
///
/// Stores that are away are left out: whoever has any store in common is kept out.
final class DescriptorLock: Sendable {
  private let locks: [DirectoryLock]

  /// A change takes a moment, so whoever waits this long waits for one that hangs.
  private static let patience = Duration.seconds(30)

  /// - Parameter directories: in any order.
  /// - Throws: ``VaultError/beingChanged(_:)``, ``FileError``.
  init(_ directories: [FilePath]) throws {
    let present = try Set(directories).sorted { $0.string < $1.string }
      .filter { try fileStatus($0)?.kind == .directory }
    let start = ContinuousClock.now
    while true {
      if let locks = try Self.locks(of: present) {
        self.locks = locks
        return
      }
      guard start.duration(to: .now) < Self.patience else {
        throw VaultError.beingChanged(present.map(\.string))
      }
      usleep(.random(in: 5_000...50_000))
    }
  }

  /// All of them or none, so that nobody waits for one while another waits for his.
  private static func locks(of directories: [FilePath]) throws -> [DirectoryLock]? {
    var locks: [DirectoryLock] = []
    for directory in directories {
      guard let lock = try DirectoryLock(directory) else { return nil }
      locks.append(lock)
    }
    return locks
  }
}
