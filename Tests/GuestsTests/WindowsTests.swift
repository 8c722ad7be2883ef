import BlockDevices
import DiskImages
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing
import Volumes

@testable import Guests

/// A disk as Windows lays it out: a partition to boot from, its own, and one to recover from.
@Suite(.enabled(if: areInstalled("mkntfs", "mount.ntfs-3g", "sfdisk", "mkfs.fat", "dd")))
struct WindowsTests {
  @Test func `a Windows is found by its own root, without regard to case`() throws {
    guard geteuid() == 0, access("/dev/fuse", R_OK) == 0 else {
      print("skipped: FUSE cannot be used here")
      return
    }
    let directory = try TemporaryDirectory()
    let image = directory.appending("disk")
    try output(of: "truncate", "-s", "48M", image.string)
    try output(
      of: "sfdisk", "--quiet", image.string,
      input: "label: gpt\nsize=10M, type=U\nsize=16M\nsize=10M\n")
    let parts = try [
      makeVolume(
        "system", 16, ["Windows/System32/config/SYSTEM": "hive", "Users/ann/a.txt": "a"],
        in: directory),
      makeVolume("recovery", 10, ["Recovery/WindowsRE/winre.wim": "wim"], in: directory),
    ]
    let boot = directory.appending("boot")
    try output(of: "truncate", "-s", "10M", boot.string)
    try output(of: "mkfs.fat", "-n", "EFI", boot.string)
    for (part, megabyte) in zip([boot] + parts, [1, 11, 27]) {
      try output(
        of: "dd", "if=\(part)", "of=\(image)", "bs=1M", "seek=\(megabyte)", "conv=notrunc")
    }

    let disk = NamedDisk(name: "root", device: try DiskImage(opening: image))
    let guest = Guest(try findVolumes(on: [disk]))
    #expect(
      guest.listing.volumes.compactMap { $0.content?.label } == ["EFI", "system", "recovery"])
    let (tree, problems) = try guest.machineTree()
    #expect(problems.isEmpty)
    let place = try tree.place(at: GuestPath("/users/ANN/A.TXT"))
    #expect(try place.fileSystem.content(of: place.item).bytes(limit: 10) == [0x61])
    #expect(try tree.resolve(GuestPath("/users/ANN")).path == GuestPath("/Users/ann"))
    let recovery = try guest.tree(ofVolumeNamed: "root/3")
    #expect(try recovery.place(at: GuestPath("/Recovery")).attributes().kind == .directory)
  }

  private func makeVolume(
    _ label: String, _ megabytes: Int, _ files: [String: String], in directory: TemporaryDirectory
  ) throws -> FilePath {
    let (image, mounted) = (directory.appending(label), directory.appending("mounted"))
    try output(of: "truncate", "-s", "\(megabytes)M", image.string)
    try output(of: "mkntfs", "-q", "-F", "-Q", "-L", label, image.string)
    try output(of: "mkdir", "-p", mounted.string)
    try output(of: "mount", "-t", "ntfs-3g", "-o", "loop", image.string, mounted.string)
    defer { do { try output(of: "umount", mounted.string) } catch { Issue.record(error) } }
    for (path, text) in files {
      let folder = path.split(separator: "/").dropLast().joined(separator: "/")
      try output(of: "mkdir", "-p", "\(mounted)/\(folder)")
      try writeFile(Array(text.utf8), to: FilePath("\(mounted)/\(path)"), sparse: false)
    }
    return image
  }
}
