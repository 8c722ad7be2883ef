import BlockDevices
import Bytes
import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

@Suite struct ImageCloneTests {
  @Test("a clone is the image as it was, whatever becomes of the image", .enabled(if: canReflink))
  func still() throws {
    var random = Seed.ofThisRun.random
    let mount = try #require(try ReflinkMount())
    let path = mount.path.appending("disk.img")
    var model = DiskModel(byteCount: (1 << 20) + 512, runs: 8, random: &random)
    let footer = fixedVHDFooter(
      diskByteCount: UInt64(model.bytes.count), timestamp: 0, uuid: random.bytes(16))
    try writeFile(model.bytes + footer, to: path)
    let clone = try #require(try DiskImage.clone(of: path))
    let before = model.bytes
    #expect(clone.format == .fixedVHD && clone.path == path)
    for _ in 0..<5 { model.mutate(&random) }
    try overwriteFile(path, with: model.bytes)
    expectSame(try read(clone), before, "\(Seed.ofThisRun)")
    try clone.checkSize()
    try removeFile(path)
    expectSame(try read(clone), before, "\(Seed.ofThisRun)")
    #expect(try directoryEntries(mount.path) == [], "a clone has no name")
  }

  @Test(
    "of a qcow2 image all that it is made over is cloned", .enabled(if: canReflink && hasQemu))
  func chain() throws {
    let mount = try #require(try ReflinkMount())
    let base = QemuImage(path: mount.path.appending("base.img"), byteCount: 1 << 20, options: [])
    try base.make(as: "raw")
    let image = QemuImage(
      path: mount.path.appending("disk.qcow2"), byteCount: 1 << 20, options: ["compat=1.1"],
      below: ("base.img", "raw"))
    try image.make()
    func write(_ pattern: Int) throws {
      let command = "write -P \(pattern) 0 1M"
      try output(of: "qemu-io", "-f", "raw", "-c", command, base.path.string)
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -P \(pattern) 0 64k", image.path.string)
    }
    try write(1)
    let clone = try #require(try DiskImage.clone(of: image.path))
    try write(2)
    #expect(try read(clone).allSatisfy { $0 == 1 })
    try clone.checkSize()
    // What lies where nothing can be cloned is not cloned in part, either.
    let other = try TemporaryDirectory()
    let far = QemuImage(
      path: other.appending("far.img"), byteCount: 1 << 20, options: [])
    try far.make(as: "raw")
    try output(
      of: "qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", far.path.string,
      image.path.string)
    if try DiskImage.clone(of: far.path) == nil {
      #expect(try DiskImage.clone(of: image.path, as: .qcow2) == nil)
    }
  }

  @Test("a file system that cannot share blocks gives no clone, and leaves nothing")
  func unsupported() throws {
    let place = "/dev/shm/kluis-test-\(UInt32.random(in: .min ... .max))"
    let directory = FilePath(place)
    try makeDirectory(directory)
    let path = directory.appending("disk.img")
    try writeFile([1, 2, 3], to: path)
    #expect(try DiskImage.clone(of: path) == nil)
    #expect(try directoryEntries(directory) == ["disk.img"])
    try removeTree(directory)
  }

  @Test("what is no file is not cloned")
  func noFiles() throws {
    let directory = try TemporaryDirectory()
    #expect(try DiskImage.clone(of: directory.path) == nil)
    #expect(try DiskImage.clone(of: directory.appending("nothing")) == nil)
    #expect(try DiskImage.clone(of: FilePath("/dev/null")) == nil)
  }

  @Test(
    "a plain file is read as it is, whatever its bytes look like",
    arguments: ["vhdxfile", "KDMV", "conectix", "QFI\u{FB}", "# Disk DescriptorFile", "<<< "])
  func plain(magic: String) throws {
    let directory = try TemporaryDirectory()
    let head = magic.unicodeScalars.map { UInt8($0.value) }
    let footer = fixedVHDFooter(
      diskByteCount: 1024, timestamp: 0, uuid: [UInt8](repeating: 0, count: 16))
    let bytes = head + [UInt8](repeating: 3, count: 1024 - head.count) + footer
    let path = directory.appending("notes")
    try writeFile(bytes, to: path)
    #expect(throws: DiskImageError.self) { try DiskImage(opening: path) }
    let image = try DiskImage(opening: path, as: .raw)
    #expect(image.format == .raw && image.byteCount == 1536)
    expectSame(try read(image), bytes)
  }
}

/// Whether this process may mount a file system whose files share blocks.
private let canReflink: Bool = {
  do { return try ReflinkMount() != nil } catch { return false }
}()

/// A btrfs in a file, mounted; gone with the value.
private final class ReflinkMount {
  private let directory: TemporaryDirectory
  let path: FilePath

  /// nil where the tools are not there.
  init?() throws {
    directory = try TemporaryDirectory()
    path = directory.appending("mount")
    try makeDirectory(path)
    let image = directory.appending("btrfs.img")
    let file = try File.create(image)
    try file.setByteCount(128 << 20)
    do {
      try run(FilePath("/usr/bin/env"), ["mkfs.btrfs", "-q", image.string])
      try run(FilePath("/usr/bin/env"), ["mount", "-o", "loop", image.string, path.string])
    } catch is ProgramError { return nil }
  }

  deinit {
    do { try run(FilePath("/usr/bin/env"), ["umount", "--lazy", path.string]) } catch {}
  }
}
