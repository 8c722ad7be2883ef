import Files
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Against what was written through exfat-fuse to volumes that mkfs.exfat made.
@Suite(.enabled(if: areInstalled("mkfs.exfat", "fsck.exfat", "losetup")))
struct ExFATFuseTests {
  struct Shape: CustomTestStringConvertible, Sendable {
    let mebibytes: UInt64
    let sector: String
    let options: [String]
    var testDescription: String {
      "\(mebibytes) MiB, sectors of \(sector), \(options.joined(separator: " "))"
    }
  }

  static let shapes = [
    Shape(mebibytes: 4, sector: "512", options: ["-c", "512"]),
    Shape(mebibytes: 16, sector: "512", options: ["-c", "4K", "-b", "64K", "-L", "VOLUME"]),
    Shape(mebibytes: 64, sector: "4096", options: ["-c", "8K"]),
    Shape(mebibytes: 64, sector: "1024", options: ["-c", "128K", "--pack-bitmap"]),
    Shape(mebibytes: 600, sector: "512", options: ["-c", "4M"]),
  ]

  @Test(arguments: shapes)
  func `what exfat-fuse wrote is read`(shape: Shape) throws {
    guard geteuid() == 0, access("/dev/fuse", R_OK) == 0, areInstalled("mount.exfat-fuse") else {
      print("skipped: exfat-fuse cannot be used here")
      return
    }
    var random = Seed.ofThisRun.random
    let place = try TemporaryDirectory()
    let (image, mounted) = (place.appending("image"), place.appending("mounted"))
    try makeDirectory(mounted)
    try File.create(image).setByteCount(shape.mebibytes << 20)
    let loop =
      try output(of: "losetup", "-b", shape.sector, "-f", "--show", image.string)
      .split(separator: "\n").first.map(String.init) ?? ""
    let expected: TreeContents
    do {
      defer { finish("losetup", "-d", loop) }
      try output(of: "mkfs.exfat", arguments: shape.options + [loop])
      try output(of: "mount.exfat-fuse", loop, mounted.string)
      defer { finish("umount", mounted.string) }
      try fillDirectory(mounted, fileLimit: shape.mebibytes > 100 ? 30 : 150, &random)
      expected = try contents(of: mounted)
    }
    // fsck.exfat 1.2 finds fault with a set of records that lies in three clusters.
    if shape.options[1] != "512" { try output(of: "fsck.exfat", "-n", image.string) }

    let tree = WholeTree(try openImage(readFile(image)))
    #expect(tree.errors == [:], "\(Seed.ofThisRun)")
    #expect(tree.contents == expected, "\(Seed.ofThisRun)")
  }

  private func finish(_ program: String, _ arguments: String...) {
    do { try output(of: program, arguments: arguments) } catch { Issue.record(error) }
  }
}
