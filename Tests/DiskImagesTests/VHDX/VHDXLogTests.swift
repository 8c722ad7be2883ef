import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// Logs of VHDX images: what is replayed, in which order, and what is refused.
@Suite struct VHDXLogTests {
  private let directory: TemporaryDirectory
  private var path: FilePath { directory.appending("disk.vhdx") }

  init() throws { directory = try TemporaryDirectory() }

  /// A disk of 8 blocks, of which the first holds ones, and whose header announces a log.
  private func sample(_ entries: [VHDXLogEntry], from start: Int = 0) -> VHDXSample {
    var sample = VHDXSample(byteCount: 8 << 20)
    sample.setBlock(0, state: 6, [UInt8](repeating: 1, count: 1 << 20))
    sample.setHeader(number: 0, sequence: 6, logID: VHDXSample.logID)
    sample.setLog(entries, from: start)
    return sample
  }

  private func image(_ sample: VHDXSample) throws -> DiskImage {
    try writeFile(sample.bytes, to: path)
    return try DiskImage(opening: path)
  }

  /// What QEMU makes of an image whose log it replays; nil where it is not there.
  private func replayedByQemu() throws -> [UInt8]? {
    guard hasQemu else { return nil }
    let copy = directory.appending("copy.vhdx")
    try writeFile(readFile(path), to: copy)
    try output(of: "qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", copy.string)
    return try convertedByQemu(copy, format: "vhdx", in: directory.path)
  }

  /// The sector with the first entries of the table of blocks.
  private func table(_ states: [(block: Int, entry: UInt64)]) -> VHDXLogEntry.Write {
    var bytes = [UInt8](repeating: 0, count: 4096)
    for (block, entry) in states {
      bytes.replaceSubrange(block * 8..<block * 8 + 8, with: little(entry))
    }
    return .data(at: VHDXSample.table, bytes)
  }

  /// The disk of ``sample(_:from:)`` with its first block where another one lies.
  private func disk(firstAt block: Int) -> [UInt8] {
    let start = block << 20
    return [UInt8](repeating: 0, count: start) + [UInt8](repeating: 1, count: 1 << 20)
      + [UInt8](repeating: 0, count: (7 << 20) - start)
  }

  private let first: UInt64 = 4 << 20 | 6

  @Test("of several entries the last is what holds, wherever in the ring they lie")
  func several() throws {
    for start in [0, 4096, (1 << 20) - 4096, (1 << 20) - 12_288] {
      var entries: [VHDXLogEntry] = []
      for step in 1...4 {
        entries.append(
          VHDXLogEntry(
            sequence: UInt64(0xFFFF_FFFD + step), tail: start,
            writes: [table([(block: step, entry: first)])]))
      }
      let image = try image(sample(entries, from: start))
      try expectDisk(image, disk(firstAt: 4), "from \(start)")
      if let judged = try replayedByQemu() { expectSame(judged, disk(firstAt: 4), "from \(start)") }
    }
  }

  @Test("zeros and data hide each other in their order")
  func zeros() throws {
    let marked = [UInt8](repeating: 0xFF, count: 4096)
    let place = VHDXSample.table
    let cases: [(writes: [VHDXLogEntry.Write], block: Int?)] = [
      ([.zeros(at: place, byteCount: 1 << 20)], nil),
      ([.zeros(at: place, byteCount: 8192), table([(3, first)])], 3),
      ([table([(3, first)]), .zeros(at: place, byteCount: 4096)], nil),
      (
        [
          .data(at: place, marked), .zeros(at: place - 65_536, byteCount: 1 << 18),
          .data(at: place + 4096, marked), table([(2, first)]),
          .zeros(at: place + 4096, byteCount: 4096),
        ], 2
      ),
    ]
    for (number, (writes, block)) in cases.enumerated() {
      let image = try image(sample([VHDXLogEntry(sequence: 1, tail: 0, writes: writes)]))
      let expected = block.map { disk(firstAt: $0) } ?? [UInt8](repeating: 0, count: 8 << 20)
      try expectDisk(image, expected, "case \(number)")
      if let judged = try replayedByQemu() { expectSame(judged, expected, "case \(number)") }
    }
  }

  @Test("data beyond the file's end make it longer, and so does what the newest entry says")
  func longer() throws {
    let content = [UInt8](repeating: 5, count: 4096)
    let end = 21 << 20
    var entry = VHDXLogEntry(
      sequence: 1, tail: 0,
      writes: [
        .data(at: 20 << 20, content), table([(0, first), (1, 20 << 20 | 6)]),
        .data(at: end - 4096, content),
      ])
    var expected = disk(firstAt: 0)
    expected.replaceSubrange(1 << 20..<(1 << 20) + 4096, with: content)
    expected.replaceSubrange((2 << 20) - 4096..<2 << 20, with: content)
    try expectDisk(try image(sample([entry])), expected)
    if let judged = try replayedByQemu() { expectSame(judged, expected) }
    entry.writes.removeLast()
    expectError("beyond the file's end") { _ = try read(image(sample([entry]))) }
    entry.lastByteCount = end
    expected.replaceSubrange((2 << 20) - 4096..<2 << 20, with: [UInt8](repeating: 0, count: 4096))
    try expectDisk(try image(sample([entry])), expected)
  }

