import BlockDevices
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Volumes

/// Nothing that a disk may hold makes a reader trap, or go on without end.
@Suite struct DamagedDiskTests {
  /// How many damaged disks of each kind; KLUIS_FUZZ_READS for more.
  private static let rounds =
    getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) } ?? 4000

  /// A trap says nothing of its seed.
  init() { print("damaged disks: \(Seed.ofThisRun)") }

  /// Looks at everything, and reads a little of what is found.
  private func lookAt(_ disks: [[UInt8]]) throws {
    let listing = try findVolumes(
      on: disks.enumerated().map {
        NamedDisk(name: "disk\($0.offset)", device: MemoryDevice($0.element))
      })
    for volume in listing.volumes {
      #expect(volume.device != nil || volume.problem != nil, "\(Seed.ofThisRun)")
      guard let device = volume.device, device.byteCount > 0 else { continue }
      let count = Int(min(4096, device.byteCount))
      _ = try device.bytes(at: device.byteCount - UInt64(count), count: count)
      _ = try device.nextData(from: device.byteCount / 2)
    }
  }

  /// Changes one of `places`, or anything, and mends what checksums say where that is given.
  private func disturb(
    _ bytes: [UInt8], at places: [Range<Int>], _ random: inout SeededRandom,
    mending: ([UInt8]) -> [UInt8] = { $0 }
  ) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.below(3) {
      let place = places[random.below(places.count)].clamped(to: 0..<bytes.count)
      let changed = mutated(Array(bytes[place]), &random)
      // What lies behind stays where it is.
      let kept = (changed + [UInt8](repeating: 0, count: place.count)).prefix(place.count)
      bytes.replaceSubrange(place, with: kept)
    }
    bytes = mending(bytes)
    if random.below(20) == 0 { bytes.removeLast(random.below(bytes.count)) }
    return bytes
  }

  @Test func `master boot records and chains of logical partitions`() throws {
    var random = Seed.ofThisRun.random
    var bytes = [UInt8](repeating: 0, count: 64 * 512)
    func put(_ sector: Int, _ entries: [(type: UInt8, start: Int, count: Int)]) {
      for (index, entry) in entries.enumerated() {
        let place = sector * 512 + 446 + index * 16
        bytes[place + 4] = entry.type
        bytes[place + 8] = UInt8(entry.start)
        bytes[place + 12] = UInt8(entry.count)
      }
      bytes.replaceSubrange(sector * 512 + 510..<sector * 512 + 512, with: [0x55, 0xAA])
    }
    put(0, [(0x83, 1, 9), (0x05, 10, 54)])
    put(10, [(0x83, 1, 5), (0x05, 10, 10)])
    put(20, [(0x82, 1, 5), (0x05, 20, 10)])
    put(30, [(0x07, 1, 5)])
    #expect(try partitionTable(of: MemoryDevice(bytes))?.entries.map(\.number) == [1, 2, 5, 6, 7])
    let places = [0, 10, 20, 30].map { $0 * 512 + 440..<$0 * 512 + 512 }
    for _ in 0..<Self.rounds { try lookAt([disturb(bytes, at: places, &random)]) }
  }

  @Test func `GUID partition tables, with checksums that are right and wrong`() throws {
    var random = Seed.ofThisRun.random
    let count = 64
    var bytes = [UInt8](repeating: 0, count: count * 512)
    bytes.replaceSubrange(446 + 4..<446 + 5, with: [0xEE])
    bytes.replaceSubrange(446 + 12..<446 + 16, with: [63, 0, 0, 0])
    bytes.replaceSubrange(510..<512, with: [0x55, 0xAA])
    func little(_ number: Int, _ size: Int) -> [UInt8] {
      (0..<size).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    for (sector, other, entries) in [(1, 63, 2), (63, 1, 59)] {
      let header =
        Array("EFI PART".utf8) + little(0x10000, 4) + little(92, 4) + little(0, 8)
        + little(sector, 8) + little(other, 8) + little(8, 8) + little(55, 8)
        + random.bytes(16) + little(entries, 8) + little(16, 4) + little(128, 4) + little(0, 4)
      bytes.replaceSubrange(sector * 512..<sector * 512 + 92, with: header)
      for (number, start) in [8, 20, 30].enumerated() {
        let entry =
          random.bytes(32) + little(start, 8) + little(start + 9, 8) + little(0, 8)
          + [0x61, 0, 0x62, 0]
        let place = entries * 512 + number * 128
        bytes.replaceSubrange(place..<place + entry.count, with: entry)
      }
    }
    func mend(_ bytes: [UInt8]) -> [UInt8] {
      var bytes = bytes
      for (sector, entries) in [(1, 2), (63, 59)] {
        let start = sector * 512
        let table = Array(bytes[entries * 512..<entries * 512 + 16 * 128])
        let tableSum = ~crc32(table.span.bytes)
        bytes.replaceSubrange(start + 88..<start + 92, with: little(Int(tableSum), 4))
        bytes.replaceSubrange(start + 16..<start + 20, with: [0, 0, 0, 0])
        let sum = ~crc32(bytes.span.bytes.extracting(start..<start + 92))
        bytes.replaceSubrange(start + 16..<start + 20, with: little(Int(sum), 4))
      }
      return bytes
    }
    #expect(try partitionTable(of: MemoryDevice(mend(bytes)))?.entries.count == 3)
    let places = [440..<512, 512..<604, 1024..<1500, 59 * 512..<60 * 512, 63 * 512..<63 * 512 + 92]
    for round in 0..<Self.rounds {
      try lookAt([
        disturb(mend(bytes), at: places, &random, mending: round % 4 == 0 ? { $0 } : mend)
      ])
    }
  }

  @Test func `LVM2 labels, areas and texts, with checksums that are right`() throws {
    var random = Seed.ofThisRun.random
    let text = try groupText()
    for _ in 0..<Self.rounds / 8 {
      let changed = mutatedText(text, &random)
      do {
        let group = try VolumeGroup(changed)
        let disk = MemoryDevice([UInt8](repeating: 7, count: 1 << 20))
        var mapping = LogicalVolumeMapping(
          group, Dictionary(group.physicalVolumeOrder.map { ($0, disk) }) { first, _ in first })
        for volume in group.logicalVolumes {
          do {
            let device = try mapping.device(of: volume.name)
            _ = try device.nextData(from: 0)
          } catch {}
        }
      } catch {}
    }
    let small = "vg { id = \"i\" seqno = 1 extent_size = 8 }"
    let sample = SamplePhysicalVolume(
      uuid: String(repeating: "u", count: 32),
      areas: [.init(offset: 4096, byteCount: 4096, text: small, textOffset: 4090)],
      data: [UInt8](repeating: 1, count: 4096))
    let bytes = sample.bytes
    #expect(signatureName(bytes) == "LVM2_member")
    for _ in 0..<Self.rounds {
      // The label, the header with what it points to, and the text.
      let places = [512..<700, 4096..<4160, 4096 + 4080..<8192 + 40]
      try lookAt([disturb(bytes, at: places, &random, mending: mendLVM)])
    }
  }

  private func signatureName(_ bytes: [UInt8]) -> String? {
    (try? signature(of: MemoryDevice(bytes)))??.typeName
  }

  private func mendLVM(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    func put(_ sum: UInt32, at place: Int) {
      bytes.replaceSubrange(
        place..<place + 4, with: (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) })
    }
    let seed = PhysicalVolumeLabel.seed
    put(crc32(bytes.span.bytes.extracting(532..<1024), seed: seed), at: 512 + 16)
    put(crc32(bytes.span.bytes.extracting(4100..<4608), seed: seed), at: 4096)
    return bytes
  }

  /// Words of a text exchanged for others, for edges, or left out.
  private func mutatedText(_ text: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var words = String(decoding: text, as: UTF8.self).split(separator: " ").map { String($0) }
    let edges = ["0", "-1", "9223372036854775807", "{", "}", "[", "]", "\"", "=", "#", "\"pv0\","]
    for _ in 0...random.below(4) {
      let place = random.below(words.count)
      switch random.below(4) {
      case 0: words.remove(at: place)
      case 1: words[place] = edges[random.below(edges.count)]
      case 2: words[place] = words[random.below(words.count)]
      default:
        words[place] = String(decoding: mutated(Array(words[place].utf8), &random), as: UTF8.self)
      }
      if words.isEmpty { words = ["x"] }
    }
    return Array(words.joined(separator: " ").utf8)
  }

  @Test func `signatures of all formats`() throws {
    var random = Seed.ofThisRun.random
    let magics = (containerFormats + fileSystemFormats).flatMap(\.magics)
      .filter { $0.offset < 70000 }
    let others: [(Int, [UInt8])] = [
      (3, Array("NTFS    ".utf8)), (3, Array("EXFAT   ".utf8)), (82, Array("FAT32   ".utf8)),
      (54, Array("FAT16   ".utf8)), (1080, [0x53, 0xEF]), (32769, Array("CD001".utf8)),
      (4096, [0xFC, 0x4E, 0x2B, 0xA9, 1, 0, 0, 0]), (512, Array("LABELONE".utf8)),
      (16384, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), (0, Array("FILE".utf8)),
    ]
    let all = magics.map { (Int($0.offset), $0.bytes) } + others
    for _ in 0..<Self.rounds / 2 {
      var bytes = [UInt8](repeating: 0, count: 1 << (10 + random.below(11)))
      for start in [0, 512, 1024, 16384, 32768, 65536] where random.below(2) == 0 {
        let noise = mutated(random.below(2) == 0 ? random.bytes(300) : bootSector, &random)
        for (index, byte) in noise.enumerated() where start + index < bytes.count {
          bytes[start + index] = byte
        }
      }
      let (offset, magic) = all[random.below(all.count)]
      if offset + magic.count <= bytes.count {
        bytes.replaceSubrange(offset..<offset + magic.count, with: magic)
      }
      try lookAt([bytes])
    }
  }

  /// Fields of FAT, NTFS and exFAT at once, more or less sound.
  private var bootSector: [UInt8] {
    var sector = [UInt8](repeating: 0, count: 512)
    for (place, bytes) in [
      (0, [0xEB, 0x58, 0x90]), (11, [0, 2, 8, 1, 0, 2, 16, 0, 0, 8, 0xF8, 1, 0]), (48, [4]),
      (64, [0xF6]), (88, [1]), (96, [2]), (108, [9, 3]), (510, [0x55, 0xAA]),
    ] as [(Int, [UInt8])] { sector.replaceSubrange(place..<place + bytes.count, with: bytes) }
    return sector
  }
}
