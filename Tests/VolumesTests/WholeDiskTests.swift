import BlockDevices
import DiskImages
import SystemPackage
import TestSupport
import Testing

@testable import Volumes

/// Whether a disk holds one file system or partitions, where it looks like both.
@Suite struct WholeDiskTests {
  private let directory: TemporaryDirectory
  private let image: FilePath

  init() throws {
    directory = try TemporaryDirectory()
    image = directory.appending("disk.img")
  }

  /// Names and what is there, joined by a space.
  private func found(_ commands: [[String]]) throws -> [String] {
    try output(of: "truncate", "-s", "64M", image.string)
    for command in commands {
      let input = command.count > 2 ? command[2] : ""
      let arguments = command[1].split(separator: " ").map { String($0) }
      try output(of: command[0], arguments: arguments + [image.string], input: input)
    }
    let disk = NamedDisk(name: "sda", device: try DiskImage(opening: image))
    let listing = try findVolumes(on: [disk])
    #expect(listing.problems == [])
    return listing.volumes.map { "\($0.name) \($0.content?.typeName ?? "–")" }
  }

  @Test(.enabled(if: areInstalled("mkfs.fat")))
  func `a FAT with a table of partitions in its boot sector is a file system`() throws {
    #expect(try found([["mkfs.fat", "-F 32 --mbr=y"]]) == ["sda vfat"])
  }

  @Test(.enabled(if: areInstalled("mke2fs")))
  func `a file system on a whole disk is one without a partition table`() throws {
    #expect(try found([["mke2fs", "-q -F -t ext4"]]) == ["sda ext4"])
  }

  @Test(.enabled(if: areInstalled("mke2fs", "sfdisk")))
  func `a table over what is left of an older file system is the table`() throws {
    let names = try found([
      ["mke2fs", "-q -F -t ext4"],
      ["sfdisk", "--quiet --wipe=never", "label: dos\nsize=9M\nsize=9M, type=82\n"],
    ])
    #expect(names == ["sda dos", "sda/1 –", "sda/2 –"])
  }

  @Test(.enabled(if: areInstalled("mkfs.fat", "sgdisk")))
  func `a file system over what is left of an older table is the file system`() throws {
    // The backup at the end stays.
    let names = try found([
      ["sgdisk", "--new=1:0:0"], ["mkfs.fat", "-F 32 -I"],
    ])
    #expect(names == ["sda vfat"])
  }

  @Test func `nothing is nothing`() throws {
    #expect(try found([]) == ["sda –"])
    for byteCount in [0, 1, 511, 512, 513, 4096] {
      let disk = NamedDisk(
        name: "sda", device: MemoryDevice([UInt8](repeating: 0, count: byteCount)))
      let listing = try findVolumes(on: [disk])
      #expect(listing.volumes.count == 1 && listing.problems == [])
    }
  }

  @Test func `disks need names that tell them apart`() {
    let disk = NamedDisk(name: "sda", device: MemoryDevice([]))
    #expect(throws: DiskNameError.taken("sda")) { try findVolumes(on: [disk, disk]) }
    let odd = NamedDisk(name: "a/b", device: MemoryDevice([]))
    #expect(throws: DiskNameError.invalid("a/b")) { try findVolumes(on: [odd]) }
  }
}
