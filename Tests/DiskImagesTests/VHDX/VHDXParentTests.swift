import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// Differencing VHDX images, and whether what they say of other files is believed.
@Suite struct VHDXParentTests {
  private let directory: TemporaryDirectory
  private static let linkage = "{01234567-89AB-CDEF-0123-456789ABCDEF}"

  init() throws {
    directory = try TemporaryDirectory()
    try makeDirectory(directory.appending("images"))
  }

  private func path(_ name: String) -> FilePath { directory.appending("images/\(name)") }

  private func over(
    _ name: String, byteCount: Int = 8 << 20, sectorByteCount: Int = 512,
    linkage: String = linkage
  ) -> VHDXSample {
    VHDXSample(
      byteCount: byteCount, sectorByteCount: sectorByteCount,
      parent: [
        ("parent_linkage", linkage), ("relative_path", name),
        ("absolute_win32_path", "\\\\?\\D:\\machines\\disk.vhdx"),
      ])
  }

  private func base(of byte: UInt8, byteCount: Int = 8 << 20) -> VHDXSample {
    var sample = VHDXSample(byteCount: byteCount)
    for block in 0..<byteCount >> 20 {
      sample.setBlock(block, state: 6, [UInt8](repeating: byte, count: 1 << 20))
    }
    return sample
  }

  @Test(
    "sectors that an image lacks are those of what it is made over", arguments: [512, 4096])
  func sectors(sectorByteCount: Int) throws {
    var random = Seed.ofThisRun.random
    let blockCount = 8
    // What is made over a shorter one is zeros beyond its end.
    let below = random.bytes((blockCount << 20) - 3 * 4096)
    var base = VHDXSample(byteCount: below.count, sectorByteCount: sectorByteCount)
    for block in 0..<blockCount {
      base.setBlock(
        block, state: 6, Array(below[block << 20..<min(below.count, (block + 1) << 20)]))
    }
    try writeFile(base.bytes, to: path("base.vhdx"))
    var expected = below + [UInt8](repeating: 0, count: 3 * 4096)
    for level in 1...3 {
      let name = level == 1 ? ".\\base.vhdx" : "..\\images\\\(level - 1).avhdx"
      var sample = over(name, byteCount: blockCount << 20, sectorByteCount: sectorByteCount)
      var bits = [UInt8](repeating: 0, count: 1 << 20)
      for block in 0..<blockCount {
        let content = random.bytes(1 << 20)
        let state = [0, 1, 2, 3, 6, 7, 7, 7][random.below(8)]
        sample.setBlock(block, state: UInt64(state), state < 6 ? nil : content)
        if state == 6 { expected.replaceSubrange(block << 20..<(block + 1) << 20, with: content) }
        if (1...3).contains(state) {
          let zeros = [UInt8](repeating: 0, count: 1 << 20)
          expected.replaceSubrange(block << 20..<(block + 1) << 20, with: zeros)
        }
        // Of blocks that are whole or not there the bitmap says nothing.
        var sector = 0
        while sector < (1 << 20) / sectorByteCount {
          let count = min(
            1 + random.below([2, 20, 300][random.below(3)]), (1 << 20) / sectorByteCount - sector)
          let isHere = random.below(2) == 0
          for number in sector..<sector + count where isHere {
            let bit = (block << 20) / sectorByteCount + number
            bits[bit / 8] |= 1 << UInt8(bit % 8)
            guard state == 7 else { continue }
            let within = number * sectorByteCount
            let place = block << 20 + within
            expected.replaceSubrange(
              place..<place + sectorByteCount, with: content[within..<within + sectorByteCount])
          }
          sector += count
        }
      }
      sample.setBitmap(chunk: 0, bits)
      try writeFile(sample.bytes, to: path("\(level).avhdx"))
      let image = try DiskImage(opening: path("\(level).avhdx"))
      try expectDisk(image, expected, "level \(level)")
      for _ in 0..<100 {
        let start = random.below(expected.count)
        let part = start..<min(start + 1 + random.below(5000), expected.count)
        expectSame(
          try read(image, UInt64(part.lowerBound)..<UInt64(part.upperBound)),
          Array(expected[part]), "\(part) \(Seed.ofThisRun)")
      }
    }
  }

