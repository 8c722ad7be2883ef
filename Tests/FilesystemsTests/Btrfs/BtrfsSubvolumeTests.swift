import Filesystems
import SystemPackage
import TestSupport
import Testing

/// Which of several trees is shown, and by which names the others are reached.
@Suite(.serialized) struct BtrfsSubvolumeTests {
  private let directory: TemporaryDirectory
  private var place: FilePath { directory.appending("mounted") }

  init() throws { directory = try TemporaryDirectory(isInMemory: true) }

  private static let script = """
    cd "$0"
    btrfs -q subvolume create @
    btrfs -q subvolume create @/.snapshots
    mkdir @/.snapshots/1
    echo top >where; echo @ >@/where
    btrfs -q subvolume snapshot @ @/.snapshots/1/snapshot
    echo snapshot >@/.snapshots/1/snapshot/where
    mkdir plain
    """

  @Test func `the default subvolume is shown, and others by their paths and numbers`() throws {
    guard canMountBtrfs() else { return }
    let images = try BtrfsImages(in: directory.path, megabytes: 128, options: "")
    try images.mounted(at: place) {
      try output(of: "sh", "-ec", Self.script, $0.string)
    }
    func text(_ fileSystem: BtrfsFileSystem, _ options: String...) throws -> String {
      let top = try fileSystem.root(mountedWith: options)
      let entry = try #require(try fileSystem.entry(named: "where", in: top))
      let bytes = try fileSystem.content(of: entry.item).bytes(limit: 100)
      return String(decoding: bytes, as: UTF8.self)
    }
    let plain = try images.open()
    #expect(try text(plain) == "top\n")
    #expect(
      try plain.subvolumes().map { $0.map(\.description).joined(separator: "/") }
        == ["@", "@/.snapshots", "@/.snapshots/1/snapshot"])

    try images.mounted(at: place) {
      try output(
        of: "btrfs", "subvolume", "set-default", "\($0)/@/.snapshots/1/snapshot")
    }
    let changed = try images.open()
    #expect(try text(changed) == "snapshot\n")
    #expect(try text(changed, "defaults", "subvol=/") == "top\n")
    #expect(try text(changed, "subvol=@") == "@\n")
    #expect(try text(changed, "subvol=/@/.snapshots/1/snapshot") == "snapshot\n")
    #expect(try text(changed, "subvolid=5") == "top\n")
    #expect(try text(changed, "subvolid=0", "ro") == "top\n")
    #expect(try text(changed, "subvol=@", "subvolid=256") == "@\n")
    for options in [
      ["subvol=plain"], ["subvol=nothing"], ["subvolid=999"], ["subvolid=x"],
      ["subvol=@", "subvolid=257"],
    ] {
      #expect(throws: FileSystemError.self) { try changed.root(mountedWith: options) }
    }
    #expect(try images.differencesFromKernel(at: place) == [])
  }

  @Test func `a changed uuid, a seed and a device that was added are understood`() throws {
    guard canMountBtrfs(), areInstalled("btrfstune") else { return }
    let first = try BtrfsImages(in: directory.path, megabytes: 128, options: "-m dup")
    try first.mounted(at: place) {
      try output(of: "python3", "-c", btrfsSmallTreeScript, $0.string)
    }
    try output(of: "btrfstune", "-m", first.paths[0].string)
    #expect(try first.differencesFromKernel(at: place) == [])

    let seed = directory.appending("seed.img")
    let second = try BtrfsImages(in: directory.path, megabytes: 128, options: "-m dup")
    try second.mounted(at: place) {
      try output(of: "python3", "-c", btrfsSmallTreeScript, $0.string)
    }
    try output(of: "mv", second.paths[0].string, seed.string)
    try output(of: "btrfstune", "-f", "-S", "1", seed.string)
    let added = directory.appending("added.img")
    try output(of: "truncate", "-s", "300M", added.string)
    let loop = try output(of: "losetup", "-f", "--show", added.string)
      .split(separator: "\n").joined()
    defer { _ = try? output(of: "losetup", "-d", loop) }
    try BtrfsImages([seed]).mounted(at: place, options: "ro") { top in
      try output(of: "btrfs", "device", "add", "-f", loop, top.string)
      try output(of: "mount", "-o", "remount,rw", top.string)
      try output(of: "sh", "-ec", "echo more >\(top)/more; rm \(top)/f5")
    }
    let both = BtrfsImages([added, seed])
    let ours = TreeListing(try both.open(), tellsAccess: false)
    #expect(ours.errors.isEmpty)
    #expect(ours.lines["/more"] != nil && ours.lines["/f4"] != nil && ours.lines["/f5"] == nil)
    let alone = TreeListing(try BtrfsImages([seed]).open(), tellsAccess: false)
    #expect(alone.lines["/more"] == nil && alone.lines["/f5"] != nil)
  }
}
