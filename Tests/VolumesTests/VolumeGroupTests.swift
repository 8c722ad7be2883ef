import BlockDevices
import TestSupport
import Testing

@testable import Volumes

/// Volume groups made by hand: what LVM2 does not do on demand.
@Suite struct VolumeGroupTests {
  @Test func `a text that LVM2 wrote is read whole`() throws {
    let group = try VolumeGroup(groupText())
    #expect(group.name == "vg0" && group.sequence == 31 && group.extentByteCount == 1 << 20)
    #expect(group.physicalVolumeOrder == ["pv0", "pv1", "pv2", "pv3"])
    #expect(group.physicalVolumes["pv3"]?.start == 3 << 20)
    #expect(group.physicalVolumes["pv1"]?.hint == "/dev/vdb1")
    let lin = try #require(group.logicalVolumes.first { $0.name == "lin" })
    #expect(lin.segments.map(\.extentCount) == [6, 5, 3])
    #expect(
      group.visibleVolumes.map(\.name) == [
        "between", "cached", "files", "fine-stripes", "five", "lin", "mirror", "pair", "pool",
        "snap", "striped", "ten", "thin", "triple", "zero", "zerometa",
      ])
  }

  private static let broken: [(part: String, other: String)] = [
    ("extent_count = 6\n", "extent_count = -6\n"),
    ("extent_count = 6\n", "extent_count = 9223372036854775807\n"),
    ("start_extent = 6\n", "start_extent = 7\n"),
    ("seqno = 31\n", ""),
    ("extent_size = 2048\n", "extent_size = 0\n"),
    ("extent_size = 2048\n", "extent_size = 9223372036854775807\n"),
    ("segment_count = 3\n", "segment_count = 1000000000000\n"),
    ("vg0 {\n", "\"../vg\" {\n"),
    ("vg0 {\n", "vg0 {\n}\nvg1 {\n"),
    ("flags = []\n", "flags = [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]\n"),
    ("format = \"lvm2\"\n", "format = \"lvm2\n"),
    ("lin {\n", "\"l/i\" {\n"),
  ]

  @Test(arguments: broken.indices)
  func `a text that makes no sense is refused with a reason`(index: Int) throws {
    let (part, other) = Self.broken[index]
    let text = String(decoding: try groupText(), as: UTF8.self)
    let place = try #require(text.firstRange(of: part))
    let changed = text[..<place.lowerBound] + other + text[place.upperBound...]
    #expect(throws: MetadataDamage.self) { try VolumeGroup(Array(changed.utf8)) }
  }

  @Test(arguments: [512, 4096 - 512 - 100, 4095, 2048])
  func `a text that goes on at the start of its ring is read`(textOffset: Int) throws {
    let sample = try bench()
    var volume = sample.volumes[0]
    volume.areas[0].textOffset = textOffset
    let listing = try find([volume.bytes, sample.volumes[1].bytes])
    #expect(listing.problems == [])
    try expectData(sample, listing)
  }

  @Test func `the label may be in any of the first four sectors`() throws {
    let sample = try bench()
    for sector in 0..<4 {
      var volume = sample.volumes[0]
      volume.labelSector = sector
      try expectData(sample, find([volume.bytes, sample.volumes[1].bytes]))
    }
  }

  @Test func `of several texts the newest is in force, and a damaged one is told`() throws {
    let sample = try bench(sequence: 7)
    var other = sample.volumes[1]
    let older = text(sequence: 6, extents: 1, sample.volumes)
    other.areas = [.init(offset: 4096, byteCount: 8192, text: older)]
    var first = sample.volumes[0]
    first.areas.append(
      .init(offset: 65536, byteCount: 8192, text: text(sequence: 8, extents: 4, sample.volumes)))
    var bytes = [first.bytes, other.bytes]
    #expect(try find(bytes).volumes.last?.byteCount == 4 * 4096)
    // The newest is damaged: what it took the place of counts.
    bytes[0][65536 + 512 + 40] ^= 1
    let listing = try find(bytes)
    #expect(listing.problems.count == 1 && listing.problems[0].contains("checksum of its text"))
    try expectData(sample, listing)
  }

  @Test func `texts of one age that differ are both doubted`() throws {
    let sample = try bench(sequence: 7)
    var other = sample.volumes[1]
    other.areas = [
      .init(offset: 4096, byteCount: 8192, text: text(sequence: 7, extents: 1, sample.volumes))
    ]
    let listing = try find([sample.volumes[0].bytes, other.bytes])
    #expect(listing.problems.count == 1 && listing.problems[0].contains("do not agree"))
    #expect(listing.volumes.last?.device == nil)
  }

  @Test func `a physical volume that is missing, there twice, or given up is not read`() throws {
    let sample = try bench()
    let alone = try find([sample.volumes[0].bytes])
    #expect(alone.volumes.last?.problem?.contains(sample.volumes[1].uuidText) == true)
    #expect(alone.groups[0].physicalVolumes.map(\.volume) == ["disk0", nil])
    let twice = try find(sample.volumes.map(\.bytes) + [sample.volumes[1].bytes])
    #expect(twice.problems.count == 1 && twice.problems[0].contains("on disk1 and disk2"))
    #expect(twice.volumes.last?.device == nil)
    var given = sample.volumes[0]
    let flagged = String(decoding: given.areas[0].text, as: UTF8.self)
      .replacing("pe_count = 8", with: "pe_count = 8\nflags = [\"MISSING\"]")
    given.areas[0].text = Array(flagged.utf8)
    let lost = try find([given.bytes, sample.volumes[1].bytes])
    #expect(lost.problems.count == 2 && lost.volumes.last?.device == nil)
  }

  @Test func `groups with the name of a disk or of another group go by their UUIDs`() throws {
    let sample = try bench()
    let named = try find(sample.volumes.map(\.bytes), names: ["data", "vg"])
    #expect(named.volumes.last?.name == "GROUP-vg/files")
    #expect(named.problems.count == 1 && named.problems[0].contains("a disk has the same name"))
    let twin = try bench(group: "TWIN", letter: "t")
    let both = try find((sample.volumes + twin.volumes).map(\.bytes))
    #expect(
      both.volumes.suffix(2).map(\.name).sorted() == ["GROUP-vg/files", "TWIN-vg/files"])
    #expect(both.problems.count == 2)
    try expectData(twin, both, named: "TWIN-vg/files")
  }

  @Test func `a volume that is made of itself, or lies beyond its disk, is refused`() throws {
    let sample = try bench()
    func problem(_ old: String, _ new: String) throws -> String? {
      var volume = sample.volumes[0]
      let text = String(decoding: volume.areas[0].text, as: UTF8.self)
      volume.areas[0].text = Array(text.replacing(old, with: new).utf8)
      return try find([volume.bytes, sample.volumes[1].bytes]).volumes.last?.problem
    }
    #expect(try problem("\"a\", 5", "\"files\", 0")?.contains("made of itself") == true)
    #expect(try problem("\"a\", 5", "\"a\", 7")?.contains("lie outside") == true)
    #expect(try problem("\"a\", 5", "\"a\", 9223372036854775807")?.contains("larger") == true)
    #expect(try problem("\"a\", 5", "\"c\", 5")?.contains("not there") == true)
    #expect(try problem("\"striped\"", "\"novel\"")?.contains("unknown type novel") == true)
    #expect(try problem("stripe_size = 1", "stripe_size = 3")?.contains("stripes") == true)
  }

  // MARK: a group of two disks

  private struct Bench {
    var volumes: [SamplePhysicalVolume]
    var files: [UInt8]
  }

  /// Extents of 4 KiB: two from the first disk, then two stripes of 512 bytes over both.
  private func text(
    group: String = "GROUP", sequence: Int, extents: Int, _ volumes: [SamplePhysicalVolume]
  ) -> String {
    let members = zip(["a", "b"], volumes).map { name, volume in
      """
      \(name) { id = "\(volume.uuidText)" device = "/dev/sd\(name)" # where it was
      pe_start = 2048 pe_count = 8 }
      """
    }
    return """
      vg {
      id = "\(group)-vg" seqno = \(sequence) extent_size = 8
      physical_volumes {
      \(members.joined(separator: "\n"))
      }
      logical_volumes {
      files {
      id = "LV" status = ["READ", "VISIBLE"] segment_count = 2
      segment1 { start_extent = 0 extent_count = \(extents - 2 < 0 ? 0 : extents - 2)
        type = "striped" stripes = ["a", 5] }
      segment2 { start_extent = \(extents - 2 < 0 ? 0 : extents - 2) extent_count = 2
        type = "striped" stripe_size = 1 stripes = ["b", 2, "a", 1] }
      }
      }
      }
      contents = "Text Format Volume Group"
      version = 1

      """
  }

  private func bench(
    group: String = "GROUP", letter: Character = "x", sequence: Int = 1
  ) throws -> Bench {
    var random = Seed.ofThisRun.random
    var volumes = ["0", "1"].map { number in
      SamplePhysicalVolume(
        uuid: String(repeating: letter, count: 31) + number, areas: [],
        data: random.bytes(8 * 4096))
    }
    let text = text(group: group, sequence: sequence, extents: 4, volumes)
    volumes[0].areas = [.init(offset: 4096, byteCount: 4096, text: text)]
    let (a, b) = (volumes[0].data, volumes[1].data)
    var files = Array(a[5 * 4096..<7 * 4096])
    for stripe in 0..<8 {
      files += b[2 * 4096 + stripe * 512..<2 * 4096 + (stripe + 1) * 512]
      files += a[4096 + stripe * 512..<4096 + (stripe + 1) * 512]
    }
    return Bench(volumes: volumes, files: files)
  }

  private func find(_ disks: [[UInt8]], names: [String]? = nil) throws -> VolumeListing {
    try findVolumes(
      on: disks.enumerated().map { index, bytes in
        NamedDisk(name: names?[index] ?? "disk\(index)", device: MemoryDevice(bytes))
      })
  }

  private func expectData(
    _ bench: Bench, _ listing: VolumeListing, named name: String = "vg/files"
  ) throws {
    let volume = try #require(listing.volumes.first { $0.name == name })
    let device = try #require(volume.device, "\(volume.problem ?? "")")
    expectSame(try device.bytes(at: 0, count: Int(device.byteCount)), bench.files)
  }
}

/// A text that LVM2 wrote, with volumes of nearly all types.
func groupText() throws -> [UInt8] { try volumeGroupFixture("group.text") }
