import BlockDevices
import DiskImages
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Whether this machine can make and mount btrfs; says why where it cannot.
func canMountBtrfs() -> Bool {
  canMount() && areInstalled("mkfs.btrfs", "btrfs", "losetup") && isKnownToKernel("btrfs")
}

/// A file system on a few image files.
struct BtrfsImages {
  let paths: [FilePath]

  /// Makes a new one.
  ///
  /// - Parameter options: of mkfs.btrfs, separated by spaces.
  init(in directory: FilePath, count: Int = 1, megabytes: Int, options: String) throws {
    paths = (0..<count).map { directory.appending("disk\($0).img") }
    for path in paths {
      unlink(path.string)
      try output(of: "truncate", "-s", "\(megabytes)M", path.string)
    }
    try output(
      of: "mkfs.btrfs",
      arguments: ["-q", "-f"] + options.split(separator: " ").map(String.init)
        + paths.map(\.string))
  }

  init(_ paths: [FilePath]) { self.paths = paths }

  /// Our own view.
  ///
  /// - Parameter first: which of the images is the one that is opened.
  func open(first: Int = 0, without missing: Set<Int> = []) throws -> BtrfsFileSystem {
    let devices = try paths.map { try DiskImage(opening: $0) as any BlockDevice }
    let others = devices.indices.filter { $0 != first && !missing.contains($0) }
      .map { devices[$0] }
    return try #require(try BtrfsFileSystem.open(devices[first], beside: others))
  }

  /// Does something with the mounted file system.
  @discardableResult
  func mounted<Result>(
    at place: FilePath, options: String = "", _ body: (FilePath) throws -> Result
  ) throws -> Result {
    let loops = try paths.map {
      try output(of: "losetup", "-f", "--show", $0.string).split(separator: "\n").joined()
    }
    defer {
      _ = try? output(of: "btrfs", "device", "scan", "--forget")
      for loop in loops { _ = try? output(of: "losetup", "-d", loop) }
    }
    let devices = loops.dropFirst().map { "device=\($0)" }
    let all = (["noatime"] + devices + (options.isEmpty ? [] : [options])).joined(separator: ",")
    mkdir(place.string, 0o700)
    defer { rmdir(place.string) }
    try output(of: "mount", "-t", "btrfs", "-o", all, loops[0], place.string)
    defer {
      for attempt in 0..<50 {
        if (try? output(of: "umount", place.string)) != nil { break }
        usleep(UInt32(20_000 * (attempt + 1)))
      }
    }
    return try body(place)
  }

  /// What the kernel shows, by path; nil where it refuses to mount it.
  func kernelTree(at place: FilePath, options: String = "ro") throws -> [String: String]? {
    do {
      return try mounted(at: place, options: options) { try treeLines(at: $0, tellsAccess: false) }
    } catch is ProgramError {
      return nil
    }
  }

  /// What differs between our own view and the kernel's.
  func differencesFromKernel(
    at place: FilePath, options: String = "ro", first: Int = 0
  ) throws -> [String] {
    let ours = TreeListing(try open(first: first), tellsAccess: false)
    let kernels = try #require(try kernelTree(at: place, options: options))
    let errors = ours.errors.prefix(3).map { "\($0.key): \($0.value)" }
    #expect(kernels.count > 2)
    return errors + differences(withoutEmptySubvolumes(ours.lines), withoutEmptySubvolumes(kernels))
  }
}

/// Without the times of the directories that stand for subvolumes which a snapshot does not have:
/// the kernel gives them that of the moment in which they are looked at.
func withoutEmptySubvolumes(_ lines: [String: String]) -> [String: String] {
  lines.mapValues { line in
    var fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    if fields[0] == "d", fields.count > 7, fields[5] == "0", fields[1] == "493" {
      fields[6] = "-"
      fields[7] = "-"
    }
    return fields.joined(separator: " ")
  }
}
