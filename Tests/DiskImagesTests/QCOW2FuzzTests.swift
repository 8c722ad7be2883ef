import BlockDevices
import DiskImages
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

/// qcow2 images that cannot be read, and those that nobody made.
@Suite(.enabled(if: hasQemu)) struct QCOW2FuzzTests {
  private let directory: TemporaryDirectory
  private static let rounds =
    getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) } ?? 400

  init() throws {
    directory = try TemporaryDirectory()
    // A trap says nothing of its seed.
    print("changed qcow2 images: \(Seed.ofThisRun)")
  }

  private func header(_ options: String = "compat=1.1") throws -> [UInt8] {
    let path = directory.appending("made.qcow2")
    try makeWithQemu(path, format: "qcow2", options: options, byteCount: 1 << 20)
    return try readFile(path)
  }

  private func expectRefusal(
    _ bytes: [UInt8], _ text: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let path = directory.appending("changed.qcow2")
    try writeFile(bytes, to: path, sparse: false)
    expectError(text) { _ = try DiskImage(opening: path) }
    try removeFile(path)
  }

  @Test("what a header says that cannot be, or is not known, is named")
  func headers() throws {
    let good = try header()
    func changed(_ place: Int, _ bytes: [UInt8]) -> [UInt8] {
      var copy = good
      copy.replaceSubrange(place..<place + bytes.count, with: bytes)
      return copy
    }
    try expectRefusal(changed(7, [4]), "of version 4")
    try expectRefusal(changed(23, [22]), "clusters of 2^22")
    try expectRefusal(changed(23, [8]), "clusters of 2^8")
    try expectRefusal(changed(35, [1]), "encrypted (AES)")
    try expectRefusal(changed(35, [2]), "encrypted (LUKS)")
    try expectRefusal(changed(36, [0, 0, 0, 0]), "an L1 table of 0 entries")
    try expectRefusal(changed(36, [255, 255, 255, 255]), "an L1 table of 4294967295")
    try expectRefusal(changed(46, [1]), "its L1 table lies at")
    try expectRefusal(changed(24, [255]), "a disk of")
    try expectRefusal(changed(79, [2]), "marked corrupt: look at it with `qemu-img check")
    try expectRefusal(changed(79, [4]), "which it does not name")
    try expectRefusal(changed(79, [8]), "compression type 0")
    try expectRefusal(changed(104, [1]), "compression type 1")
    try expectRefusal(changed(79, [32]), "not known here: bit 5")
    // QEMU's own table of names has that of the dirty bit first; here it is another's.
    let table = try #require(
      (0..<good.count - 48).first { Array(good[$0..<$0 + 11]) == [0, 0] + Array("dirty bit".utf8) })
    var named = changed(79, [64])
    named[table + 1] = 6
    try expectRefusal(named, "not known here: 'dirty bit'")
    try expectRefusal(Array(good.prefix(60)), "ends within its header")
    try expectRefusal(Array(good.prefix(104)), "ends within its header")
  }

  @Test("LUKS that QEMU makes is refused by name")
  func encrypted() throws {
    let path = directory.appending("luks.qcow2")
    do {
      try output(
        of: "qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o",
        "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", path.string, "1M")
    } catch let error as ProgramError where "\(error)".contains("accurate CPU usage") {
      return print("skipped, qemu-img cannot tell how fast the processor is")
    }
    expectError("it is encrypted (LUKS)") { _ = try DiskImage(opening: path) }
  }

  @Test("an image that was cut off is refused where it is read, and not taken for zeros")
  func cut() throws {
    var random = Seed.ofThisRun.random
    let image = QemuImage(
      path: directory.appending("a.qcow2"), byteCount: 1 << 20, options: ["cluster_size=65536"])
    try image.make()
    try output(of: "qemu-io", "-c", "write 0 1M", image.path.string)
    let whole = try fileStatus(image.path)?.byteCount ?? 0
    let file = try File.openForWriting(image.path)
    for _ in 0..<20 {
      try file.setByteCount(whole - 1 - UInt64(random.below(300_000)))
      expectError("beyond the file's end") { _ = try read(DiskImage(opening: image.path)) }
    }
  }

  @Test("nothing that an image may hold makes the reader trap or go on without end")
  func fuzz() throws {
    var random = Seed.ofThisRun.random
    let kinds = [
      ["cluster_size=512"], ["cluster_size=512", "compression_type=zstd"],
      ["cluster_size=16384", "extended_l2=on"], ["cluster_size=4096", "compat=0.10"],
    ]
    let base = QemuImage(path: directory.appending("base.qcow2"), byteCount: 65_536, options: [])
    try base.make()
    try base.disturb(&random)
    var readable = 0
    for (number, options) in kinds.enumerated() {
      let image = QemuImage(
        path: directory.appending("seed\(number).qcow2"), byteCount: 131_072, options: options,
        below: ("base.qcow2", "qcow2"))
      try image.make()
      try image.disturb(&random, count: 60)
      let good = try readFile(image.path)
      for round in 0..<Self.rounds / kinds.count {
        let path = directory.appending("changed.qcow2")
        try writeFile(changed(good, &random), to: path, sparse: false)
        do {
          try lookThrough(DiskImage(opening: path), byteLimit: 4 << 20)
          readable += 1
        } catch {
          #expect(!"\(error)".isEmpty, "round \(round) \(Seed.ofThisRun)")
        }
        try removeFile(path)
      }
    }
    #expect(readable > 0, "some changes do no harm: \(Seed.ofThisRun)")
  }

  /// Changes the header, an entry of a table, or anything.
  private func changed(_ good: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = good
    let l1 = good[40..<48].reduce(0) { $0 << 8 | Int($1) }
    let l2 = good[l1 + 1..<l1 + 8].reduce(0) { $0 << 8 | Int($1) }
    for _ in 0...random.below(3) {
      let places = [0..<128, l1..<l1 + 32, l2..<l2 + 512, 0..<good.count]
      change(&bytes, in: places[random.below(4)], &random)
    }
    if random.below(3) == 0, l2 + 512 <= bytes.count {
      // An entry that leads where another does, or to a table.
      let place = l2 + random.below(64) * 8
      let other = [l2 + random.below(64) * 8, l1][random.below(2)]
      bytes.replaceSubrange(place..<place + 8, with: Array(bytes[other..<other + 8]))
    }
    if random.below(20) == 0 { bytes.removeLast(random.below(bytes.count)) }
    return bytes
  }
}
