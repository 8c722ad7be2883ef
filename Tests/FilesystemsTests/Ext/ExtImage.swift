import DiskImages
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// An image file with a new file system.
func makeExtImage(
  _ path: FilePath, megabytes: Int, options: [String], tree: FilePath? = nil
) throws {
  if access(path.string, F_OK) == 0 { unlink(path.string) }
  try output(of: "truncate", "-s", "\(megabytes)M", path.string)
  let source = tree.map { ["-d", $0.string] } ?? []
  try output(of: "mke2fs", arguments: ["-q", "-F"] + source + options + [path.string])
}

/// Our own view of an image.
func openExt(_ image: FilePath) throws -> ExtFileSystem {
  let opened = try ExtFileSystem.open(try DiskImage(opening: image))
  return try #require(opened, "\(image) holds no ext file system")
}
