import BlockDevices
import DiskImages
import Filesystems
import SystemPackage
import TestSupport
import Testing
import Volumes

@testable import Guests

/// Machines of several disks, with file systems that mke2fs and mkfs.fat made.
@Suite(.enabled(if: areInstalled("mke2fs", "sfdisk", "mkfs.fat")))
struct MachineTreeTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static let uuids = (
    root: "11111111-2222-3333-4444-555555555555", boot: "11111111-2222-3333-4444-666666666666"
  )

  /// A directory with files; a name that ends in "/" is a directory.
  private func source(_ name: String, _ files: [String: String]) throws -> FilePath {
    let path = directory.appending(name)
    try output(of: "mkdir", path.string)
    for (file, text) in files {
      let folder = file.split(separator: "/").dropLast(file.hasSuffix("/") ? 0 : 1)
      try output(of: "mkdir", "-p", "\(path)/\(folder.joined(separator: "/"))")
      if !file.hasSuffix("/") {
        try writeFile(Array(text.utf8), to: FilePath("\(path)/\(file)"), sparse: false)
      }
    }
    return path
  }

  private func makeExt4(
    on image: FilePath, at offset: Int, _ files: [String: String], uuid: String, label: String
  ) throws {
    let tree = try source("source-\(label)", files)
    try output(
      of: "mke2fs", "-q", "-F", "-t", "ext4", "-U", uuid, "-L", label, "-d", tree.string,
      "-E", "offset=\(offset)", image.string, "8M")
  }

  private static let rootFiles = [
    "etc/hosts": "127.0.0.1 web01\n", "usr/bin/": "", "boot/": "", "boot/hidden": "beneath",
    "home/": "", "srv/my data/": "", "data/": "", "var/": "",
  ]

  private func fstab(_ more: String = "") -> String {
    """
    UUID=\(Self.uuids.root) / ext4 defaults 0 1
    LABEL=EFI /boot/efi vfat umask=0077 0 1
    /dev/disk/by-uuid/\(Self.uuids.boot) /boot ext4 defaults 0 2
    /dev/sdb1 /home ext4 defaults 0 2
    /home/shared /srv/my\\040data none bind 0 0
    proc /proc proc defaults 0 0
    \(more)
    """
  }

  /// Partitions of 10 MiB from 1 MiB on.
  private func partitioned(_ name: String, _ count: Int) throws -> FilePath {
    let image = directory.appending(name)
    try output(of: "truncate", "-s", "48M", image.string)
    let script = "label: gpt\n" + String(repeating: "size=10M\n", count: count)
    try output(of: "sfdisk", "--quiet", image.string, input: script)
    return image
  }

  private func offset(_ partition: Int) -> Int { (1 + 10 * (partition - 1)) << 20 }

  private func guest(_ images: FilePath...) throws -> Guest {
    let disks = try images.map {
      NamedDisk(name: $0.lastComponent!.string, device: try DiskImage(opening: $0))
    }
    return Guest(try findVolumes(on: disks))
  }

  private func machine(fstab: String) throws -> Guest {
    let first = try partitioned("first", 3)
    try output(
      of: "mkfs.fat", "-F", "16", "-n", "EFI", "--offset", "\(offset(1) / 512)", first.string,
      "10240")
    try makeExt4(
      on: first, at: offset(2), ["vmlinuz": "kernel", "efi/": ""], uuid: Self.uuids.boot,
      label: "boot")
    try makeExt4(
      on: first, at: offset(3), Self.rootFiles.merging(["etc/fstab": fstab]) { $1 },
      uuid: Self.uuids.root, label: "root")
    let second = try partitioned("second", 1)
    try makeExt4(
      on: second, at: offset(1), ["shared/notes": "shared notes"],
      uuid: "11111111-2222-3333-4444-777777777777", label: "home")
    return try guest(first, second)
  }

  private func text(_ path: String, in tree: MountTree) throws -> String {
    let place = try tree.place(at: GuestPath(path))
    let bytes = try place.fileSystem.content(of: place.item).bytes(limit: 1000)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `the root is found and what its fstab says is mounted on it`() throws {
    let (tree, problems) = try machine(fstab: fstab()).machineTree()
    #expect(problems == [])
    #expect(try text("/etc/hosts", in: tree) == "127.0.0.1 web01\n")
    #expect(try text("/boot/vmlinuz", in: tree) == "kernel")
    #expect(throws: PathError.self) { try text("/boot/hidden", in: tree) }
    #expect(try text("/home/shared/notes", in: tree) == "shared notes")
    #expect(try text("/srv/my data/notes", in: tree) == "shared notes")
    #expect(try tree.place(at: GuestPath("/boot/efi")).fileSystem.typeName == "vfat")
  }

  @Test func `what cannot be mounted is told and the rest is there`() throws {
    let more = """
      UUID=0000-0000 /data ext4 defaults 0 0
      /dev/sdb1 /nowhere ext4 defaults 0 0
      /dev/sdb /var xfs defaults 0 0
      /dev/sdc1 /later ext4 noauto 0 0
      """
    let guest = try machine(fstab: fstab(more))
    let (tree, problems) = try guest.machineTree()
    #expect(try text("/home/shared/notes", in: tree) == "shared notes")
    #expect(problems.count == 3)
    #expect(problems.contains("/data is not shown: no volume is UUID=0000-0000"))
    #expect(problems.contains("/nowhere is not shown: there is no such file or directory"))
    #expect(problems.contains { $0.hasPrefix("/var is not shown: second has no file system") })
    #expect(try guest.condition(of: guest.volume(named: "LABEL=boot")).sentence == "clean")
    let alone = try guest.tree(ofVolumeNamed: "UUID=\(Self.uuids.root)")
    #expect(try text("/boot/hidden", in: alone) == "beneath")
  }

  @Test func `of several roots the one that names itself is taken, else a person has to choose`()
    throws
  {
    let image = try partitioned("first", 2)
    let files = Self.rootFiles
    try makeExt4(
      on: image, at: offset(1), files.merging(["etc/fstab": "LABEL=one / ext4\n"]) { $1 },
      uuid: Self.uuids.root, label: "one")
    try makeExt4(
      on: image, at: offset(2), files.merging(["etc/fstab": "LABEL=one / ext4\n"]) { $1 },
      uuid: Self.uuids.boot, label: "copy")
    let certain = try guest(image)
    let found = try certain.machineTree().tree.root.fileSystem
    #expect(try found === certain.fileSystem(on: certain.volume(named: "first/1")))
    try makeExt4(
      on: image, at: offset(2), files.merging(["etc/fstab": "LABEL=two / ext4\n"]) { $1 },
      uuid: Self.uuids.boot, label: "two")
    do {
      _ = try guest(image).machineTree()
      Issue.record("there are two")
    } catch let error as GuestError {
      #expect(error.description.contains("POINT:first/1:/path"))
      #expect(error.description.contains("first/2 (ext4, two, \(Self.uuids.boot))"))
    }
  }

  @Test func `a root on a logical volume over two disks is found, and its fstab's names hold`()
    throws
  {
    let root = directory.appending("root")
    try output(of: "truncate", "-s", "8M", root.string)
    let table = "/dev/mapper/my--group-the--root / ext4\n/dev/my-group/home /home ext4\n"
    try makeExt4(
      on: root, at: 0, Self.rootFiles.merging(["etc/fstab": table]) { $1 }, uuid: Self.uuids.root,
      label: "root")
    let home = directory.appending("home")
    try output(of: "truncate", "-s", "8M", home.string)
    try makeExt4(on: home, at: 0, ["a/b": "of the home"], uuid: Self.uuids.boot, label: "home")
    let (rootBytes, homeBytes) = (try readFile(root), try readFile(home))
    let half = 4 << 20
    // Crosswise, so that neither disk has the whole of either.
    var volumes = [
      SamplePhysicalVolume(
        uuid: String(repeating: "a", count: 32), areas: [],
        data: Array(homeBytes[half...] + rootBytes[..<half])),
      SamplePhysicalVolume(
        uuid: String(repeating: "b", count: 32), areas: [],
        data: Array(rootBytes[half...] + homeBytes[..<half])),
    ]
    func volume(_ name: String, _ first: String, _ second: String) -> String {
      """
      \(name) { id = "\(name)" status = ["READ", "VISIBLE"] segment_count = 2
      segment1 { start_extent = 0 extent_count = 4 type = "striped" stripes = [\(first)] }
      segment2 { start_extent = 4 extent_count = 4 type = "striped" stripes = [\(second)] } }
      """
    }
    let members = zip(["p", "q"], volumes).map {
      "\($0) { id = \"\($1.uuidText)\" pe_start = 2048 pe_count = 8 }"
    }
    let text = """
      my-group { id = "G" seqno = 1 extent_size = 2048
      physical_volumes { \(members.joined(separator: " ")) }
      logical_volumes { \(volume("the-root", "\"p\", 4", "\"q\", 0"))
      \(volume("home", "\"q\", 4", "\"p\", 0")) } }
      """
    volumes[1].areas = [.init(offset: 4096, byteCount: 65536, text: text, textOffset: 65400)]
    let machine = Guest(
      try findVolumes(
        on: zip(["sda", "sdb"], volumes).map {
          NamedDisk(name: $0, device: MemoryDevice($1.bytes))
        }))
    let (tree, problems) = try machine.machineTree()
    #expect(problems == [] && machine.listing.problems == [])
    #expect(try self.text("/etc/hosts", in: tree) == "127.0.0.1 web01\n")
    #expect(try self.text("/home/a/b", in: tree) == "of the home")
  }

  @Test func `an image of one file system is its root, recognised by a copy if need be`() throws {
    let image = directory.appending("alone")
    try output(of: "truncate", "-s", "64M", image.string)
    try output(of: "mkfs.fat", "-F", "32", "-n", "ALONE", image.string)
    #expect(try guest(image).machineTree().tree.root.fileSystem.typeName == "vfat")
    var bytes = try readFile(image)
    for place in 0..<512 { bytes[place] = 0 }
    try writeFile(bytes, to: image)
    let damaged = try guest(image)
    #expect(damaged.listing.volumes.map(\.content) == [nil])
    #expect(try damaged.machineTree().tree.root.fileSystem.typeName == "vfat")
  }

  @Test func `where no volume is a root it is said what there is`() throws {
    let image = try partitioned("first", 1)
    do {
      _ = try guest(image).machineTree()
      Issue.record("there is none")
    } catch let error as GuestError {
      #expect(error.description.contains("no volume looks like the root"))
      #expect(error.description.contains("first/1 (nothing known)"))
    }
  }
}
