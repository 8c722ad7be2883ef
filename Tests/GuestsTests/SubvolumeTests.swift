import BlockDevices
import DiskImages
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing
import Volumes

@testable import Guests

/// Machines whose root is a subvolume of btrfs, as installers of several kinds make it.
@Suite(
  .serialized,
  .enabled(
    if: getuid() == 0 && areInstalled("mkfs.btrfs", "btrfs", "losetup", "mount")
      && isKnownToKernel("btrfs")))
struct SubvolumeTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(isInMemory: true) }

  /// A machine of a few disks that are one file system, filled by a shell script in its top.
  private func machine(_ script: String, disks count: Int = 1, options: [String] = []) throws
    -> Guest
  {
    let images = (0..<count).map { directory.appending("disk\($0)") }
    var loops: [String] = []
    defer {
      _ = try? output(of: "btrfs", "device", "scan", "--forget")
      for loop in loops { _ = try? output(of: "losetup", "-d", loop) }
    }
    for image in images {
      try output(of: "truncate", "-s", "256M", image.string)
      loops.append(
        try output(of: "losetup", "-f", "--show", image.string).split(separator: "\n").joined())
    }
    try output(
      of: "mkfs.btrfs", arguments: ["-q", "-f", "-U", Self.uuid] + options + loops)
    let place = directory.appending("mounted")
    mkdir(place.string, 0o700)
    let devices = loops.dropFirst().map { "device=\($0)" }
    try output(
      of: "mount", "-t", "btrfs", "-o", (["noatime"] + devices).joined(separator: ","), loops[0],
      place.string)
    defer { _ = try? output(of: "umount", place.string) }
    try output(of: "bash", "-ec", "cd \(place)\n" + script)
    return Guest(
      try findVolumes(
        on: images.map {
          NamedDisk(name: $0.lastComponent!.string, device: try DiskImage(opening: $0))
        }))
  }

  private static let uuid = "22222222-3333-4444-5555-666666666666"

  private func text(_ path: String, in tree: MountTree) throws -> String {
    let place = try tree.place(at: GuestPath(path))
    let bytes = try place.fileSystem.content(of: place.item).bytes(limit: 1000)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `a root that only its fstab names is told from its snapshots`() throws {
    let guest = try machine(
      """
      btrfs -q subvolume create root; btrfs -q subvolume create home
      mkdir -p root/etc root/usr root/home home/ann
      echo 'UUID=\(Self.uuid) / btrfs subvol=root,compress=zstd:1 0 0' >root/etc/fstab
      echo 'UUID=\(Self.uuid) /home btrfs subvol=home 0 0' >>root/etc/fstab
      echo now >root/etc/when; echo hers >home/ann/notes
      btrfs -q subvolume snapshot root before
      echo before >before/etc/when
      """)
    let (tree, problems) = try guest.machineTree()
    #expect(problems == [])
    #expect(try text("/etc/when", in: tree) == "now\n")
    #expect(try text("/home/ann/notes", in: tree) == "hers\n")
    #expect(try text("/etc/when", in: guest.tree(ofVolumeNamed: "disk0[/before]")) == "before\n")
    #expect(try text("/home/ann/notes", in: guest.tree(ofVolumeNamed: "disk0[/]")) == "hers\n")
    #expect(
      try text("/before/etc/when", in: guest.tree(ofVolumeNamed: "UUID=\(Self.uuid)")) == "before\n"
    )
    #expect(throws: FileSystemError.self) { try guest.tree(ofVolumeNamed: "disk0[/other]") }
  }

  @Test func `a root that is the default subvolume is mounted with what lies beside it`() throws {
    let guest = try machine(
      """
      btrfs -q subvolume create @; btrfs -q subvolume create @/home
      btrfs -q subvolume create @/.snapshots; mkdir -p @/.snapshots/1
      mkdir -p @/etc @/usr; echo first >@/etc/when; echo hers >@/home/notes
      btrfs -q subvolume snapshot @ @/.snapshots/1/snapshot
      cd @/.snapshots/1/snapshot
      echo 'UUID=\(Self.uuid) / btrfs defaults 0 0' >etc/fstab
      echo 'UUID=\(Self.uuid) /home btrfs subvol=/@/home 0 0' >>etc/fstab
      echo 'UUID=\(Self.uuid) /.snapshots btrfs subvol=@/.snapshots 0 0' >>etc/fstab
      echo 'UUID=\(Self.uuid) /usr btrfs subvol=@/nowhere 0 0' >>etc/fstab
      echo snapshot >etc/when
      btrfs subvolume set-default .
      """)
    let (tree, problems) = try guest.machineTree()
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("/usr is not shown: btrfs: ") ?? false)
    #expect(try text("/etc/when", in: tree) == "snapshot\n")
    #expect(try text("/home/notes", in: tree) == "hers\n")
    #expect(try text("/.snapshots/1/snapshot/etc/when", in: tree) == "snapshot\n")
  }

  @Test func `a file system on several disks is one, whichever of them names it`() throws {
    let guest = try machine(
      """
      mkdir -p etc usr; echo raid >etc/when
      echo 'UUID=\(Self.uuid) / btrfs defaults 0 0' >etc/fstab
      head -c 3000000 /dev/urandom >large
      """, disks: 3, options: ["-d", "raid0", "-m", "raid1"])
    let (tree, problems) = try guest.machineTree()
    #expect(problems == [])
    #expect(try text("/etc/when", in: tree) == "raid\n")
    let place = try tree.place(at: GuestPath("/large"))
    #expect(try place.fileSystem.content(of: place.item).bytes(limit: 1 << 22).count == 3_000_000)
    #expect(try guest.volume(named: "UUID=\(Self.uuid)").name == "disk0")
    #expect(guest.openedFileSystems.count == 1)
    let other = try guest.tree(ofVolumeNamed: "disk2")
    #expect(other.root.fileSystem === tree.root.fileSystem)
    #expect(try guest.condition(of: guest.volume(named: "disk1")).sentence == "clean")
  }
}
