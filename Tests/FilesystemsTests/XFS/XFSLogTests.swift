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

  @Test func `a directory in pieces of which the log has changed some is read`() throws {
    guard canMount(), areInstalled("mkfs.xfs", "xfs_io") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    let copy = directory.appending("copy")
    let options = "-n size=65536 -d agcount=1 -l size=20m -i maxpct=90"
    try makeXFSImage(image, megabytes: 64, options: options)
    let mounted = try MountedImage(image, at: directory.appending("mounted"), options: "rw")
    try output(of: "python3", "-c", crumbsScript, mounted.place.string)
    let extents = try output(of: "xfs_io", "-c", "fsync", "-c", "stat", "\(mounted.place)/d")
    #expect(!extents.contains("nextents = 1\n"))
    try output(of: "cp", "--sparse=always", image.string, copy.string)
    // Linux 6.18 itself does not replay this one either.
    let live = try treeLines(at: mounted.place, tellsAccess: false)
    let listing = TreeListing(try openXFS(copy), tellsAccess: false)
    #expect(listing.errors.isEmpty, "\(listing.errors.prefix(3))")
    #expect(live.count > 2000)
    #expect(differences(listing.lines, live).isEmpty)
  }

  /// Leaves free space only in crumbs of two blocks, and fills a directory then.
  private let crumbsScript = """
    import os, sys
    top = sys.argv[1]
    os.mkdir(top + '/f')
    os.mkdir(top + '/d')
    count = 0
    try:
        while True:
            with open(top + '/f/%d' % count, 'wb', buffering=0) as f: f.write(b'x' * 8192)
            count += 1
            if count % 500 == 0: os.sync()
    except OSError: pass
    os.sync()
    for i in range(0, count, 2): os.unlink(top + '/f/%d' % i)
    os.sync()
    left = os.statvfs(top)
    with open(top + '/big', 'wb') as f:
        try: os.posix_fallocate(f.fileno(), 0, left.f_bavail * left.f_bsize - (3 << 20))
        except OSError: pass
    os.sync()
    try:
        for i in range(3000): open(top + '/d/some name of an entry %d' % i, 'w').close()
    except OSError: pass
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
