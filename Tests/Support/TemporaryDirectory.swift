internal import Files
internal import Glibc
package import SystemPackage

/// A directory of a test's own; gone with all that is in it when the value goes.
package final class TemporaryDirectory: Sendable {
  package let path: FilePath

  /// - Parameter isInMemory: whether it may lie in memory, for what is synced again and again.
  package init(isInMemory: Bool = false) throws {
    let parent = isInMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/var/tmp"
    var template = Array("\(parent)/kluis-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw FileError("make", FilePath("\(parent)/kluis-test"), Errno(rawValue: errno))
    }
    path = FilePath(String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self))
  }

  deinit {
    do { try removeTree(path) } catch {}
    // What has a name that is no text is left by that.
    if access(path.string, F_OK) == 0 { do { try run("/bin/rm", ["-rf", path.string]) } catch {} }
  }

  package func appending(_ name: String) -> FilePath { path.appending(name) }
}

/// Removes a directory and everything below it.
package func removeTree(_ path: FilePath) throws {
  for entry in (try directoryEntries(path)) ?? [] {
    let child = path.appending(entry)
    if try fileStatus(child)?.kind == .directory { try removeTree(child) }
    if unlink(child.string) != 0 { rmdir(child.string) }
  }
  rmdir(path.string)
}
