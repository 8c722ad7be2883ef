import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// What headers, regions, metadata and tables of VHDX images may say.
@Suite struct VHDXTablesTests {
  private let directory: TemporaryDirectory
  private var path: FilePath { directory.appending("disk.vhdx") }

  init() throws { directory = try TemporaryDirectory() }

  private func image(_ sample: VHDXSample) throws -> DiskImage {
    try writeFile(sample.bytes, to: path)
    return try DiskImage(opening: path)
  }

  private func expectRefusal(
    _ text: String, byteCount: Int = 8 << 20, _ change: (inout VHDXSample) -> Void
  ) throws {
    var sample = VHDXSample(byteCount: byteCount)
    change(&sample)
    expectError(text) { _ = try read(image(sample)) }
  }

  @Test("blocks of all states and sectors of both sizes", arguments: [512, 4096])
  func states(sectorByteCount: Int) throws {
    var random = Seed.ofThisRun.random
    for blockByteCount in [1 << 20, 2 << 20] {
      var sample = VHDXSample(
        byteCount: (8 << 20) - sectorByteCount, blockByteCount: blockByteCount,
        sectorByteCount: sectorByteCount)
      var expected = [UInt8](repeating: 0, count: 8 << 20)
      for block in 0..<(8 << 20) / blockByteCount {
        let content = random.bytes(blockByteCount)
        switch block % 5 {
        case 4: break
        case let state where state > 0: sample.setBlock(block, state: UInt64(state), content)
        default:
          sample.setBlock(block, state: 6, content)
          expected.replaceSubrange(
            block * blockByteCount..<(block + 1) * blockByteCount, with: content)
        }
      }
      expected.removeLast(sectorByteCount)
      try expectDisk(try image(sample), expected, "\(sectorByteCount) \(blockByteCount)")
      if hasQemu, sectorByteCount == 512 {
        expectSame(try convertedByQemu(path, format: "vhdx", in: directory.path), expected)
      }
    }
  }

  @Test("the table has an entry for a bitmap after each chunk of its own size")
  func chunks() throws {
    for sectorByteCount in [512, 4096] {
      let chunk = (8 << 20) * sectorByteCount
      var sample = VHDXSample(
        byteCount: 2 * chunk + (1 << 20), sectorByteCount: sectorByteCount)
      let places = [0, chunk - (1 << 20), chunk, 2 * chunk - (1 << 20), 2 * chunk]
      for (number, place) in places.enumerated() {
        sample.setBlock(
          place >> 20, state: 6, [UInt8](repeating: UInt8(number + 1), count: 1 << 20))
      }
      let image = try image(sample)
      var position: UInt64 = 0
      for (number, place) in places.enumerated() {
        let extent = try #require(try image.nextData(from: position))
        #expect(extent.lowerBound == UInt64(place))
        let start = UInt64(place)
        #expect(try read(image, start..<start + (1 << 20)).allSatisfy { $0 == number + 1 })
        position = start + (1 << 20)
      }
      #expect(try image.nextData(from: position) == nil)
    }
  }

  @Test("of two headers the newer counts, and the whole one where only one is")
  func headers() throws {
    var sample = VHDXSample(byteCount: 1 << 20)
    // The newer one announces a log that is not there.
    sample.setHeader(number: 0, sequence: 6, logID: VHDXSample.logID)
    expectError("is not whole") { _ = try image(sample) }
    sample.setHeader(number: 0, sequence: 4, logID: VHDXSample.logID)
    #expect(try image(sample).byteCount == 1 << 20)
    sample.set([1], at: 65_536 + 100)
    #expect(try image(sample).byteCount == 1 << 20)
    sample.set([1], at: 2 * 65_536 + 100)
    expectError("neither header is whole") { _ = try image(sample) }
    for number in 0...1 { sample.setHeader(number: number, sequence: 0, logID: nil) }
    #expect(try image(sample).byteCount == 1 << 20)
    sample.setHeader(number: 0, sequence: 0, logID: VHDXSample.logID)
    expectError("as new as each other") { _ = try image(sample) }
    try expectRefusal("of version 2") {
      $0.setHeader(number: 0, sequence: 9, logID: nil, version: 2)
    }
    try expectRefusal("its log is of version 1") {
      $0.setHeader(number: 0, sequence: 9, logID: VHDXSample.logID, logVersion: 1)
    }
    for count in [0, 4096, 1 << 30] {
      try expectRefusal("its log of \(count) bytes lies at") {
        $0.setHeader(number: 0, sequence: 9, logID: VHDXSample.logID, logByteCount: count)
      }
    }
    try expectRefusal("more than 32 MiB are not replayed") {
      $0.set([0], at: 40 << 20)
      $0.setHeader(number: 0, sequence: 9, logID: VHDXSample.logID, logByteCount: 33 << 20)
    }
    // A log that nothing is to be replayed of may be anything.
    sample.setHeader(number: 0, sequence: 9, logID: nil, logVersion: 7, logByteCount: 0)
    #expect(try image(sample).byteCount == 1 << 20)
    try expectRefusal("ends within its tables") { $0.truncate(100_000) }
  }

