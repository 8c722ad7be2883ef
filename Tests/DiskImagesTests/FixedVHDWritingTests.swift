import BlockDevices
import Bytes
import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// The footer that makes a VHD of a restored disk, as others judge it.
@Suite struct FixedVHDWritingTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static let sizes: [UInt64] = [
    512, 1 << 20, 33 << 20, (1 << 30) + 512, 40 << 30, (127 << 30) + 512, 2039 << 30,
    fixedVHDByteLimit,
  ]

  @Test(
    "a disk with our footer is the same disk to qemu-img, in size and bytes",
    .enabled(if: qemuImage != nil), arguments: sizes)
  func compared(byteCount: UInt64) throws {
    let (raw, vhd) = try makePair(byteCount)
    let qemu = try #require(qemuImage)
    try run(qemu, ["compare", "-f", "raw", "-F", "vpc", raw.string, vhd.string])
    let report = directory.appending("report.json")
    let command = "\(qemu) info -f vpc --output=json \(vhd) >\(report)"
    try run(FilePath("/bin/sh"), ["-c", command])
    let text = String(decoding: try readFile(report), as: UTF8.self)
    #expect(text.contains("\"virtual-size\": \(byteCount),"), "\(text)")
  }

  @Test(
    "qemu-img converts it to the disk that it was", .enabled(if: qemuImage != nil),
    arguments: [1 << 20, 33 << 20, (1 << 30) + 512])
  func converted(byteCount: UInt64) throws {
    let (raw, vhd) = try makePair(byteCount)
    let back = directory.appending("back.img")
    let qemu = try #require(qemuImage)
    try run(qemu, ["convert", "-f", "vpc", "-O", "raw", vhd.string, back.string])
    #expect(try fileStatus(back)?.byteCount == byteCount)
    try run(qemu, ["compare", "-f", "raw", "-F", "raw", raw.string, back.string])
  }

  @Test("our own reader finds the disk in it, and its data", arguments: sizes + [2 << 40])
  func ownReader(byteCount: UInt64) throws {
    let (raw, vhd) = try makePair(byteCount)
    let (plain, image) = (try DiskImage(opening: raw), try DiskImage(opening: vhd))
    #expect(image.format == .fixedVHD && image.byteCount == byteCount)
    for place in places(in: byteCount) {
      let range = place..<min(place + 4096, byteCount)
      expectSame(try read(image, range), try read(plain, range))
    }
    #expect(try image.nextData(from: byteCount) == nil)
  }

  @Test("the footer has one size, and says again what it was given")
  func fields() {
    let uuid = (0..<16).map { UInt8($0 + 1) }
    let footer = fixedVHDFooter(diskByteCount: 40 << 30, timestamp: 0x0102_0304, uuid: uuid)
    #expect(footer.count == 512)
    #expect(Array(footer[0..<8]) == Array("conectix".utf8))
    #expect(Array(footer[24..<28]) == [1, 2, 3, 4] && Array(footer[28..<32]) == Array("win ".utf8))
    #expect(Array(footer[40..<48]) == [0, 0, 0, 10, 0, 0, 0, 0])
    #expect(footer[40..<48] == footer[48..<56] && Array(footer[60..<64]) == [0, 0, 0, 2])
    #expect(Array(footer[68..<84]) == uuid && footer[84...].allSatisfy { $0 == 0 })
  }

  @Test(
    "cylinders, heads and sectors are those of the specification",
    arguments: [
      // As qemu-img counts them for disks of these sizes.
      (1 << 20, 30, 4, 17), (33 << 20, 993, 4, 17), (504 << 20, 1024, 16, 63),
      (40 << 30, 20_560, 16, 255), (127 << 30, 65_278, 16, 255), (1 << 40, 65_535, 16, 255),
    ] as [(UInt64, Int, Int, Int)])
  func geometry(byteCount: UInt64, cylinders: Int, heads: Int, sectors: Int) {
    let footer = fixedVHDFooter(
      diskByteCount: byteCount, timestamp: 0, uuid: [UInt8](repeating: 0, count: 16))
    #expect(Int(footer[56]) << 8 | Int(footer[57]) == cylinders)
    #expect(Int(footer[58]) == heads && Int(footer[59]) == sectors)
  }

  /// A raw disk with data here and there, and the same with our footer behind it.
  private func makePair(_ byteCount: UInt64) throws -> (raw: FilePath, vhd: FilePath) {
    var random = Seed.ofThisRun.random
    let (raw, vhd) = (directory.appending("disk.img"), directory.appending("disk.vhd"))
    let plain = try File.create(raw)
    let image = try File.create(vhd)
    let footer = fixedVHDFooter(
      diskByteCount: byteCount, timestamp: UInt32.random(in: 0 ... .max, using: &random),
      uuid: random.bytes(16))
    try plain.setByteCount(byteCount)
    try image.setByteCount(byteCount + 512)
    for place in places(in: byteCount) {
      let bytes = random.bytes(Int(min(4096, byteCount - place)))
      try plain.write(bytes.span.bytes, at: place)
      try image.write(bytes.span.bytes, at: place)
    }
    try image.write(footer.span.bytes, at: byteCount)
    return (raw, vhd)
  }

  private func places(in byteCount: UInt64) -> [UInt64] {
    [0, byteCount / 8192 * 4096, byteCount - min(byteCount, 512)]
  }
}
