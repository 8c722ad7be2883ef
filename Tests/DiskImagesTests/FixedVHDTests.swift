import BlockDevices
import Bytes
import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

@Suite struct FixedVHDTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test(
    "a fixed VHD made by hand is its disk without the footer", arguments: [512, 4096, 1_000_448])
  func byHand(byteCount: Int) throws {
    var random = Seed.ofThisRun.random
    let disk = random.bytes(byteCount)
    let image = try DiskImage(opening: write(disk + footer(diskByteCount: UInt64(byteCount))))
    #expect(image.format == .fixedVHD && image.byteCount == UInt64(byteCount))
    expectSame(try read(image), disk, "\(Seed.ofThisRun)")
    let last = try image.nextData(from: UInt64(byteCount - 1))
    #expect(last?.upperBound == UInt64(byteCount))
    #expect(try image.nextData(from: UInt64(byteCount)) == nil)
  }

  @Test("a fixed VHD that qemu-img made is the disk it was made of", .enabled(if: qemuImage != nil))
  func byQemu() throws {
    var random = Seed.ofThisRun.random
    let model = DiskModel(byteCount: (5 << 20) + 1536, runs: 12, random: &random)
    let raw = directory.appending("disk.raw")
    let vhd = directory.appending("disk.vhd")
    try writeFile(model.bytes, to: raw)
    try convertWithQemu(raw, to: vhd, format: "vpc", options: "subformat=fixed,force_size=on")
    let image = try DiskImage(opening: vhd)
    #expect(image.format == .fixedVHD && image.byteCount == UInt64(model.bytes.count))
    expectSame(try read(image), model.bytes, "\(Seed.ofThisRun)")
  }

  @Test(
    "an empty fixed VHD is created by qemu-img in the size that was asked for",
    .enabled(if: qemuImage != nil))
  func createdByQemu() throws {
    let path = directory.appending("empty.vhd")
    try makeWithQemu(
      path, format: "vpc", options: "subformat=fixed,force_size=on", byteCount: 3 << 20)
    let image = try DiskImage(opening: path)
    #expect(image.format == .fixedVHD && image.byteCount == 3 << 20)
    #expect(try read(image).allSatisfy { $0 == 0 })
  }

  @Test("a VHD that is not fixed is refused", arguments: [UInt32(0), 1, 3, 4, 5, .max])
  func otherTypes(type: UInt32) throws {
    let bytes = [UInt8](repeating: 1, count: 1024) + footer(diskByteCount: 1024, type: type)
    expectError("type \(type), not fixed") { _ = try DiskImage(opening: write(bytes)) }
  }

  @Test("a flipped bit in the footer of what is called a VHD is noticed", arguments: 0..<512)
  func flipped(byte: Int) throws {
    let disk = [UInt8](repeating: 1, count: 512)
    var bytes = disk + footer(diskByteCount: 512)
    bytes[512 + byte] ^= 0x10
    let path = try write(bytes)
    #expect(throws: DiskImageError.self) { try DiskImage(opening: path) }
  }

  @Test("a footer that promises more than the file has is refused", arguments: [513, UInt64.max])
  func tooLarge(byteCount: UInt64) throws {
    let bytes = [UInt8](repeating: 1, count: 512) + footer(diskByteCount: byteCount)
    expectError("it promises a disk of \(byteCount) bytes") {
      _ = try DiskImage(opening: write(bytes))
    }
  }

  @Test("whatever a footer says, the image is refused or lies within the file")
  func hostile() throws {
    var random = Seed.ofThisRun.random
    let good = [UInt8](repeating: 1, count: 2048) + footer(diskByteCount: 2048)
    for round in 0..<3000 {
      var tail = mutated(Array(good.suffix(512)), &random)
      if tail.count == 512, random.below(2) == 0 { seal(&tail) }
      let bytes = good.prefix(2048) + tail
      do {
        let image = try DiskImage(opening: write(Array(bytes)))
        #expect(image.byteCount <= UInt64(bytes.count), "round \(round) \(Seed.ofThisRun)")
        #expect(try read(image).count == Int(image.byteCount))
      } catch let error as DiskImageError {
        #expect(!"\(error)".isEmpty)
      }
    }
  }

  private func write(_ bytes: [UInt8]) throws -> FilePath {
    let path = directory.appending("image.vhd")
    try writeFile(bytes, to: path, sparse: false)
    return path
  }

  /// A footer as the specification draws it.
  private func footer(diskByteCount: UInt64, type: UInt32 = 2) -> [UInt8] {
    var footer = [UInt8](repeating: 0, count: 512)
    func put(_ value: some FixedWidthInteger, at offset: Int) {
      withUnsafeBytes(of: value.bigEndian) {
        footer.replaceSubrange(offset..<offset + $0.count, with: $0)
      }
    }
    footer.replaceSubrange(0..<8, with: Array("conectix".utf8))
    put(UInt32(2), at: 8)
    put(UInt32(0x0001_0000), at: 12)
    put(UInt64.max, at: 16)
    put(diskByteCount, at: 40)
    put(diskByteCount, at: 48)
    put(type, at: 60)
    seal(&footer)
    return footer
  }

  private func seal(_ footer: inout [UInt8]) {
    footer.replaceSubrange(64..<68, with: [0, 0, 0, 0])
    let sum = ~footer.reduce(UInt32(0)) { $0 &+ UInt32($1) }
    for byte in 0..<4 {
      footer[64 + byte] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * byte))
    }
  }
}
