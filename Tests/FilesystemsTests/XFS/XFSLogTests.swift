import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Logs that hold what is rare.
@Suite(.serialized) struct XFSLogTests {
  @Test func `extents that two files exchanged just before belong to their new owners`() throws {
    guard canMount(), areInstalled("mkfs.xfs", "xfs_io") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    let copy = directory.appending("copy")
    let place = directory.appending("mounted")
    try makeXFSImage(image, megabytes: 160, options: "-m rmapbt=0,reflink=0 -l size=8m")
    do {
      let mounted = try MountedImage(image, at: place, options: "rw")
      for name in ["one", "two"] {
        try output(
          of: "python3", "-c", piecesScript, mounted.place.appending(name).string, name)
      }
    }
    let mounted = try MountedImage(image, at: place, options: "rw")
    let (one, two) = (mounted.place.appending("one"), mounted.place.appending("two"))
    try output(of: "xfs_io", "-c", "swapext \(two)", "-c", "fsync", one.string)
    try output(of: "cp", "--sparse=always", image.string, copy.string)
    // Linux 6.18 itself does not replay this one.
    let live = try treeLines(at: mounted.place, tellsAccess: false)
    let ours = try openXFS(copy)
    #expect(ours.state.sentence.hasPrefix("journal replayed"))
    let listing = TreeListing(ours, tellsAccess: false)
    #expect(listing.errors.isEmpty, "\(listing.errors.prefix(3))")
    #expect(differences(listing.lines, live).isEmpty)
  }

  /// A file of so many extents that they need a tree. Arguments: path, what is in it.
  private let piecesScript = """
    import ctypes, os, sys
    libc = ctypes.CDLL(None)
    with open(sys.argv[1], 'wb') as f:
        f.write((sys.argv[2] * 1366)[:4096].encode() * 2000)
        f.flush()
        os.fsync(f.fileno())
        for i in range(1000):
            libc.fallocate(f.fileno(), 3, ctypes.c_long(i * 8192), ctypes.c_long(4096))
    """

  @Test(
    arguments: [
      (0x44, "interrupted while changing the extents of files"),
      (0x46, "interrupted while changing attributes"),
    ] as [(UInt8, String)])
  func `work that was begun and not finished is told, and what it concerns is refused`(
    _ type: UInt8, _ sentence: String
  ) throws {
    let bytes = try StoredImage.xfsWithLogs[1].bytes()
    let whole = try openImage(bytes)
    let file = try whole.item("attributes few")
    var image = PatchedImage(bytes)
    // The last change of the inode becomes one that is only announced: both name it at one place.
    let change = try #require(lastChange(ofInode: file.number, in: bytes))
    image.put([type], at: change)
    XFSSeals(bytes).apply(to: &image)
    let fileSystem = try #require(try XFSFileSystem.open(PatchedDevice(image)))
    #expect(fileSystem.state.sentence.contains(sentence), "\(fileSystem.state.sentence)")
    let isRefused = "the log does not say how that ended"
    let refused =
      type == 0x44
      ? complaint { _ = try fileSystem.content(of: file) }
      : complaint { _ = try fileSystem.extendedAttributes(of: file) }
    #expect(refused.contains(isRefused), "\(refused)")
    let other = try whole.item("attributes more")
    _ = try fileSystem.content(of: other)
    _ = try fileSystem.extendedAttributes(of: other)
  }

  private func lastChange(ofInode number: UInt64, in bytes: [UInt8]) -> Int? {
    let log = XFSSeals.Superblock(bytes).log
    return stride(from: log.upperBound - 64, to: log.lowerBound, by: -4).first { place in
      bytes[place] == 0x3B && bytes[place + 1] == 0x12
        && bytes.number(at: place + 16, as: UInt64.self) == number
    }
  }
}
