import BlockDevices
import DiskImages
import SystemPackage
import TestSupport
import Testing

@testable import Volumes

/// Partition tables that others made, as they read them.
@Suite(.enabled(if: areInstalled("sfdisk", "partx")))
struct PartitionTableTests {
  private let directory: TemporaryDirectory
  private let image: FilePath

  init() throws {
    directory = try TemporaryDirectory()
    image = directory.appending("disk.img")
  }

  private static let threePartitions = """
    label: gpt
    size=2M, type=21686148-6449-6E6F-744E-656564454649, name="boot"
    size=8M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="ESP mit Ö und 火"
    type=0FC63DAF-8483-4772-8E79-3D69D8477DE4

    """
  private static let logicalPartitions =
    "label: dos\nsize=4M, type=83\ntype=5\nsize=3M\nsize=2M, type=82\nsize=9M, type=c\n"

  static let scripts: [String] = [
    "label: dos\n",
    "label: dos\nsize=10M, type=83, bootable\nsize=5M, type=82\ntype=8e\n",
    "label: dos\nlabel-id: 0x0000beef\nstart=2048, size=8M, type=7\n",
    logicalPartitions,
    "label: dos\ntype=f\n" + String(repeating: "size=1M\n", count: 20),
    "label: gpt\n",
    threePartitions,
    "label: gpt\nunit: sectors\n3 : start=4096, size=2048\n128 : start=8192, size=1\n",
    "label: gpt\ntable-length: 250\n" + String(repeating: "size=200K, name=\"p\"\n", count: 40),
  ]

  @Test(arguments: scripts, [512, 4096])
  func `what sfdisk makes is read as partx reads it`(
    script: String, sectorByteCount: Int
  ) throws {
    let isLarge = sectorByteCount == 4096
    // These count in sectors of 512 bytes.
    if isLarge, script.contains("unit:") || script.contains("table-length") { return }
    try makeImage(megabytes: 64)
    try makeTable(script, sectorByteCount: sectorByteCount)
    if isLarge, script.contains("dos") { try markPartitions(sectorByteCount: 4096) }
    try expectAsPartx(sectorByteCount: sectorByteCount)
  }

  @Test func `an image may end within a sector`() throws {
    try makeImage(megabytes: 64, more: 777)
    try makeTable(Self.threePartitions)
    try expectAsPartx(sectorByteCount: 512)
  }

  @Test(arguments: [512, 4096])
  func `where the primary table is damaged the backup is read, and that is said`(
    sectorByteCount: Int
  ) throws {
    try makeImage(megabytes: 64)
    try makeTable(Self.threePartitions, sectorByteCount: sectorByteCount)
    let whole = try #require(try partitionTable(of: DiskImage(opening: image)))
    #expect(whole.problems == [] && whole.entries.count == 3)
    let bytes = try readFile(image)
    // The header's magic, its checksum, two numbers in it, and an entry.
    for place in [0, 17, 40, 72, sectorByteCount + 130] {
      var damaged = bytes
      damaged[sectorByteCount + place] ^= 0x40
      let table = try #require(try partitionTable(of: MemoryDevice(damaged)))
      #expect(table.entries == whole.entries)
      #expect(table.problems.count == 1 && table.problems[0].contains("the backup at the end"))
      // A disk that has grown, or whose end is lost, has it elsewhere.
      if place > 0 {
        let grown = damaged + [UInt8](repeating: 0, count: 1 << 20)
        #expect(try partitionTable(of: MemoryDevice(grown))?.entries == whole.entries)
      }
      damaged[bytes.count - sectorByteCount + 17] ^= 1
      let none = try #require(try partitionTable(of: MemoryDevice(damaged)))
      #expect(none.kind == .dos && none.problems.count == 1)
    }
  }

  @Test func `a table without its protective record is read, unless the disk is something else`()
    throws
  {
    try makeImage(megabytes: 64)
    try makeTable(Self.threePartitions)
    var bytes = try readFile(image)
    for place in 0..<512 { bytes[place] = 0 }
    let found = try findVolumes(on: [NamedDisk(name: "root", device: MemoryDevice(bytes))])
    #expect(found.volumes.map(\.name) == ["root", "root/1", "root/2", "root/3"])
    #expect(found.problems.count == 1 && found.problems[0].contains("protective"))
    bytes.replaceSubrange(65600..<65608, with: Array("_BHRfS_M".utf8))
    let other = try findVolumes(on: [NamedDisk(name: "root", device: MemoryDevice(bytes))])
    #expect(other.volumes.map(\.content?.typeName) == ["btrfs"])
  }

  @Test(.enabled(if: areInstalled("sgdisk")))
  func `what sgdisk makes is read, hybrid records and odd places of entries among them`() throws {
    try makeImage(megabytes: 64)
    try output(
      of: "sgdisk", "--clear", "--new=1:0:+8M", "--new=2:0:+16M", "--typecode=2:8e00",
      "--change-name=2:lvm", "--new=5:0:0", "--hybrid=1:2", image.string)
    try expectAsPartx(sectorByteCount: 512)
    try output(of: "sgdisk", "--zap-all", image.string)
    try output(
      of: "sgdisk", "--move-main-table=100", "--resize-table=64", "--new=1:4096:+8M", image.string)
    try expectAsPartx(sectorByteCount: 512)
  }

