internal import CLinux
package import SystemPackage

/// A directory that one who changes what lies in it has for himself, until this goes.
///
/// Nothing is written for it, and whoever does not ask for the lock is not kept out. Where a file
/// system has no such locks (NFS has none for directories) everybody gets it.
package final class DirectoryLock: Sendable {
  private let directory: File

  /// Nil where somebody else has it now; never waits.
  package init?(_ path: FilePath) throws(FileError) {
    directory = try File.openForReading(path)
    let outcome = linux_lock_directory(directory.descriptor.rawValue)
    if outcome == -Int64(Errno.wouldBlock.rawValue) { return nil }
    guard outcome == 0 else {
      throw FileError("lock", path, Errno(rawValue: CInt(-outcome)))
    }
  }
}
