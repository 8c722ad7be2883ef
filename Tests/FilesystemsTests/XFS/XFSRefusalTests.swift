import BlockDevices
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// What cannot be read rightly is an error that names it, never zeros and never other bytes.
@Suite struct XFSRefusalTests {
  private static let image = Result { try StoredImage.cleanXFS.bytes() }
    .map { (bytes: $0, seals: XFSSeals($0)) }
  private let bytes: [UInt8]
  private let seals: XFSSeals

  init() throws { (bytes, seals) = try Self.image.get() }

  /// The image with some bytes changed, and the checksums made to fit.
  private func opened(
    changing changes: (place: Int, to: [UInt8])..., sealed: Bool = true
  ) throws -> XFSFileSystem {
    var image = PatchedImage(bytes)
    for change in changes { image.put(change.to, at: change.place) }
    if sealed { seals.apply(to: &image) }
    return try #require(try XFSFileSystem.open(PatchedDevice(image)))
  }

  /// Where an inode lies in the image.
  private func place(ofInode number: UInt64) -> Int {
    let group = Int(number >> UInt64(bytes[0x7B] + bytes[0x7C]))
    let within = Int(number & (1 << UInt64(bytes[0x7B] + bytes[0x7C]) - 1))
    return group * Int(big(bytes, 0x54) as UInt32) * 1024 + within * 512
  }

  @Test func `features that are not known refuse the file system by their names`() {
    for (word, name) in [
      ([0, 0, 1, 0x6B], "metadata directories"), ([0, 0, 2, 0x6B], "zones"),
      ([0x40, 0, 0, 0x6B], "0x40000000"),
    ] as [([UInt8], String)] {
      expectError(.unsupported, naming: name) { _ = try opened(changing: (0xD8, word)) }
    }
    expectError(.unsupported, naming: "version 3") { _ = try opened(changing: (0x65, [0xA3])) }
  }

  @Test func `a file system that is marked as in need of repair is refused`() {
    let flags = bytes[0xDB] | 0x10
    expectError(.damaged, naming: "repair") { _ = try opened(changing: (0xDB, [flags])) }
  }

  @Test func `a log on another device is refused`() {
    expectError(.unsupported, naming: "another device") {
      _ = try opened(changing: (0x30, [UInt8](repeating: 0, count: 8)))
    }
  }

  @Test func `a log with unknown features, of another file system or machine is refused`() throws {
    let bytes = try StoredImage.xfsWithLogs[1].bytes()
    let seals = XFSSeals(bytes)
    expectError(.unsupported, naming: "unknown features 0x4") {
      var image = PatchedImage(bytes)
      image.put([4], at: 0xDF)
      seals.apply(to: &image)
      _ = try XFSFileSystem.open(PatchedDevice(image))
    }
    expectError(.damaged, naming: "another file system") {
      try changeAllRecords(of: bytes, seals, at: 0x130, to: [9, 9])
    }
    expectError(.unsupported, naming: "format 2") {
      try changeAllRecords(of: bytes, seals, at: 0x12F, to: [2])
    }
  }

  private func changeAllRecords(
    of bytes: [UInt8], _ seals: XFSSeals, at offset: Int, to change: [UInt8]
  ) throws {
    var image = PatchedImage(bytes)
    let log = XFSSeals.Superblock(bytes).log
    for start in stride(from: log.lowerBound, to: log.upperBound, by: 512)
    where big(bytes, start) as UInt32 == 0xFEED_BABE { image.put(change, at: start + offset) }
    seals.apply(to: &image)
    _ = try XFSFileSystem.open(PatchedDevice(image))
  }

  @Test func `a file on the device for real-time files is refused, and its attributes are not`()
    throws
  {
    let whole = try opened()
    let file = try whole.item("set aside")
    let place = place(ofInode: file.number)
    let changed = try opened(changing: (place + 0x5B, [bytes[place + 0x5B] | 1]))
    #expect(try changed.attributes(of: file) == whole.attributes(of: file))
    expectError(.unsupported, naming: "real-time") { _ = try changed.content(of: file) }
  }

  @Test func `metadata with a wrong checksum, place, owner or file system is refused`() throws {
    let whole = try opened()
    let recorder = RecordingDevice(bytes)
    let fileSystem = try #require(try XFSFileSystem.open(recorder))
    let directory = try whole.item("block")
    let before = recorder.ranges
    try fileSystem.forEachEntry(of: directory) { _ in true }
    let blocks = recorder.ranges.subtracting(before).map { Int($0.lowerBound) }
    let place = try #require(blocks.first { big(bytes, $0) as UInt32 == 0x5844_4233 })
    for (offset, sealed, reason) in [
      (2000, false, "checksum"), (8, true, "another place"), (24, true, "another file system"),
      (47, true, "another inode"), (0, false, "magic"),
    ] {
      let changed = try opened(changing: (place + offset, [0xEE]), sealed: sealed)
      expectError(.damaged, naming: reason) {
        try changed.forEachEntry(of: directory) { _ in true }
      }
    }
    let inode = self.place(ofInode: directory.number)
    for (offset, sealed, reason) in [
      (0x64, false, "checksum"), (0x9E, true, "another inode"), (0xA0, true, "file system"),
    ] {
      let changed = try opened(changing: (inode + offset, [0xEE]), sealed: sealed)
      expectError(.damaged, naming: reason) { _ = try changed.attributes(of: directory) }
    }
  }

  @Test func `the copy of a damaged superblock is read, and it says so`() throws {
    let whole = TreeListing(try opened())
    let damaged = try opened(changing: (0x6C, [1]), sealed: false)
    #expect(damaged.state.sentence.contains("the copy of group"))
    #expect(differences(TreeListing(damaged).lines, whole.lines).isEmpty)
  }

  @Test func `a superblock that is gone is replaced by its copy only when asked to`() throws {
    var image = PatchedImage(bytes)
    image.put([UInt8](repeating: 0, count: 4096), at: 0)
    #expect(try XFSFileSystem.open(PatchedDevice(image)) == nil)
    let found = try #require(try XFSFileSystem.openByCopies(PatchedDevice(image)))
    #expect(found.state.sentence.contains("the superblock is gone"))
    #expect(differences(TreeListing(found).lines, TreeListing(try opened()).lines).isEmpty)
    let empty = PatchedDevice(PatchedImage([UInt8](repeating: 0, count: 1 << 20)))
    #expect(try XFSFileSystem.openByCopies(empty) == nil)
  }

  @Test func `a device that ends early says so, and reads what it has`() throws {
    let device = MemoryDevice(Array(bytes.prefix(30 << 20)))
    let fileSystem = try #require(try XFSFileSystem.open(device))
    #expect(fileSystem.state.sentence.contains("ends before"))
    let listing = TreeListing(fileSystem)
    for (path, reason) in listing.errors {
      #expect(reason.contains("the device ends"), "\(path): \(reason)")
    }
  }
}