  @Test("any writes in any order are those that were made one after the other")
  func anyOrder() throws {
    var random = Seed.ofThisRun.random
    for _ in 0..<20 {
      // Within the first block, whose bytes are the disk's.
      var block = [UInt8](repeating: 1, count: 1 << 20)
      var entries: [VHDXLogEntry] = []
      for sequence in 1...(1 + random.below(4)) {
        var writes: [VHDXLogEntry.Write] = []
        for _ in 0..<random.below(40) {
          let start = random.below(24) * 4096
          let place = (4 << 20) + start
          if random.below(2) == 0 {
            let count = random.below(8) * 4096
            writes.append(.zeros(at: place, byteCount: count))
            block.replaceSubrange(
              start..<start + count, with: [UInt8](repeating: 0, count: count))
          } else {
            let data = random.bytes(4096)
            writes.append(.data(at: place, data))
            block.replaceSubrange(start..<start + 4096, with: data)
          }
        }
        entries.append(
          VHDXLogEntry(
            sequence: UInt64(sequence), tail: 4096 * 100, writes: writes,
            padding: random.below(3)))
      }
      let image = try image(sample(entries, from: 4096 * 100))
      try expectDisk(image, block + [UInt8](repeating: 0, count: 7 << 20))
      for _ in 0..<50 {
        let start = random.below(block.count)
        let part = start..<min(start + 1 + random.below(9000), block.count)
        expectSame(
          try read(image, UInt64(part.lowerBound)..<UInt64(part.upperBound)), Array(block[part]),
          "\(part) \(Seed.ofThisRun)")
      }
    }
  }

  private func entry(_ sequence: UInt64, tail: Int, block: Int) -> VHDXLogEntry {
    VHDXLogEntry(sequence: sequence, tail: tail, writes: [table([(block, first)])])
  }

  @Test("entries before the newest one's tail, of another log or out of their order are left out")
  func others() throws {
    var other = entry(9, tail: 0, block: 6)
    other.id = VHDXSample.writeID
    // Two that are done with, one to replay, one of another log.
    var sample = sample(
      [entry(1, tail: 0, block: 1), entry(2, tail: 0, block: 2), entry(3, tail: 16_384, block: 3)])
    sample.setLog([other], from: 24_576)
    try expectDisk(try image(sample), disk(firstAt: 3))
    // An older sequence elsewhere, and an entry that does not follow the one before it.
    let place = 40_960
    sample.setLog([entry(7, tail: place, block: 5), entry(9, tail: place, block: 6)], from: place)
    try expectDisk(try image(sample), disk(firstAt: 5))
  }

  @Test("a damaged entry ends the sequence, which then is replayed up to there")
  func damaged() throws {
    let entries = [entry(1, tail: 0, block: 1), entry(2, tail: 0, block: 2)]
    let good = sample(entries).bytes
    // A flag of the header, a descriptor, its data, the marks at both ends of the data.
    for place in [28, 64, 100, 4096, 4100, 5000, 8188] {
      for number in 0...1 {
        var bytes = good
        bytes[VHDXSample.log + number * 8192 + place] ^= 1
        try writeFile(bytes, to: path)
        if number == 1 {
          try expectDisk(try DiskImage(opening: path), disk(firstAt: 1), "\(place)")
        } else {
          expectError("is not whole") { _ = try DiskImage(opening: path) }
        }
      }
    }
    // A sum that is right, and a number of the data that is not.
    for place in [4096, 4100, 8188, 64, 80, 88] {
      var changed = entries[0].bytes
      changed[place] ^= 1
      var bytes = good
      bytes.replaceSubrange(
        VHDXSample.log..<VHDXSample.log + 8192, with: sealed(changed))
      try writeFile(bytes, to: path)
      expectError("is not whole") { _ = try DiskImage(opening: path) }
    }
  }

  @Test("a file that became shorter than its log knows it is refused")
  func shorter() throws {
    var entry = entry(1, tail: 0, block: 1)
    entry.flushedByteCount = 6 << 20
    try writeFile(sample([entry]).bytes, to: path)
    expectError("it had 6291456 bytes, and has 5242880") { _ = try DiskImage(opening: path) }
  }

  @Test("entries that overlap endlessly are not looked through endlessly")
  func overlapping() throws {
    var sample = sample([])
    // Each claims all of the ring.
    for place in stride(from: 0, to: 1 << 20, by: 4096) {
      var head = Array(VHDXLogEntry(sequence: 1, tail: 0, writes: []).bytes.prefix(64))
      head.replaceSubrange(8..<12, with: little(UInt32(1 << 20)))
      sample.set(head, at: VHDXSample.log + place)
    }
    try writeFile(sample.bytes, to: path)
    expectError("entries of its log overlap") { _ = try DiskImage(opening: path) }
  }
}
