internal import Glibc
package import SystemPackage

/// Makes a directory that must not be there yet, and that none but its owner may look into.
package func makePrivateDirectory(_ path: FilePath) throws(FileError) {
  guard mkdir(path.string, 0o700) == 0 else {
    throw FileError("make the directory", path, Errno(rawValue: errno))
  }
}

/// Whether `path` is a directory of this user's, and no link to one.
package func isOwnDirectory(_ path: FilePath) -> Bool {
  var status = Glibc.stat()
  return lstat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    && status.st_uid == geteuid()
}

/// Removes a directory with all in it; of links to others, the link.
package func removeDirectory(_ path: FilePath) throws(FileError) {
  for name in try directoryEntries(path) ?? [] {
    let child = path.appending(name)
    var status = Glibc.stat()
    guard lstat(child.string, &status) == 0 else { continue }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    if isDirectory { try removeDirectory(child) } else { try removeFile(child) }
  }
  guard rmdir(path.string) != 0 else { return }
  throw FileError("remove", path, Errno(rawValue: errno))
}
