import DiskImages
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Whether ntfs-3g can make, fill and show volumes here; says why where it cannot.
func canUseNTFS3G() -> Bool {
  guard geteuid() == 0, access("/dev/fuse", R_OK) == 0 else {
    print("skipped: FUSE cannot be used here")
    return false
  }
  return areInstalled("mkntfs", "mount.ntfs-3g", "umount", "python3", "losetup")
}

/// An image file with a new volume.
///
/// - Parameter sector: bytes of a sector of the disk that it is on.
func makeNTFSImage(
  _ path: FilePath, megabytes: Int, sector: Int = 512, options: String = ""
) throws {
  if access(path.string, F_OK) == 0 { unlink(path.string) }
  try output(of: "truncate", "-s", "\(megabytes)M", path.string)
  let words = options.split(separator: " ").map(String.init)
  try output(
    of: "mkntfs", arguments: ["-q", "-F", "-Q", "-s", "\(sector)"] + words + [path.string])
}

/// An image file that ntfs-3g shows; it is unmounted when the value goes.
struct NTFS3GMount: ~Copyable {
  let place: FilePath

  /// - Parameter options: besides those by which both sides see files alike.
  init(_ image: FilePath, at place: FilePath, options: String = "rw") throws {
    mkdir(place.string, 0o700)
    // By a block device: of such a mount umount(8) waits until all is written.
    try output(
      of: "mount", "-t", "ntfs-3g", "-o", "loop,umask=022,noatime,\(options)", image.string,
      place.string)
    self.place = place
  }

  deinit {
    for attempt in 0..<50 {
      if (try? output(of: "umount", place.string)) != nil { break }
      usleep(UInt32(20_000 * (attempt + 1)))
    }
    rmdir(place.string)
  }
}

/// Our own view of an image.
func openNTFS(_ image: FilePath) throws -> NTFSFileSystem {
  let opened = try NTFSFileSystem.open(try DiskImage(opening: image))
  return try #require(opened, "\(image) holds no NTFS")
}

/// What ntfs-3g shows of an image, in the form of ``comparable(_:)``.
func ntfs3gTree(of image: FilePath, at place: FilePath) throws -> [String: String] {
  let mounted = try NTFS3GMount(image, at: place, options: "ro")
  return comparable(
    try treeLines(
      at: mounted.place,
      unlisted: ["acl", "attrib", "reparse_data", "ea"].map { "system.ntfs_\($0)" }
        + ["security.s", "trusted.t"]))
}

/// A listing without what is told in another way: sizes of directories and their numbers of links,
/// zeros behind a security descriptor, and the numbers of links of files that have a short name,
/// which is one to ntfs-3g.
func comparable(_ lines: [String: String]) -> [String: String] {
  var lines = lines
  for (path, line) in lines {
    var fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    if fields[0] == "d", fields.count > 5 { fields.replaceSubrange(4...5, with: ["-", "-"]) }
    if path.hasPrefix("/short/") { fields[4] = "-" }
    // What a link or a device is says no attribute here.
    let isSpecial = !["f", "d"].contains(fields[0])
    let attributes = fields.removeLast().split(separator: ",").compactMap { attribute in
      if isSpecial, attribute.hasPrefix("system.ntfs_reparse_data=") { return nil as Substring? }
      guard attribute.hasPrefix("system.ntfs_acl=") else { return attribute }
      return attribute.dropLast(attribute.reversed().prefix { $0 == "0" }.count)
    }
    fields.append(attributes.joined(separator: ","))
    lines[path] = fields.joined(separator: " ")
  }
  return lines
}