  @Test func `of partitions that reach beyond a cut disk what is there is read`() throws {
    try makeImage(megabytes: 64)
    try makeTable(Self.threePartitions)
    let bytes = try readFile(image)
    let whole = try findVolumes(on: [NamedDisk(name: "root", device: MemoryDevice(bytes))])
    let inside = MemoryDevice(Array(bytes.prefix(20 << 20)))
    let found = try findVolumes(on: [NamedDisk(name: "root", device: inside)])
    let last = try #require(found.volumes.last)
    #expect(last.byteCount == whole.volumes.last?.byteCount && last.problem == nil)
    #expect(last.device?.byteCount == inside.byteCount - (last.offset ?? 0))
    #expect(found.problems.count == 1)
    #expect(found.problems[0].contains("root/3") && found.problems[0].contains("at 20971520"))
    let before = MemoryDevice(Array(bytes.prefix(5 << 20)))
    let rest = try findVolumes(on: [NamedDisk(name: "root", device: before)])
    #expect(rest.volumes.map { $0.device == nil } == [false, false, false, true])
    #expect(rest.volumes[3].problem?.contains("the disk ends at 5242880") == true)
  }

  @Test func `a primary table without any entries is damaged`() throws {
    try makeImage(megabytes: 64)
    try makeTable(Self.threePartitions)
    var bytes = try readFile(image)
    let whole = try #require(try partitionTable(of: MemoryDevice(bytes)))
    // The number of entries, their checksum, and that of the header.
    for place in 512 + 80..<512 + 92 where place < 512 + 84 || place >= 512 + 88 {
      bytes[place] = 0
    }
    for place in 512 + 16..<512 + 20 { bytes[place] = 0 }
    let sum = ~crc32(bytes.span.bytes.extracting(512..<512 + 92))
    for place in 0..<4 {
      bytes[512 + 16 + place] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(place)))
    }
    let table = try #require(try partitionTable(of: MemoryDevice(bytes)))
    #expect(table.entries == whole.entries && table.problems.count == 1)
  }

  @Test func `a chain of logical partitions may be a circle, or lead nowhere`() throws {
    try makeImage(megabytes: 64)
    try makeTable(Self.logicalPartitions)
    let bytes = try readFile(image)
    let whole = try #require(try partitionTable(of: MemoryDevice(bytes)))
    // The second entry of the first boot record in the chain.
    let link = Int(whole.entries[1].start) + 446 + 16
    var circle = bytes
    circle.replaceSubrange(link + 8..<link + 12, with: [0, 0, 0, 0])
    let round = try #require(try partitionTable(of: MemoryDevice(circle)))
    #expect(round.problems == ["the chain of logical partitions leads in a circle"])
    #expect(round.entries.map(\.number) == [1, 2, 5])
    var broken = bytes
    broken[link + 11] = 0xFF
    let nowhere = try #require(try partitionTable(of: MemoryDevice(broken)))
    #expect(nowhere.problems.count == 1 && nowhere.problems[0].contains("breaks off"))
  }

  // MARK: judging

  private func makeImage(megabytes: Int, more: Int = 0) throws {
    try output(of: "truncate", "-s", "\(megabytes << 20 + more)", image.string)
  }

  private func makeTable(_ script: String, sectorByteCount: Int = 512) throws {
    if sectorByteCount == 512 {
      _ = try output(of: "sfdisk", "--quiet", image.string, input: script)
      return
    }
    let file = directory.appending("script")
    try writeFile(Array(script.utf8), to: file)
    try output(
      of: "fdisk", "-b", "\(sectorByteCount)", image.string, input: "I\n\(file)\nw\n")
  }

  /// A master boot record does not say how large its sectors are; what is on partitions does.
  private func markPartitions(sectorByteCount: Int) throws {
    let lines = try output(
      of: "partx", "-g", "-r", "-o", "START", "-S", "\(sectorByteCount)", image.string,
      allowing: [0, 1])
    var bytes = try readFile(image)
    for start in lines.split(separator: "\n").compactMap({ Int($0) }) {
      bytes.replaceSubrange(start * 512..<start * 512 + 4, with: Array("XFSB".utf8))
    }
    try writeFile(bytes, to: image)
  }

  private func expectAsPartx(sectorByteCount: Int) throws {
    let text = try output(
      of: "partx", "-g", "-r", "-S", "\(sectorByteCount)", "-o",
      "NR,START,SECTORS,UUID,NAME",
      image.string, allowing: [0, 1])
    let table = try partitionTable(of: DiskImage(opening: image))
    let lines = (table?.entries ?? []).map { entry in
      [
        "\(entry.number)", "\(entry.start / 512)", "\(entry.byteCount / 512)", entry.uuid ?? "",
        escaped(entry.label ?? ""),
      ]
      .filter { $0 != "" }.joined(separator: " ")
    }
    let wanted = text.split(separator: "\n").map {
      $0.split(separator: " ").joined(separator: " ")
    }
    #expect(lines == wanted)
    #expect(table?.problems ?? [] == [])
    if !lines.isEmpty { #expect(table?.sectorByteCount == UInt64(sectorByteCount)) }
  }

  /// As partx writes names: spaces and what is not ASCII as `\xNN`.
  private func escaped(_ name: String) -> String {
    name.utf8.map { byte in
      (0x21..<0x7F).contains(byte)
        ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
    }.joined()
  }
}
