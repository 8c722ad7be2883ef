import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// VHDX images as QEMU makes them, read as QEMU reads them.
@Suite(.enabled(if: hasQemu)) struct VHDXTests {
  private let directory: TemporaryDirectory
  private var path: FilePath { directory.appending("disk.vhdx") }

  init() throws { directory = try TemporaryDirectory() }

  private static let allKinds: [[String]] = [
    ["subformat=dynamic", "block_size=1M"],
    ["subformat=dynamic", "block_size=1M", "block_state_zero=off", "log_size=3M"],
    ["subformat=dynamic", "block_size=2M", "log_size=2M"], ["subformat=dynamic"],
    ["subformat=dynamic", "block_size=256M"], ["subformat=fixed", "block_size=1M"],
    ["subformat=fixed", "block_size=16M", "log_size=32M"],
  ]

  @Test("an image of every kind is the disk that QEMU finds in it", arguments: allKinds)
  func kinds(options: [String]) throws {
    var random = Seed.ofThisRun.random
    for isConverted in [false, true] {
      let byteCount = (1 + random.below(16_000)) * 512
      let image = QemuImage(path: path, byteCount: byteCount, options: options)
      if isConverted {
        let model = DiskModel(byteCount: image.byteCount, runs: 8, random: &random)
        let raw = directory.appending("raw.img")
        try writeFile(model.bytes, to: raw)
        try convertWithQemu(
          raw, to: path, format: "vhdx", options: options.joined(separator: ","))
        try expectDisk(try DiskImage(opening: path), model.bytes, "\(options)")
      } else {
        try image.make(as: "vhdx")
      }
      try image.disturb(&random, as: "vhdx", count: 8)
      let disk = try DiskImage(opening: path)
      #expect(disk.format == .vhdx)
      try expectDisk(
        disk, try convertedByQemu(path, format: "vhdx", in: directory.path), "\(options)")
      try removeFile(path)
    }
  }

  @Test("blocks of the largest disk are found wherever they lie")
  func large() throws {
    let byteCount = 64 << 40
    try makeWithQemu(path, format: "vhdx", options: "block_size=32M", byteCount: byteCount)
    // On both sides of where the table has an entry for a bitmap, and at the end.
    let chunk = 4 << 30
    let places = [
      0, chunk - 131_072, chunk, 7 * chunk - 65_536, 4097 * chunk, byteCount - 65_536,
    ]
    let writes = places.enumerated().flatMap { ["-c", "write -P \($0 + 1) \($1) 64k"] }
    try output(of: "qemu-io", arguments: ["-f", "vhdx"] + writes + [path.string])
    let image = try DiskImage(opening: path)
    #expect(image.byteCount == UInt64(byteCount))
    for (number, place) in places.enumerated() {
      let start = UInt64(place)
      #expect(try read(image, start..<start + 65_536).allSatisfy { $0 == number + 1 })
    }
    var position: UInt64 = 0
    var found: [UInt64] = []
    while let extent = try image.nextData(from: position) {
      found.append(extent.lowerBound)
      position = extent.upperBound
    }
    #expect(found == places.map { UInt64($0) })
  }

  @Test("holes of the host's file are holes of the disk")
  func holes() throws {
    try makeWithQemu(
      path, format: "vhdx", options: "subformat=fixed,block_size=1M", byteCount: 64 << 20)
    try output(
      of: "qemu-io", "-f", "vhdx", "-c", "write 1M 64k", "-c", "write 40000k 1M", path.string)
    let image = try DiskImage(opening: path)
    var found: [Range<UInt64>] = []
    var position: UInt64 = 0
    while let extent = try image.nextData(from: position) {
      found.append(extent)
      position = extent.upperBound
    }
    #expect(found == [1_048_576..<1_114_112, 40_960_000..<42_008_576])
  }

  /// Writes to the image of a disk until a write to a sector of the file fails, as where a machine
  /// ends then.
  private func write(_ commands: [String], untilSector sector: Int) throws {
    var options = "driver=vhdx,file.driver=blkdebug,file.image.driver=file,"
    options += "file.image.filename=\(path),file.inject-error.0.event=none,"
    options += "file.inject-error.0.iotype=write,file.inject-error.0.sector=\(sector)"
    try output(
      of: "qemu-io", arguments: ["--image-opts"] + commands.flatMap { ["-c", $0] } + [options],
      allowing: [0, 1])
  }

  @Test("what a log holds is read without a change of the file", arguments: [1, 2, 5])
  func log(logMiB: Int) throws {
    var random = Seed.ofThisRun.random
    let image = QemuImage(
      path: path, byteCount: 24 << 20,
      options: ["subformat=dynamic", "block_size=1M", "log_size=\(logMiB)M"])
    for _ in 0..<3 {
      try image.make(as: "vhdx")
      try image.disturb(&random, as: "vhdx", count: 6)
      // To a block that is new, and to one that is there.
      let pattern = 1 + random.below(255)
      let tableSector = (1 + logMiB) << 11
      try write(
        (0..<24).map { "write -P \(pattern) \($0 * (1 << 20) + 512 * random.below(2000)) 4k" },
        untilSector: tableSector)
      let before = try readFile(path)
      let copy = directory.appending("copy.vhdx")
      try writeFile(before, to: copy)
      let said = try output(of: "qemu-img", "check", "-r", "all", "-f", "vhdx", copy.string)
      #expect(said.contains("repaired"), "there is a log: \(Seed.ofThisRun)")
      try expectDisk(
        try DiskImage(opening: path),
        try convertedByQemu(copy, format: "vhdx", in: directory.path), "log")
      #expect(areEqual(try readFile(path), before))
      try removeFile(path)
    }
  }

  @Test("an image whose log was announced and not written is refused")
  func announced() throws {
    try makeWithQemu(path, format: "vhdx", options: "block_size=1M", byteCount: 8 << 20)
    try write(["write 0 64k"], untilSector: 1 << 11)
    expectError("its log, in which its last changes are, is not whole") {
      _ = try DiskImage(opening: path)
    }
  }

  @Test("an image that QEMU was killed over is read as QEMU reads it, or refused for its log")
  func killed() throws {
    var random = Seed.ofThisRun.random
    let image = QemuImage(
      path: path, byteCount: 48 << 20, options: ["subformat=dynamic", "block_size=1M"])
    for round in 0..<6 {
      try image.make(as: "vhdx")
      let writes = (0..<48).flatMap { ["-c", "write -P \(round + 1) \($0)M 64k"] }
      let patience = "0.\(10 + random.below(40))"
      try output(
        of: "timeout",
        arguments: ["--foreground", "-s", "KILL", patience, "qemu-io", "-f", "vhdx"] + writes + [
          path.string
        ],
        allowing: [0, 1, 124, 137])
      let copy = directory.appending("copy.vhdx")
      try writeFile(readFile(path), to: copy)
      try output(of: "qemu-img", "check", "-r", "all", copy.string, allowing: [0, 1, 2, 3])
      do {
        try expectDisk(
          try DiskImage(opening: path),
          try convertedByQemu(copy, format: "vhdx", in: directory.path), "round \(round)")
      } catch let error as DiskImageError where "\(error)".contains("is not whole") {
        // QEMU reads such a one as if there had been no changes.
        try output(of: "qemu-img", "convert", "-O", "raw", path.string, copy.string)
      }
      try removeFile(path)
    }
  }

  @Test("an image that is written to while it is read is noticed")
  func written() throws {
    try makeWithQemu(path, format: "vhdx", options: "subformat=dynamic", byteCount: 8 << 20)
    try output(of: "qemu-io", "-f", "vhdx", "-c", "write 0 64k", path.string)
    let disk = try DiskImage(opening: path)
    try disk.checkSize()
    try output(of: "qemu-io", "-f", "vhdx", "-c", "write -P 1 0 64k", path.string)
    expectError("was written to while") { try disk.checkSize() }
  }
}
