import BlockDevices
import Bytes
import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// qcow2 images as QEMU makes them, read as QEMU reads them.
@Suite(.enabled(if: hasQemu)) struct QCOW2Tests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static let allKinds: [[String]] = [
    ["cluster_size=512"], ["cluster_size=1024", "compat=0.10"], ["cluster_size=4096"],
    ["cluster_size=16384", "extended_l2=on"], ["cluster_size=32768", "compression_type=zstd"],
    ["cluster_size=65536"], ["cluster_size=65536", "compat=0.10"],
    ["cluster_size=65536", "extended_l2=on", "compression_type=zstd"],
    ["cluster_size=65536", "lazy_refcounts=on"], ["cluster_size=65536", "refcount_bits=64"],
    ["cluster_size=65536", "preallocation=metadata"], ["cluster_size=2097152"],
    ["cluster_size=2097152", "extended_l2=on"],
    ["cluster_size=65536", "preallocation=falloc", "compression_type=zstd"],
  ]

  @Test("an image of every kind is the disk that QEMU finds in it", arguments: allKinds)
  func kinds(options: [String]) throws {
    var random = Seed.ofThisRun.random
    for round in 0..<3 {
      let image = QemuImage(
        path: directory.appending("a\(round).qcow2"),
        byteCount: (1 + random.below(6000)) * 512, options: options)
      try image.make()
      try image.disturb(&random)
      try expectSameDisk(image.path)
    }
  }

  @Test("data in a file of its own is found there", arguments: [false, true])
  func dataFile(isRaw: Bool) throws {
    var random = Seed.ofThisRun.random
    let data = directory.appending("a.data")
    let image = QemuImage(
      path: directory.appending("a.qcow2"), byteCount: 3_000_320,
      options: ["data_file=\(data)"] + (isRaw ? ["data_file_raw=on"] : []))
    try image.make()
    try image.disturb(&random)
    try expectSameDisk(image.path)
    try removeFile(data)
    expectError("a.data, which") { _ = try DiskImage(opening: image.path) }
  }

  @Test("a chain of images and a raw one at its end are one disk", arguments: 1...4)
  func chain(depth: Int) throws {
    var random = Seed.ofThisRun.random
    let base = QemuImage(path: directory.appending("base.img"), byteCount: 1_000_448, options: [])
    try base.make(as: "raw")
    try base.disturb(&random, as: "raw")
    var below = ("base.img", "raw")
    for level in 1...depth {
      // Longer and shorter than what they are made over.
      let kind = Self.allKinds[random.below(Self.allKinds.count)]
      let options = kind.filter { !$0.hasPrefix("preallocation") }
      let image = QemuImage(
        path: directory.appending("level\(level).qcow2"),
        byteCount: (1 + random.below(4000)) * 512, options: options, below: below)
      try image.make()
      try image.disturb(&random, count: 8)
      try expectSameDisk(image.path)
      below = ("level\(level).qcow2", "qcow2")
    }
  }

  @Test("of an image with snapshots the present state is read")
  func snapshots() throws {
    var random = Seed.ofThisRun.random
    let image = QemuImage(
      path: directory.appending("a.qcow2"), byteCount: 2 << 20, options: ["cluster_size=65536"])
    try image.make()
    for name in ["one", "two"] {
      try image.disturb(&random, compressing: false)
      try output(of: "qemu-img", "snapshot", "-c", name, image.path.string)
    }
    try image.disturb(&random, compressing: false)
    try expectSameDisk(image.path)
  }

  @Test("holes of the host's file are holes of the disk, and zeros are not data")
  func holes() throws {
    let image = QemuImage(
      path: directory.appending("a.qcow2"), byteCount: 64 << 20,
      options: ["preallocation=metadata"])
    try image.make()
    try output(
      of: "qemu-io", "-c", "write 1M 64k", "-c", "write 40M 1M", "-c", "write -z 40M 64k",
      image.path.string)
    let disk = try DiskImage(opening: image.path)
    var found: [Range<UInt64>] = []
    var position: UInt64 = 0
    while let extent = try disk.nextData(from: position) {
      found.append(extent)
      position = extent.upperBound
    }
    let expected: [Range<UInt64>] = [1_048_576..<1_114_112, 42_008_576..<42_991_616]
    #expect(found == expected)
    let middle = try disk.nextData(from: 42_043_040)
    #expect(middle?.lowerBound == 42_043_040 && middle?.upperBound == 42_991_616)
  }

  @Test("many threads read one image at once")
  func threads() async throws {
    var random = Seed.ofThisRun.random
    let image = QemuImage(
      path: directory.appending("a.qcow2"), byteCount: 3 << 20,
      options: ["cluster_size=512", "compression_type=zstd"])
    try image.make()
    try image.disturb(&random, count: 60)
    let expected = try convertedByQemu(image.path, format: "qcow2", in: directory.path)
    let disk = try DiskImage(opening: image.path)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for seed in 0..<4 {
        group.addTask {
          var random = SeededRandom(seed: Seed.ofThisRun.value &+ UInt64(seed))
          for _ in 0..<200 {
            let start = random.below(expected.count)
            let end = min(start + 1 + random.below(50_000), expected.count)
            let part = try read(disk, UInt64(start)..<UInt64(end))
            if !areEqual(part, Array(expected[start..<end])) { return false }
          }
          return true
        }
      }
      for try await isSame in group { #expect(isSame, "\(Seed.ofThisRun)") }
    }
  }

  @Test("an image that is written to while it is read is noticed")
  func written() throws {
    let image = QemuImage(
      path: directory.appending("a.qcow2"), byteCount: 1 << 20,
      options: ["preallocation=falloc"])
    try image.make()
    let disk = try DiskImage(opening: image.path)
    try disk.checkSize()
    try output(of: "qemu-io", "-c", "write 0 64k", image.path.string)
    expectError("was written to while") { try disk.checkSize() }
  }

  private func expectSameDisk(_ path: FilePath) throws {
    let image = try DiskImage(opening: path, as: .qcow2)
    #expect(image.format == .qcow2)
    try expectDisk(
      image, try convertedByQemu(path, format: "qcow2", in: directory.path), path.string)
  }
}
