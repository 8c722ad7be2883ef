import BlockDevices
import Bytes
import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

@Suite struct DiskImageTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test("a raw image of any size is read as it is", arguments: [0, 1, 511, 512, 4097, 100_000])
  func raw(byteCount: Int) throws {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(byteCount)
    let image = try DiskImage(opening: write(bytes))
    #expect(image.format == .raw && image.byteCount == UInt64(byteCount))
    expectSame(try read(image), bytes, "\(Seed.ofThisRun)")
    try image.checkSize()
  }

  @Test("what lies between data reads as zeros, and data is found to the last byte")
  func holes() throws {
    var random = Seed.ofThisRun.random
    let model = DiskModel(byteCount: (3 << 20) + 77, runs: 6, random: &random)
    let image = try DiskImage(opening: write(model.bytes))
    try expectDisk(image, model.bytes)
  }

  @Test(
    "an image of another format is refused rather than taken for a raw disk",
    arguments: [
      ("vhdxfile", "vhdx"), ("KDMV", "vmdk"), ("conectix", "dynamic"), ("QFI\u{FB}", "qcow2"),
      ("# Disk DescriptorFile", "vmdk"), ("<<< ", "VDI"), ("QED\0", "QED"), ("COWD", "VMDK"),
    ])
  func otherFormats(magic: String, name: String) throws {
    let head = magic.unicodeScalars.map { UInt8($0.value) }
    for rest in [0, 8, 100_000] {
      let path = try write(head + [UInt8](repeating: 1, count: rest))
      expectRefusal(path, saying: name)
      try removeFile(path)
    }
  }

  @Test("a directory and a pipe are no disks, and nothing is not there")
  func noDisks() throws {
    expectRefusal(directory.path, saying: "neither a file nor a block device")
    expectRefusal(FilePath("/dev/null"), saying: "neither a file nor a block device")
    #expect(throws: FileError.self) { try DiskImage(opening: directory.appending("nothing")) }
  }

  @Test("an image that changes its size is noticed")
  func sizes() throws {
    let path = try write([UInt8](repeating: 1, count: 10_000))
    let image = try DiskImage(opening: path)
    let file = try File.openForWriting(path)
    try file.setByteCount(9_000)
    expectError("shrank from 10000 to 9000 bytes") { try image.checkSize() }
    expectError("shrank") { _ = try read(image) }
    try file.setByteCount(10_001)
    expectError("grew from 10000 to 10001 bytes") { try image.checkSize() }
    try file.setByteCount(10_000)
    try image.checkSize()
  }

  @Test(
    "what qemu-img makes is refused by its format where it is not read",
    .enabled(if: qemuImage != nil),
    arguments: [
      ("qed", "cluster_size=65536", "QED"), ("parallels", "cluster_size=1048576", "Parallels"),
    ])
  func qemu(format: String, options: String, name: String) throws {
    let path = directory.appending("made.\(format)")
    try makeWithQemu(path, format: format, options: options, byteCount: 4 << 20)
    expectRefusal(path, saying: name)
  }

  private func write(_ bytes: [UInt8]) throws -> FilePath {
    let path = directory.appending("image")
    try writeFile(bytes, to: path)
    return path
  }

  private func expectRefusal(_ path: FilePath, saying text: String) {
    expectError(text) { _ = try DiskImage(opening: path) }
  }
}
