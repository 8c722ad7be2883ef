import BlockDevices
import Bytes
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// What cannot be read rightly is an error that names it, never zeros and never other bytes.
@Suite(.serialized) struct ExtRefusalTests {
  private let directory: TemporaryDirectory
  private let image: FilePath

  init() throws {
    directory = try TemporaryDirectory(isInMemory: true)
    image = directory.appending("image")
  }

  private func makeImage(_ options: String, megabytes: Int = 16) throws {
    let tree = directory.appending("tree")
    if access(tree.string, F_OK) != 0 {
      try output(of: "python3", "-c", treeScript, tree.string, "1", "500", "small")
    }
    try makeExtImage(
      image, megabytes: megabytes, options: options.split(separator: " ").map(String.init),
      tree: tree)
  }

  private func debugfs(_ commands: String...) throws {
    let file = directory.appending("commands")
    try writeFile(Array(commands.joined(separator: "\n").utf8), to: file, sparse: false)
    try output(of: "debugfs", "-w", "-f", file.string, image.string)
  }

  /// The image with some bytes changed.
  private func opened(changing place: Int, to bytes: [UInt8]) throws -> ExtFileSystem? {
    try ExtFileSystem.open(changed(try readFile(image), at: place, to: bytes))
  }

  private func item(_ path: String, _ fileSystem: ExtFileSystem) throws -> ItemID {
    try path.split(separator: "/").reduce(fileSystem.root) { item, name in
      try #require(try fileSystem.entry(named: FileName(String(name)), in: item)).item
    }
  }

