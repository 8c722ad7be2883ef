import BlockDevices
import DiskImages
import Encryption
import Filesystems
import SystemPackage
import TestSupport
import Testing
import Volumes

@testable import Guests

/// Machines whose volumes cryptsetup encrypted.
@Suite(.enabled(if: areInstalled("cryptsetup", "python3", "mke2fs", "sfdisk")))
struct EncryptedGuestTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(isInMemory: true) }

  private let letter = String(repeating: "a letter of some length; ", count: 8000)

  /// An ext4 of 8 MiB with these files.
  private func ext4(_ name: String, _ files: [String: String]) throws -> [UInt8] {
    let (tree, image) = (directory.appending("tree-\(name)"), directory.appending(name))
    for (file, text) in files {
      let folder = file.split(separator: "/").dropLast().joined(separator: "/")
      try output(of: "mkdir", "-p", "\(tree)/\(folder)")
      try writeFile(Array(text.utf8), to: FilePath("\(tree)/\(file)"), sparse: false)
    }
    try output(
      of: "mke2fs", "-q", "-F", "-t", "ext4", "-L", name, "-d", tree.string, image.string, "8M")
    return try readFile(image)
  }

  private func rootFiles(fstab: String, crypttab: String = "") -> [String: String] {
    [
      "etc/fstab": fstab, "etc/crypttab": crypttab, "etc/hosts": "127.0.0.1 web01\n",
      "usr/letter": letter, "home/empty": "",
    ]
  }

  /// A disk with partitions of these bytes.
  private func partitioned(_ contents: [[UInt8]]) throws -> [UInt8] {
    let image = directory.appending("disk")
    let sizes = contents.map { ($0.count >> 20) + 1 }
    try output(of: "truncate", "-s", "\(sizes.reduce(2, +))M", image.string)
    let lines = sizes.map { "size=\($0)M" }.joined(separator: "\n")
    try output(of: "sfdisk", "--quiet", image.string, input: "label: dos\n\(lines)\n")
    var disk = try readFile(image)
    var place = 1 << 20
    for (bytes, size) in zip(contents, sizes) {
      disk.replaceSubrange(place..<place + bytes.count, with: bytes)
      place += size << 20
    }
    return disk
  }

  /// A physical volume with one logical volume, `group/volume`, of these bytes.
  private func physicalVolume(_ group: String, _ volume: String, _ data: [UInt8]) -> [UInt8] {
    let count = data.count >> 20
    var made = SamplePhysicalVolume(
      uuid: String((group + String(repeating: "x", count: 32)).prefix(32)), areas: [], data: data)
    let text = """
      \(group) { id = "\(group)" seqno = 1 extent_size = 2048
      physical_volumes { p { id = "\(made.uuidText)" pe_start = 2048 pe_count = \(count) } }
      logical_volumes { \(volume) { id = "\(volume)" status = ["READ", "VISIBLE"]
      segment_count = 1 segment1 { start_extent = 0 extent_count = \(count) type = "striped"
      stripes = ["p", 0] } } } }
      """
    made.areas = [.init(offset: 4096, byteCount: 65_536, text: text)]
    return made.bytes
  }

  private func guest(_ disk: [UInt8], _ secrets: String...) throws -> Guest {
    let listing = try findVolumes(on: [NamedDisk(name: "sda", device: MemoryDevice(disk))]) {
      secrets.map { secret($0) }
    }
    return Guest(listing)
  }

  private func text(_ path: String, in tree: MountTree) throws -> String {
    let place = try tree.place(at: GuestPath(path))
    let bytes = try place.fileSystem.content(of: place.item).bytes(limit: 1 << 20)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `a root and a home in containers of their own are one tree`() throws {
    let home = try LUKSContainer(
      .init(work: "argon2id", sector: 4096),
      holding: try ext4("home", ["ann/letter": letter + "from home"]),
      passphrase: Array("of the home".utf8))
    let root = try LUKSContainer(
      .init(work: "argon2id", sector: 4096),
      holding: try ext4(
        "root",
        rootFiles(
          fstab: "LABEL=root / ext4 defaults 0 1\n/dev/mapper/home_crypt /home ext4 defaults 0 2\n",
          crypttab: "# name device key\nhome_crypt /dev/sda2 none luks\n")),
      passphrase: Array("of the root".utf8))
    let disk = try partitioned([try root.bytes, try home.bytes])
    let machine = try guest(disk, "of the root", "of the home")
    let names = ["sda", "sda/1", "sda/1/luks", "sda/2", "sda/2/luks"]
    #expect(machine.listing.volumes.map(\.name) == names)
    let (tree, problems) = try machine.machineTree()
    #expect(problems == [])
    #expect(try text("/usr/letter", in: tree) == letter)
    #expect(try text("/home/ann/letter", in: tree) == letter + "from home")

    let half = try guest(disk, "of the root")
    let (alone, missing) = try half.machineTree()
    #expect(try text("/usr/letter", in: alone) == letter)
    #expect(missing.count == 1 && missing[0].hasPrefix("/home is not shown"))
    let closed = try #require(half.listing.volumes.last)
    #expect(closed.name == "sda/2" && closed.refusal?.contains("none of the secrets") == true)
    #expect(throws: GuestError.self) { try half.tree(ofVolumeNamed: "sda/2") }
  }

  @Test func `LVM in LUKS, LUKS in LVM, and a whole disk are read`() throws {
    let files = try ext4("root", rootFiles(fstab: "/dev/mapper/vg-root / ext4 defaults 0 1\n"))
    let outer = try LUKSContainer(
      holding: physicalVolume("vg", "root", files), passphrase: Array("outer".utf8))
    let inside = try guest(try partitioned([try outer.bytes]), "outer")
    #expect(
      inside.listing.volumes.map(\.name) == ["sda", "sda/1", "sda/1/luks", "vg/root"])
    #expect(inside.listing.groups.first?.physicalVolumes.map(\.volume) == ["sda/1/luks"])
    #expect(try text("/usr/letter", in: try inside.machineTree().tree) == letter)

    let inner = try LUKSContainer(
      .init(version: 1), holding: files, passphrase: Array("inner".utf8))
    let around = try guest(physicalVolume("vg", "root", try inner.bytes), "inner")
    #expect(around.listing.volumes.map(\.name) == ["sda", "vg/root", "vg/root/luks"])
    #expect(try text("/usr/letter", in: try around.machineTree().tree) == letter)

    let both = try LUKSContainer(
      holding: physicalVolume("vg", "root", try inner.bytes), passphrase: Array("outer".utf8))
    let nested = try guest(try both.bytes, "inner", "outer")
    #expect(
      nested.listing.volumes.map(\.name) == ["sda", "sda/luks", "vg/root", "vg/root/luks"])
    #expect(nested.listing.problems == [])
    #expect(try text("/usr/letter", in: try nested.machineTree().tree) == letter)
  }

  @Test func `a lone file system in a container is shown by itself`() throws {
    let files = try ext4("data", ["a/b": "of the data"])
    let container = try LUKSContainer(holding: files, passphrase: Array("first".utf8))
    let tree = try guest(try container.bytes, "first").machineTree().tree
    #expect(try text("/a/b", in: tree) == "of the data")
  }
}