  @Test("regions that have to be known and are not, are named; the copy of the table is as good")
  func regions() throws {
    let known: [VHDXSample.Region] = [
      (VHDXSample.tableRegion, VHDXSample.table, 1 << 20, 1),
      (VHDXSample.metadataRegion, VHDXSample.metadata, 1 << 20, 1),
    ]
    let other = guid("01020304-0506-0708-090a-0b0c0d0e0f10")
    try expectRefusal("a region that is not known here: 01020304-0506-0708-090a-0b0c0d0e0f10") {
      $0.setRegions(known + [(other, 0, 0, 1)])
    }
    var sample = VHDXSample(byteCount: 1 << 20)
    sample.setRegions(known + [(other, .max, 0, 0)])
    sample.set([0], at: 3 * 65_536)
    #expect(try image(sample).byteCount == 1 << 20)
    sample.set([0], at: 4 * 65_536)
    expectError("neither table of its regions is whole") { _ = try image(sample) }
    try expectRefusal("no block allocation table") { $0.setRegions([known[1]]) }
    try expectRefusal("twice") { $0.setRegions(known + [known[0]]) }
    try expectRefusal("of the region 2dc27766") {
      $0.setRegions([(known[0].id, 77 << 20, 1 << 20, 1), known[1]])
    }
    try expectRefusal("of the region 2dc27766") {
      $0.setRegions([(known[0].id, .max, 1 << 20, 1), known[1]])
    }
    try expectRefusal("a table of 0 bytes") {
      $0.setRegions([(known[0].id, VHDXSample.table, 0, 1), known[1]])
    }
  }

  @Test("metadata that cannot be, or have to be known and are not, are named")
  func metadata() throws {
    let other = "01020304-0506-0708-090a-0b0c0d0e0f10"
    try expectRefusal("not known here: \(other)") { $0.setItems([(other, 4, [1])]) }
    // What a user keeps there is not the format's, whatever it is called.
    let size = "2fa54224-cd1b-4876-b211-5dbed83bf4b8"
    try expectRefusal("not known here: \(size)") { $0.setItems([(size, 5, [1])]) }
    try expectRefusal("its metadata lack") { $0.setItems([(other, 0, [1]), (size, 1, [1])]) }
    try expectRefusal("have \(size) twice") { $0.setItems([(size, 4, [1]), (size, 4, [1])]) }
    // Places of the items: block size, disk's size, sector's size.
    let first = VHDXSample.metadata + 65_536
    for block in [0, 1 << 19, 3 << 20, 1 << 29] {
      try expectRefusal("in blocks of \(block)") { $0.set(little(UInt32(block)), at: first) }
    }
    for sector in [0, 511, 1024, 8192] {
      try expectRefusal("sectors of \(sector)") {
        $0.set(little(UInt32(sector)), at: first + 32)
      }
    }
    try expectRefusal("a disk of") { $0.set(little((UInt64(64) << 40) + 512), at: first + 8) }
    try expectRefusal("a disk of") { $0.set(little(UInt64.max), at: first + 8) }
    try expectRefusal("a disk of 1000 bytes") { $0.set(little(UInt64(1000)), at: first + 8) }
    try expectRefusal("a table of 1048576 bytes for a disk") {
      $0.set(little(UInt64(64) << 40), at: first + 8)
    }
    // Where an item lies, and how long it is.
    for (offset, count) in [(100, 8), (65_536, 2 << 20), (.max, 8), (1 << 20, 8)] {
      try expectRefusal("of its metadata lie at") {
        $0.set(
          little(UInt32(truncatingIfNeeded: offset)) + little(UInt32(count)),
          at: VHDXSample.metadata + 32 + 16)
      }
    }
    try expectRefusal("items of metadata") { $0.set([0xFF, 0xFF], at: VHDXSample.metadata + 10) }
    try expectRefusal("have no table") { $0.set([0], at: VHDXSample.metadata) }
  }

  @Test("blocks that cannot be are named")
  func blocks() throws {
    for state: UInt64 in [4, 5, 7] {
      try expectRefusal("in state \(state)") { $0.setBlock(0, state: state) }
    }
    for place: UInt64 in [0, 999 << 20, 1 << 63, .max & ~0xFFFFF] {
      try expectRefusal("lies at \(place), in a file of") {
        $0.set(little(place | 6), at: $0.entryPlace(block: 3))
      }
    }
    try expectRefusal("beyond the file's end") {
      $0.setBlock(0, state: 6, [1, 2, 3])
    }
  }
}
