import Glibc
import SystemPackage
import TestSupport

/// A place where a file is copied in one moment by sharing its blocks; gone with the value.
final class CloningHost {
  let place: FilePath
  /// Must outlast the mount.
  private let directory: TemporaryDirectory

  /// - Parameter directory: where its image and its mount lie.
  init(in directory: TemporaryDirectory) throws {
    self.directory = directory
    let disk = directory.appending("host.img")
    place = directory.appending("host")
    try output(of: "truncate", "-s", "4G", disk.string)
    try output(of: "mkfs.xfs", "-q", disk.string)
    mkdir(place.string, 0o700)
    try output(of: "mount", "-o", "loop", disk.string, place.string)
  }

  deinit { _ = try? output(of: "umount", place.string) }
}
