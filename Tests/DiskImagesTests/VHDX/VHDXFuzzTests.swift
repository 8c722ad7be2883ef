import DiskImages
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

/// VHDX images that nobody made.
@Suite struct VHDXFuzzTests {
  private let directory: TemporaryDirectory
  private static let rounds =
    getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) } ?? 400

  init() throws {
    directory = try TemporaryDirectory()
    // A trap says nothing of its seed.
    print("changed VHDX images: \(Seed.ofThisRun)")
  }

  /// An image over another one, with blocks of every state, and a log of several entries.
  private func sample(_ random: inout SeededRandom) -> VHDXSample {
    var sample = VHDXSample(
      byteCount: 8 << 20,
      parent: [
        ("parent_linkage", "{01234567-89ab-cdef-0123-456789abcdef}"),
        ("relative_path", ".\\base.vhdx"),
      ])
    for block in 0..<8 {
      let isThere = [0, 1, 5, 7].contains(block)
      sample.setBlock(
        block, state: [6, 7, 0, 2, 3, 7, 1, 6][block],
        isThere ? random.bytes(block == 7 ? 1 << 20 : 8192) : nil)
    }
    let bits = (0..<2048).map { _ in [0, 0, 0xFF, 0xFF, UInt8(random.below(256))][random.below(5)] }
    sample.setBitmap(chunk: 0, bits)
    sample.setHeader(number: 0, sequence: 6, logID: VHDXSample.logID)
    let table = Array(sample.bytes[VHDXSample.table..<VHDXSample.table + 4096])
    let tail = (1 << 20) - 8192
    sample.setLog(
      [
        VHDXLogEntry(sequence: 8, tail: tail, writes: [.data(at: VHDXSample.table, table)]),
        VHDXLogEntry(
          sequence: 9, tail: tail,
          writes: [.zeros(at: VHDXSample.table + 65_536, byteCount: 65_536)]),
        VHDXLogEntry(
          sequence: 10, tail: tail,
          writes: [
            .data(at: VHDXSample.table, table), .data(at: VHDXSample.table + 8192, table),
          ], lastByteCount: 24 << 20),
      ], from: tail)
    return sample
  }

  @Test("nothing that an image may hold makes the reader trap or go on without end")
  func fuzz() throws {
    var random = Seed.ofThisRun.random
    try writeFile(VHDXSample(byteCount: 8 << 20).bytes, to: directory.appending("base.vhdx"))
    let good = sample(&random).bytes
    let path = directory.appending("disk.vhdx")
    try writeFile(good, to: path)
    let file = try File.openForWriting(path)
    try lookThrough(DiskImage(opening: path))
    var readable = 0
    for round in 0..<Self.rounds {
      var changes: [(place: Int, bytes: [UInt8])] = []
      for _ in 0...random.below(2) { changes += changed(good, &random) }
      for change in changes { try file.write(change.bytes.span.bytes, at: UInt64(change.place)) }
      let isShorter = random.below(20) == 0
      if isShorter { try file.setByteCount(UInt64(random.below(good.count))) }
      do {
        try lookThrough(DiskImage(opening: path), byteLimit: 4 << 20)
        readable += 1
      } catch { #expect(!"\(error)".isEmpty, "round \(round) \(Seed.ofThisRun)") }
      if isShorter { try overwriteFile(path, with: good) }
      for change in changes {
        let place = change.place..<change.place + change.bytes.count
        try file.write(Array(good[place]).span.bytes, at: UInt64(change.place))
      }
    }
    try lookThrough(DiskImage(opening: path))
    #expect(readable > 0, "some changes do no harm: \(Seed.ofThisRun)")
  }

  /// Parts of the image that have something in them, and how long what has a checksum is there.
  private static let parts: [(place: Range<Int>, sealed: Int?)] = [
    (65_536..<65_616, 4096), (3 * 65_536..<3 * 65_536 + 80, 65_536),
    (VHDXSample.metadata..<VHDXSample.metadata + 224, nil),
    (VHDXSample.metadata + 65_536..<VHDXSample.metadata + 65_900, nil),
    (VHDXSample.table..<VHDXSample.table + 64, nil),
    // The entry for the bitmap.
    (VHDXSample.table + 4096 * 8..<VHDXSample.table + 4096 * 8 + 8, nil),
    (VHDXSample.log + (1 << 20) - 8192..<VHDXSample.log + (1 << 20) - 8096, 8192),
    (VHDXSample.log..<VHDXSample.log + 96, 4096),
    (VHDXSample.log + 4096..<VHDXSample.log + 4224, 12_288),
  ]

  private func changed(
    _ good: [UInt8], _ random: inout SeededRandom
  ) -> [(place: Int, bytes: [UInt8])] {
    let part = Self.parts[random.below(Self.parts.count)]
    let whole = part.place.lowerBound..<part.place.lowerBound + (part.sealed ?? part.place.count)
    var bytes = Array(good[whole])
    change(&bytes, in: 0..<part.place.count, &random)
    // A sum that is right, most of the time.
    if part.sealed != nil, random.below(8) > 0 { bytes = sealed(bytes) }
    guard part.place.lowerBound == 3 * 65_536 else { return [(whole.lowerBound, bytes)] }
    return [(whole.lowerBound, bytes), (whole.upperBound, bytes)]
  }
}