  @Test func `an encrypted file keeps its attributes and refuses its bytes`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    try makeImage("-t ext4 -b 4096 -O encrypt")
    try debugfs(
      "sif /f1000 flags 0x80800", "sif /few flags 0x80800", "sif /link255 flags 0x80800")
    let fileSystem = try openExt(image)
    let file = try item("/f1000", fileSystem)
    #expect(try fileSystem.attributes(of: file).byteCount == 1000)
    expectError(.encrypted, naming: "inode \(file.number)") { _ = try fileSystem.content(of: file) }
    expectError(.encrypted, naming: "names") {
      _ = try fileSystem.forEachEntry(of: try item("/few", fileSystem)) { _ in true }
    }
    expectError(.encrypted, naming: "key") {
      _ = try fileSystem.target(ofSymbolicLink: try item("/link255", fileSystem))
    }
  }

  @Test func `features that are not known refuse the file system by their names`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    try makeImage("-t ext4 -O ^metadata_csum")
    let bytes = try readFile(image)
    let known = bytes.span.bytes
    let features: UInt32 = try known.littleEndian(at: 1024 + 0x60)
    for (bit, name) in [
      (0, "compression"), (3, "journal_dev"), (12, "dirdata"), (30, "0x40000000"),
    ] {
      let changed = features | 1 << UInt32(bit)
      let patch = (0..<4).map { UInt8(truncatingIfNeeded: changed >> (8 * UInt32($0))) }
      expectError(.unsupported, naming: name) { _ = try opened(changing: 1024 + 0x60, to: patch) }
    }
  }

  @Test func `an external journal is refused only where something is in it`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    let journal = directory.appending("journal")
    try output(of: "truncate", "-s", "16M", journal.string)
    try output(of: "mke2fs", "-q", "-F", "-b", "4096", "-O", "journal_dev", journal.string)
    expectError(.unsupported, naming: "journal_dev") { _ = try openExt(journal) }
    try makeImage("-t ext4 -b 4096 -O ^has_journal")
    try debugfs("ssv journal_inum 0", "ssv journal_dev 0x700", "feature has_journal")
    #expect(try openExt(image).state.sentence == "clean")
    try debugfs("feature needs_recovery")
    expectError(.unsupported, naming: "another device") { _ = try openExt(image) }
  }

  @Test func `the copy of a damaged superblock is read, and it says so`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    for options in ["-t ext4 -b 1024", "-t ext4 -b 1024 -O ^metadata_csum"] {
      try makeImage(options)
      let whole = TreeListing(try openExt(image))
      let damaged = try #require(
        try opened(changing: 1024 + 0x18, to: [9, 9, 9, 9]), "\(options)")
      #expect(damaged.state.sentence.contains("the copy of group 1 was read"))
      #expect(differences(TreeListing(damaged).lines, whole.lines).isEmpty)
    }
  }

  @Test func `a superblock that is gone is replaced by its copy only when asked to`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    try makeImage("-t ext4 -b 1024")
    let whole = TreeListing(try openExt(image))
    // What was there before another file system was made has such copies as well.
    let zeros = [UInt8](repeating: 0, count: 2048)
    #expect(try opened(changing: 0, to: zeros) == nil)
    let device = changed(try readFile(image), at: 0, to: zeros)
    let found = try #require(try openFileSystemByCopies(on: device))
    #expect(found.state.sentence.contains("gone; the copy of group 1"))
    #expect(differences(TreeListing(found).lines, whole.lines).isEmpty)
    let empty = PatchedDevice(PatchedImage([UInt8](repeating: 0, count: 1 << 24)))
    #expect(try openFileSystemByCopies(on: empty) == nil)
  }

  @Test func `a damaged group descriptor is read from its copy`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    try makeImage("-t ext4 -b 1024")
    let whole = TreeListing(try openExt(image))
    let damaged = try #require(try opened(changing: 2048 + 8, to: [0xFF, 0xFF]))
    #expect(differences(TreeListing(damaged).lines, whole.lines).isEmpty)
  }

  @Test func `every flipped bit of what has a checksum is found`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    let seed = Seed.ofThisRun
    var random = seed.random
    try makeImage("-t ext4 -b 1024 -O inline_data,ea_inode")
    let bytes = try readFile(image)
    let places = try structures(of: bytes) { try ExtFileSystem.open($0) }
    let whole = TreeListing(try openExt(image))
    var found = 0
    for round in 0..<60 {
      let place = places[random.below(places.count)]
      let offset = place.lowerBound + random.below(place.count)
      let flipped = bytes[offset] ^ 1 << UInt8(random.below(8))
      let device = changed(bytes, at: offset, to: [flipped])
      guard let fileSystem = try? ExtFileSystem.open(device) else {
        found += 1
        continue
      }
      let listing = TreeListing(fileSystem)
      if !listing.errors.isEmpty { found += 1 }
      // What is shown is right, or is said to be wrong; a descriptor is read from its copy. The
      // targets of links have no checksum.
      let wrong = listing.lines.filter {
        !$0.value.contains("ERROR") && $0.value != whole.lines[$0.key]
          && !$0.value.hasPrefix("l ")
      }
      #expect(wrong.isEmpty, "\(seed), round \(round), byte \(offset)")
    }
    #expect(found > 0)
  }

  @Test func `an image that was cut off shows what is right in it, and says what is missing`()
    throws
  {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    try makeImage("-t ext4 -b 4096")
    let bytes = try readFile(image)
    let whole = TreeListing(try openExt(image))
    var found = 0
    for end in stride(from: 1 << 19, to: bytes.count, by: 300_000) {
      guard let fileSystem = try? ExtFileSystem.open(MemoryDevice(Array(bytes[..<end]))) else {
        continue
      }
      let listing = TreeListing(fileSystem)
      found += listing.errors.count
      let wrong = listing.lines.filter {
        !$0.value.contains("ERROR") && $0.value != whole.lines[$0.key]
      }
      #expect(wrong.isEmpty, "cut at \(end): \(wrong.prefix(3))")
    }
    #expect(found > 0)
  }

  @Test func `an entry that took the name of the parent is shown and not left out`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    try makeImage("-t ext4 -b 1024 -O ^metadata_csum")
    try debugfs("mkdir /sub", "cd /sub", "symlink XQ target")
    let bytes = try readFile(image)
    let name = Array("\u{2}\u{7}XQ".utf8)
    let place = try #require(
      (0..<bytes.count - 4).first { Array(bytes[$0..<$0 + 4]) == name })
    let fileSystem = try #require(try opened(changing: place + 2, to: Array("..".utf8)))
    var names: [FileName] = []
    try fileSystem.forEachEntry(of: try item("/sub", fileSystem)) {
      names.append($0.name)
      return true
    }
    #expect(names == [".."])
  }
}

/// An image with some bytes changed, as a device.
private func changed(_ bytes: [UInt8], at place: Int, to new: [UInt8]) -> PatchedDevice {
  var image = PatchedImage(bytes)
  image.put(new, at: place)
  return PatchedDevice(image)
}
