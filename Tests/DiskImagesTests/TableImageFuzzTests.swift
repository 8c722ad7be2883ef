import BlockDevices
import DiskImages
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Images of other hypervisors as QEMU makes them, read as QEMU reads them.
@Suite(.enabled(if: hasQemu)) struct TableImageFuzzTests {
  private let directory: TemporaryDirectory
  private static let rounds =
    getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) } ?? 400

  init() throws {
    directory = try TemporaryDirectory()
    // A trap says nothing of its seed.
    print("changed VHD, VDI and VMDK images: \(Seed.ofThisRun)")
  }

  struct Kind: Sendable {
    let format: String
    let options: String
    let name: DiskImage.Format
  }

  private static let allKinds: [Kind] = [
    Kind(format: "vpc", options: "subformat=dynamic,force_size=on", name: .dynamicVHD),
    Kind(format: "vpc", options: "subformat=dynamic", name: .dynamicVHD),
    Kind(format: "vdi", options: "static=off", name: .vdi),
    Kind(format: "vdi", options: "static=on", name: .vdi),
    Kind(format: "vmdk", options: "subformat=monolithicSparse", name: .vmdk),
    Kind(format: "vmdk", options: "subformat=monolithicSparse,zeroed_grain=on", name: .vmdk),
    Kind(format: "vmdk", options: "subformat=monolithicFlat", name: .vmdk),
    Kind(format: "vmdk", options: "subformat=twoGbMaxExtentSparse", name: .vmdk),
    Kind(format: "vmdk", options: "subformat=twoGbMaxExtentFlat", name: .vmdk),
    Kind(format: "vmdk", options: "subformat=streamOptimized", name: .vmdk),
  ]

  /// An image that was made of a random disk and, unless it is a stream, written to since.
  private func make(_ kind: Kind, _ random: inout SeededRandom) throws -> FilePath {
    let model = DiskModel(byteCount: (1 + random.below(9000)) * 512, runs: 10, random: &random)
    let raw = directory.appending("raw.img")
    try writeFile(model.bytes, to: raw)
    let ending = kind.format == "vpc" ? "vhd" : kind.format
    let path = directory.appending("disk.\(ending)")
    try convertWithQemu(raw, to: path, format: kind.format, options: kind.options)
    try removeFile(raw)
    if !kind.options.contains("stream") {
      var image = QemuImage(path: path, byteCount: model.bytes.count, options: [])
      image.options = []
      try image.disturb(&random, as: kind.format, count: 8)
    }
    return path
  }

  @Test("an image of every kind is the disk that QEMU finds in it", arguments: allKinds.indices)
  func kinds(number: Int) throws {
    var random = Seed.ofThisRun.random
    let kind = Self.allKinds[number]
    for _ in 0..<3 {
      let path = try make(kind, &random)
      let expected = try convertedByQemu(path, format: kind.format, in: directory.path)
      let image = try DiskImage(opening: path)
      #expect(image.format == kind.name)
      try expectDisk(image, expected, kind.options)
      for name in try directoryEntries(directory.path) ?? [] {
        try removeFile(directory.appending(name))
      }
    }
  }

  @Test("an image of many extents lies in all of them, and is refused without one")
  func extents() throws {
    let path = directory.appending("disk.vmdk")
    try makeWithQemu(
      path, format: "vmdk", options: "subformat=twoGbMaxExtentSparse", byteCount: 5 << 30)
    let places: [UInt64] = [0, (2 << 30) - 65_536, 2 << 30, (5 << 30) - 65_536]
    for place in places {
      try output(of: "qemu-io", "-f", "vmdk", "-c", "write -P 9 \(place) 64k", path.string)
    }
    let image = try DiskImage(opening: path)
    #expect(image.byteCount == 5 << 30)
    for place in places {
      #expect(try image.bytes(at: place, count: 65_536).allSatisfy { $0 == 9 })
    }
    #expect(try image.nextData(from: 65_536)?.lowerBound == places[1])
    try removeFile(directory.appending("disk-s002.vmdk"))
    expectError("disk-s002.vmdk, which") { _ = try DiskImage(opening: path) }
  }

  @Test("a description that was only looked at leads no further than an image's own directory")
  func trust() throws {
    try makeDirectory(directory.appending("images"))
    try writeFile([UInt8](repeating: 7, count: 65_536), to: directory.appending("secret"))
    try writeFile([UInt8](repeating: 5, count: 65_536), to: directory.appending("images/a.bin"))
    func write(_ name: String, over other: String, parent: String = "ffffffff") throws -> FilePath {
      let text = """
        # Disk DescriptorFile
        version=1
        parentCID=\(parent)
        createType="monolithicFlat"
        RW 128 FLAT "\(other)" 0

        """
      let path = directory.appending("images/\(name)")
      try writeFile(Array(text.utf8), to: path)
      return path
    }
    for name in ["disk.img", "disk.vmdk"] {
      let path = try write(name, over: "../secret")
      expectError("say vmdk:") { _ = try DiskImage(opening: path) }
      #expect(try read(DiskImage(opening: path, as: .vmdk)).allSatisfy { $0 == 7 })
      try removeFile(path)
    }
    expectError("say vmdk:") { _ = try DiskImage(opening: write("b.img", over: "a.bin")) }
    #expect(
      try read(DiskImage(opening: write("b.vmdk", over: "a.bin"))).allSatisfy { $0 == 5 })
    expectError("made over another") {
      _ = try DiskImage(opening: write("c.vmdk", over: "a.bin", parent: "12345678"))
    }
  }

  @Test("images that are made over others are refused by name")
  func differencing() throws {
    let base = directory.appending("base.vmdk")
    try makeWithQemu(
      base, format: "vmdk", options: "subformat=monolithicSparse", byteCount: 1 << 20)
    let path = directory.appending("over.vmdk")
    try output(
      of: "qemu-img", "create", "-q", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", path.string)
    expectError("it is made over another one") { _ = try DiskImage(opening: path) }
  }

  @Test(
    "nothing that an image may hold makes the reader trap or go on without end",
    arguments: allKinds.indices)
  func fuzz(number: Int) throws {
    var random = Seed.ofThisRun.random
    let kind = Self.allKinds[number]
    let path = try make(kind, &random)
    let good = try readFile(path)
    for round in 0..<Self.rounds / Self.allKinds.count {
      try removeFile(path)
      try writeFile(changed(good, &random), to: path, sparse: false)
      do { try lookThrough(DiskImage(opening: path)) } catch {
        #expect(!"\(error)".isEmpty, "round \(round) \(Seed.ofThisRun)")
      }
    }
  }

  /// Changes headers, tables, which lie at the start, or anything.
  private func changed(_ good: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = good
    for _ in 0...random.below(3) {
      let ends = [128, 512, 2048, 16_384, bytes.count]
      change(&bytes, in: 0..<ends[random.below(5)], &random)
    }
    if random.below(20) == 0 { bytes.removeLast(random.below(bytes.count)) }
    return bytes
  }
}
