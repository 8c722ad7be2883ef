import BlockDevices
import Bytes
import DiskImages
import SystemPackage
import TestSupport
import Testing

@testable import Volumes

/// File systems that the real tools made, as blkid sees them.
@Suite(.enabled(if: areInstalled("blkid")))
struct SignatureTests {
  private let directory: TemporaryDirectory
  private let image: FilePath

  init() throws {
    directory = try TemporaryDirectory()
    image = directory.appending("disk.img")
  }

  /// A size in MiB, and a command with IMAGE in the place of the image.
  struct Making: Sendable, CustomTestStringConvertible {
    let megabytes: Int
    let command: [String]

    init(_ megabytes: Int, _ command: String) {
      self.megabytes = megabytes
      self.command = command.split(separator: " ").map { String($0) }
    }

    var testDescription: String { command.joined(separator: " ") }
  }

  static let makings: [Making] = [
    .init(8, "mke2fs -q -t ext2 -L old IMAGE"),
    .init(8, "mke2fs -q -t ext3 -L sixteen-letters- IMAGE"),
    .init(8, "mke2fs -q -t ext4 -L Füße IMAGE"),
    .init(8, "mke2fs -q -t ext4 -O ^has_journal IMAGE"),
    .init(8, "mke2fs -q -t ext4 -O ^extent,^huge_file,^64bit,^flex_bg,^metadata_csum IMAGE"),
    .init(8, "mke2fs -q -O journal_dev -b 4096 IMAGE"),
    .init(320, "mkfs.xfs -q -L data IMAGE"),
    .init(128, "mkfs.btrfs -q -L root IMAGE"),
    .init(8, "mkfs.ntfs -q -F -L Volume IMAGE"),
    .init(32, "mkfs.ntfs -q -F -c 65536 -L Größe IMAGE"),
    .init(4, "mkfs.fat -n TWELVE IMAGE"),
    .init(4, "mkfs.fat IMAGE"),
    .init(32, "mkfs.fat -F 16 -n SIXTEEN -i 1234abcd IMAGE"),
    .init(64, "mkfs.fat -F 32 -n THIRTYTWO IMAGE"),
    .init(64, "mkfs.fat -F 32 -S 4096 -n LARGE IMAGE"),
    .init(64, "mkfs.fat -F 32 --mbr=y -n MBR IMAGE"),
    .init(8, "mkfs.exfat -L Karte IMAGE"),
    .init(8, "mkfs.exfat IMAGE"),
    .init(8, "mkswap -q -L swap IMAGE"),
    .init(8, "mkswap -q -p 16384 IMAGE"),
    .init(32, "mkfs.jfs -q -L jfs IMAGE"),
    .init(64, "mkfs.f2fs -q -l flash IMAGE"),
    .init(64, "mkfs.reiserfs -q -f -f -l reiser IMAGE"),
    .init(160, "mkfs.nilfs2 -q -L nil IMAGE"),
    .init(8, "make-bcache -B IMAGE"),
    .init(
      32,
      "cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 --key-file KEY IMAGE"),
    .init(
      32,
      "cryptsetup -q luksFormat --type luks2 --label secret --pbkdf pbkdf2 "
        + "--pbkdf-force-iterations 1000 --key-file KEY IMAGE"),
    .init(8, "mksquashfs SOURCE IMAGE -quiet -no-progress -noappend"),
    .init(8, "mkfs.erofs IMAGE SOURCE"),
    .init(8, "genisoimage -quiet -V DISC -o IMAGE SOURCE"),
    .init(8, "genisoimage -quiet -J -R -V Disc_of_some -o IMAGE SOURCE"),
    .init(8, "true"),
  ]

  @Test(arguments: makings)
  func `what a tool makes is named as blkid names it`(making: Making) throws {
    guard areInstalled(making.command[0]) else { return }
    try output(of: "truncate", "-s", "\(making.megabytes)M", image.string)
    let key = directory.appending("key")
    try writeFile(Array("correct horse".utf8), to: key)
    let source = directory.appending("source")
    try output(of: "mkdir", source.string)
    try writeFile(Array("a file".utf8), to: source.appending("file"))
    let names = ["IMAGE": image.string, "KEY": key.string, "SOURCE": source.string]
    try output(of: "env", arguments: making.command.map { names[$0] ?? $0 })
    try expectAsBlkid()
    // On something larger, that ends within a sector.
    try output(of: "truncate", "-s", "+100001", image.string)
    try expectAsBlkid()
  }

  @Test(arguments: ["0.90", "0.90 swapped", "1.0", "1.1", "1.2"])
  func `members of a software RAID are named as blkid names them`(version: String) throws {
    let byteCount = 3 << 20 + 5 << 10
    var bytes = [UInt8](repeating: 0, count: byteCount)
    func put(_ offset: Int, _ number: UInt32) {
      let stored = version == "0.90 swapped" ? number.byteSwapped : number
      for index in 0..<4 {
        bytes[offset + index] = UInt8(truncatingIfNeeded: stored >> UInt32(8 * index))
      }
    }
    let places = ["1.0": (byteCount / 512 - 16) / 8 * 4096, "1.1": 0, "1.2": 4096]
    if let place = places[version] {
      for (offset, number) in [
        (0, 0xA92B_4EFC), (4, 1), (72, 1), (92, 2), (144, UInt32(place / 512)), (220, 2),
      ] as [(Int, UInt32)] { put(place + offset, number) }
      bytes.replaceSubrange(place + 16..<place + 32, with: 1...16)
      bytes.replaceSubrange(place + 32..<place + 41, with: Array("host:data".utf8))
      var sum: UInt64 = 0
      for offset in stride(from: place, to: place + 260, by: 4) {
        sum += try UInt64(bytes.span.bytes.littleEndian(at: offset, as: UInt32.self))
      }
      put(place + 216, UInt32(truncatingIfNeeded: sum + sum >> 32))
    } else {
      let place = byteCount / 65536 * 65536 - 65536
      for (offset, number) in [
        (0, 0xA92B_4EFC), (8, 90), (20, 0x0102_0304), (52, 0x1112_1314), (56, 0x2122_2324),
        (60, 0x3132_3334),
      ] as [(Int, UInt32)] { put(place + offset, number) }
    }
    try writeFile(bytes, to: image)
    #expect(try blkid("TYPE") == "linux_raid_member")
    try expectAsBlkid()
  }

  @Test func `a physical volume of LVM2 is named as blkid names it`() throws {
    let sample = SamplePhysicalVolume(
      uuid: "0123456789abcdefABCDEFghijklmnop", areas: [],
      data: [UInt8](repeating: 1, count: 1 << 20))
    try writeFile(sample.bytes, to: image)
    #expect(try blkid("TYPE") == "LVM2_member")
    try expectAsBlkid()
  }

  private func expectAsBlkid(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let found = try signature(of: DiskImage(opening: image))
    #expect(try found?.typeName == blkid("TYPE"), sourceLocation: sourceLocation)
    #expect(try found?.label == blkid("LABEL"), sourceLocation: sourceLocation)
    #expect(try found?.uuid == blkid("UUID"), sourceLocation: sourceLocation)
  }

  /// The value of a tag; nil where there is none.
  private func blkid(_ tag: String) throws -> String? {
    let text = try output(
      of: "blkid", "-p", "-o", "value", "-s", tag, image.string, allowing: [0, 2])
    return text.split(separator: "\n").first.map { String($0) }
  }
}