  @Test("an image that was only looked at leads no further than its own directory")
  func trust() throws {
    try writeFile(base(of: 7).bytes, to: directory.appending("secret.vhdx"))
    try writeFile(base(of: 5).bytes, to: path("base.vhdx"))
    for (name, parent) in [
      ("disk.vhdx", "..\\secret.vhdx"), ("disk.avhdx", ".\\..\\secret.vhdx"),
      ("disk.img", "base.vhdx"), ("disk", "base.vhdx"),
      ("disk.vhdx", "\(directory.appending("secret.vhdx"))"),
    ] {
      try writeFile(over(parent).bytes, to: path(name))
      expectError("say vhdx:") { _ = try DiskImage(opening: path(name)) }
      let told = try DiskImage(opening: path(name), as: .vhdx)
      let byte: UInt8 = parent.contains("secret") ? 7 : 5
      #expect(try read(told).allSatisfy { $0 == byte })
    }
    for name in ["disk.vhdx", "disk.avhdx"] {
      try writeFile(over(".\\base.vhdx").bytes, to: path(name))
      #expect(try read(DiskImage(opening: path(name))).allSatisfy { $0 == 5 })
    }
    // What is below an image that may lead on is not asked for more than it.
    try writeFile(over("..\\secret.vhdx").bytes, to: path("base.vhdx"))
    expectError("say vhdx:") { _ = try DiskImage(opening: path("disk.vhdx")) }
    #expect(
      try read(DiskImage(opening: path("disk.vhdx"), as: .vhdx)).allSatisfy { $0 == 7 })
  }

  @Test("what is below has to be a VHDX image, in the state in which it was")
  func state() throws {
    try writeFile(base(of: 5).bytes, to: path("base.vhdx"))
    func expectRefusal(_ text: String, _ sample: VHDXSample) throws {
      try writeFile(sample.bytes, to: path("disk.vhdx"))
      expectError(text) { _ = try DiskImage(opening: path("disk.vhdx")) }
    }
    try expectRefusal(
      "since then, that was written to",
      over("base.vhdx", linkage: "{11234567-89AB-CDEF-0123-456789ABCDEF}"))
    try expectRefusal("gone.vhdx, which", over("gone.vhdx"))
    try expectRefusal("made over itself", over("disk.vhdx"))
    try expectRefusal("which is no file's name", over("D:\\base.vhdx"))
    try expectRefusal("is no text", over("base.vhdx\u{0}x"))
    try writeFile([UInt8](repeating: 5, count: 65_536), to: path("raw.img"))
    try expectRefusal("raw.img is to be vhdx, and is not", over("raw.img"))
    // While it was merged into what is below it, that has one of two states.
    let merging = VHDXSample(
      byteCount: 8 << 20,
      parent: [
        ("parent_linkage", "{}"), ("parent_linkage2", Self.linkage), ("relative_path", "base.vhdx"),
      ])
    try writeFile(merging.bytes, to: path("disk.vhdx"))
    #expect(try read(DiskImage(opening: path("disk.vhdx"))).allSatisfy { $0 == 5 })
    try expectRefusal(
      "made over '\\\\?\\D:\\disk.vhdx' on a Windows machine",
      VHDXSample(
        byteCount: 8 << 20,
        parent: [
          ("parent_linkage", Self.linkage), ("absolute_win32_path", "\\\\?\\D:\\disk.vhdx"),
        ]))
  }

  @Test("a block of which there are only parts is refused without a bitmap")
  func bitmaps() throws {
    try writeFile(base(of: 5).bytes, to: path("base.vhdx"))
    var sample = over("base.vhdx")
    sample.setBlock(2, state: 7, [UInt8](repeating: 1, count: 1 << 20))
    let entry = sample.bitmapEntryPlace(chunk: 0)
    for (value, text) in [
      (UInt64(0), "no bitmap says"), (5 << 20 | 1, "no bitmap says"), (6, "lies at 0"),
      (1 << 63 | 6, "lies at"), (UInt64(sample.bytes.count - (1 << 20)) | 6, ""),
    ] {
      sample.set(little(value), at: entry)
      try writeFile(sample.bytes, to: path("disk.vhdx"))
      let image = try DiskImage(opening: path("disk.vhdx"))
      if text.isEmpty {
        _ = try read(image)
      } else {
        expectError(text) { _ = try read(image) }
      }
    }
    // The last piece of the file is no whole bitmap.
    sample.set([1], at: wholeMebibytes(sample.bytes.count))
    sample.set(little(UInt64(sample.bytes.count - 1) | 6), at: entry)
    try writeFile(sample.bytes, to: path("disk.vhdx"))
    expectError("beyond the file's end") { _ = try read(DiskImage(opening: path("disk.vhdx"))) }
  }

  @Test("an image is noticed whose lower layer is written to while it is read")
  func written() throws {
    let below = base(of: 5)
    try writeFile(below.bytes, to: path("base.vhdx"))
    try writeFile(over("base.vhdx").bytes, to: path("disk.vhdx"))
    let image = try DiskImage(opening: path("disk.vhdx"))
    try image.checkSize()
    try overwriteFile(path("base.vhdx"), with: below.bytes)
    expectError("base.vhdx was written to while") { try image.checkSize() }
  }
}
