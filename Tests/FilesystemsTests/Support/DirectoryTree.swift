import Files
import Filesystems
import Glibc
import SystemPackage
import TestSupport

/// What a tree holds, but for the times of directories, which tools set as they like.
typealias TreeContents = [String: String]

extension WholeTree {
  var contents: TreeContents {
    items.mapValues { item in
      switch item {
      case .directory: "directory"
      case .file(_, let seconds, let byteCount, let digest): "\(byteCount) \(seconds) \(digest)"
      }
    }
  }
}

/// What a directory of this machine holds.
func contents(of directory: FilePath, below path: String = "") throws -> TreeContents {
  var found: TreeContents = [:]
  for name in try directoryEntries(directory) ?? [] where name != "lost+found" {
    let child = directory.appending(name)
    var status = stat()
    guard lstat(child.string, &status) == 0 else { throw Errno(rawValue: errno) }
    if status.st_mode & S_IFMT == S_IFDIR {
      found[path + "/" + name] = "directory"
      found.merge(try contents(of: child, below: path + "/" + name)) { $1 }
    } else {
      let bytes = try readFile(child)
      found[path + "/" + name] = "\(bytes.count) \(status.st_mtim.tv_sec) \(sha256(bytes))"
    }
  }
  return found
}

/// Fills a directory with files of all sizes and names of all kinds, up to so many.
func fillDirectory(_ directory: FilePath, fileLimit: Int, _ random: inout SeededRandom) throws {
  var directories = [directory]
  for number in 0..<fileLimit {
    let parent = directories[random.below(directories.count)]
    let name = randomName(number, &random)
    if random.below(8) == 0, parent.components.count < directory.components.count + 6 {
      directories.append(parent.appending(name))
      try makeDirectory(directories.last!)
    } else {
      let limit = [0, 1, 600, 5000, 40_000][random.below(5)]
      let file = parent.appending(name)
      try writeFile(random.bytes(random.below(limit + 1)), to: file, sparse: false)
      // Whole pairs of seconds, which is what FAT keeps.
      let seconds = 600_000_000 + random.below(2_000_000_000) / 2 * 2
      let times = [timespec](repeating: timespec(tv_sec: seconds, tv_nsec: 0), count: 2)
      guard utimensat(AT_FDCWD, file.string, times, 0) == 0 else { throw Errno(rawValue: errno) }
    }
  }
}

private func randomName(_ number: Int, _ random: inout SeededRandom) -> String {
  switch random.below(6) {
  case 0: "FILE\(number).TXT"
  case 1: "low\(number).txt"
  case 2: "A Longer Name With Spaces, number \(number).document"
  case 3: "ünïcödé und 日本語 \(number).text"
  case 4: "\(number) " + String(repeating: "long", count: 1 + random.below(58)) + ".x"
  default: "no-extension-\(number)"
  }
}
