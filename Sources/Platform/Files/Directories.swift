internal import CLinux
internal import Glibc
package import SystemPackage

/// Makes a directory and those above it that are missing, each durable in its parent.
package func makeDirectory(_ path: FilePath) throws(FileError) {
  if mkdir(path.string, 0o777) == 0 { return try syncDirectory(parent(of: path)) }
  switch Errno(rawValue: errno) {
  case .fileExists:
    guard try fileStatus(path)?.kind == .directory else {
      throw FileError("make the directory", path, .notDirectory)
    }
  case .noSuchFileOrDirectory:
    try makeDirectory(parent(of: path))
    // Once more and no further: /proc, for one, answers so whatever is above.
    if mkdir(path.string, 0o777) != 0, errno != EEXIST {
      throw FileError("make the directory", path, Errno(rawValue: errno))
    }
    try syncDirectory(parent(of: path))
  case let cause: throw FileError("make the directory", path, cause)
  }
}

/// The directory that `path` lies in; "." for a bare name.
package func parent(of path: FilePath) -> FilePath {
  let parent = path.removingLastComponent()
  return parent.isEmpty ? FilePath(".") : parent
}

/// What is at `path`, following links; nil where nothing is.
package func fileStatus(_ path: FilePath) throws(FileError) -> FileStatus? {
  do { return FileStatus(try path.stat()) } catch {
    let cause = error.errno
    if cause == .noSuchFileOrDirectory || cause == .notDirectory { return nil }
    throw FileError("look at", path, cause)
  }
}

/// Whether both names lead to the same file or directory; false where one leads nowhere.
package func areOneFile(_ a: FilePath, _ b: FilePath) throws(FileError) -> Bool {
  guard let first = try fileStatus(a), let second = try fileStatus(b) else { return false }
  return first.device == second.device && first.inode == second.inode
}

/// Names in a directory, without "." and "..", in byte order; nil where there is no directory.
package func directoryEntries(_ path: FilePath) throws(FileError) -> [String]? {
  guard let stream = opendir(path.string) else {
    let cause = Errno(rawValue: errno)
    if cause == .noSuchFileOrDirectory { return nil }
    throw FileError("list", path, cause)
  }
  defer { closedir(stream) }
  var names: [String] = []
  while true {
    Glibc.errno = 0
    guard let entry = readdir(stream) else { break }
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
  let cause = Errno(rawValue: Glibc.errno)
  if cause.rawValue != 0 { throw FileError("list", path, cause) }
  return names.sorted()
}

/// Returns when names made, renamed or removed in this directory will survive a loss of power.
package func syncDirectory(_ path: FilePath) throws(FileError) {
  try File.openForReading(path).sync()
}

/// Gives a file another name. An existing `target` is replaced if `replacing`, else refused.
///
/// It has one name or the other whenever this is stopped, on any file system. On those that know no
/// rename that refuses, a target that another process makes at the same moment is replaced.
package func renameFile(
  _ source: FilePath, to target: FilePath, replacing: Bool
) throws(FileError) {
  let outcome =
    replacing
    ? linux_rename(source.string, target.string) : linux_rename_new(source.string, target.string)
  guard outcome == 0 else {
    throw FileError("rename to", target, Errno(rawValue: Int32(truncatingIfNeeded: -outcome)))
  }
}

/// Removes a file; no error where there is none.
package func removeFile(_ path: FilePath) throws(FileError) {
  guard unlink(path.string) != 0 else { return }
  let cause = Errno(rawValue: errno)
  if cause != .noSuchFileOrDirectory { throw FileError("remove", path, cause) }
}

/// Removes a directory where nothing is in it; no error where something is, or there is none.
package func removeEmptyDirectory(_ path: FilePath) throws(FileError) {
  guard rmdir(path.string) != 0 else { return }
  let cause = Errno(rawValue: errno)
  if ![.noSuchFileOrDirectory, .directoryNotEmpty].contains(cause) {
    throw FileError("remove", path, cause)
  }
}

/// Gives a file the permissions of another, and its owner where this user may do that.
package func copyOwnership(from source: FilePath, to target: FilePath) throws(FileError) {
  var status = Glibc.stat()
  guard stat(source.string, &status) == 0 else {
    throw FileError("look at", source, Errno(rawValue: errno))
  }
  if chown(target.string, status.st_uid, status.st_gid) != 0, errno != EPERM {
    throw FileError("change the owner of", target, Errno(rawValue: errno))
  }
  guard chmod(target.string, status.st_mode & 0o7777) == 0 else {
    throw FileError("change the permissions of", target, Errno(rawValue: errno))
  }
}

/// `path` from the root of the file system; ".." and "." are resolved by name alone.
///
/// - Throws: ``FileError``, also where the current directory's name is not UTF-8: as text it would
///   be another one's.
package func absolutePath(_ path: FilePath) throws(FileError) -> FilePath {
  if path.isAbsolute { return path.lexicallyNormalized() }
  guard let text = getcwd(nil, 0) else {
    throw FileError("ask for the current directory", FilePath("."), Errno(rawValue: errno))
  }
  defer { free(text) }
  guard let current = String(validatingCString: text) else {
    throw FileError(
      "resolve names from a directory whose own is not UTF-8:", FilePath("."), .illegalByteSequence)
  }
  return FilePath(current).pushing(path).lexicallyNormalized()
}

/// `path` with all links followed, as far as it exists; what does not exist yet is taken as it is.
package func realPath(_ path: FilePath) throws(FileError) -> FilePath {
  let path = try absolutePath(path)
  if let resolved = realpath(path.string, nil) {
    defer { free(resolved) }
    return FilePath(String(cString: resolved))
  }
  let cause = Errno(rawValue: errno)
  guard cause == .noSuchFileOrDirectory, let name = path.lastComponent else {
    throw FileError("find", path, cause)
  }
  return try realPath(path.removingLastComponent()).appending(name)
}
