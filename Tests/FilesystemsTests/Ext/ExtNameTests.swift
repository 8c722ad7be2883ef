import BlockDevices
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Names that are looked up, in directories with and without an index.
@Suite(.serialized) struct ExtNameTests {
  private let directory: TemporaryDirectory
  private let image: FilePath

  init() throws {
    directory = try TemporaryDirectory(isInMemory: true)
    image = directory.appending("image")
  }

  @Test(arguments: ["legacy", "half_md4", "tea"])
  func `a name in a huge directory is found by a few of its blocks`(_ hash: String) throws {
    guard areInstalled("mke2fs", "e2fsck", "tune2fs") else { return }
    let tree = directory.appending("tree")
    mkdir(tree.string, 0o700)
    mkdir(tree.appending("huge").string, 0o700)
    let names = (0..<2500).map { "name \($0) é\(String(repeating: "x", count: $0 % 80))" }
    for name in names { try writeFile([], to: tree.appending("huge/" + name), sparse: false) }
    try makeExtImage(
      image, megabytes: 64, options: ["-t", "ext4", "-b", "1024", "-N", "4000"], tree: tree)
    try output(of: "tune2fs", "-E", "hash_alg=\(hash)", image.string)
    // mke2fs makes no index; this does.
    try output(of: "e2fsck", arguments: ["-fyD", image.string], allowing: [0, 1])

    let recorder = RecordingDevice(try readFile(image))
    let fileSystem = try #require(try ExtFileSystem.open(recorder))
    let huge = try #require(try fileSystem.entry(named: "huge", in: fileSystem.root)).item
    var entries: [FileName: ItemID] = [:]
    try fileSystem.forEachEntry(of: huge) {
      entries[$0.name] = $0.item
      return true
    }
    #expect(entries.count == names.count)
    for name in names.map({ FileName($0) }) {
      #expect(try fileSystem.entry(named: name, in: huge)?.item == entries[name])
    }
    #expect(try fileSystem.entry(named: "nobody", in: huge) == nil)

    let fresh = RecordingDevice(try readFile(image))
    let again = try #require(try ExtFileSystem.open(fresh))
    let item = try #require(try again.entry(named: "huge", in: again.root)).item
    let before = fresh.ranges.count
    #expect(try again.entry(named: FileName(names[1234]), in: item) != nil)
    #expect(fresh.ranges.count - before < 10)
  }

  @Test func `a directory that folds case finds the name as written first`() throws {
    guard areInstalled("mke2fs", "debugfs") else { return }
    let tree = directory.appending("tree")
    mkdir(tree.string, 0o700)
    mkdir(tree.appending("folds").string, 0o700)
    for name in ["Straße", "ÉTÉ", "both", "BOTH"] {
      try writeFile([], to: tree.appending("folds/" + name), sparse: false)
    }
    try makeExtImage(
      image, megabytes: 8,
      options: ["-t", "ext4", "-O", "casefold", "-E", "encoding=utf8"], tree: tree)
    func found(_ name: String) throws -> String? {
      let fileSystem = try openExt(image)
      let folds = try #require(try fileSystem.entry(named: "folds", in: fileSystem.root)).item
      return try fileSystem.entry(named: FileName(name), in: folds).map { "\($0.name)" }
    }
    #expect(try found("straße") == nil)
    try output(of: "debugfs", "-w", "-R", "sif /folds flags 0x40080000", image.string)
    #expect(try found("STRASSE") == "Straße")
    #expect(try found("été") == "ÉTÉ")
    // The same letters, taken apart.
    #expect(try found("e\u{301}te\u{301}") == "ÉTÉ")
    #expect(try found("BOTH") == "BOTH")
    #expect(try found("both") == "both")
    #expect(try found("Both") != nil)
    #expect(try found("neither") == nil)
  }

  @Test func `a time of creation is what debugfs shows`() throws {
    guard areInstalled("mke2fs", "debugfs") else { return }
    try makeExtImage(image, megabytes: 8, options: ["-t", "ext4"])
    try output(
      of: "debugfs", "-w", "-R", "sif /lost+found crtime @0x12345678", image.string)
    try output(
      of: "debugfs", "-w", "-R", "sif /lost+found crtime_extra 0xabcd0002", image.string)
    let fileSystem = try openExt(image)
    let found = try #require(try fileSystem.entry(named: "lost+found", in: fileSystem.root))
    let created = try fileSystem.attributes(of: found.item).created
    #expect(
      created
        == FileTime(
          secondsSince1970: 0x1234_5678 + 2 << 32, nanoseconds: min(0xABCD_0002 >> 2, 999_999_999))
    )
  }

  @Test func `a link with a value that is a file leads where it says`() throws {
    guard areInstalled("mke2fs", "debugfs") else { return }
    try makeExtImage(image, megabytes: 16, options: ["-t", "ext4", "-O", "ea_inode"])
    // Blocks of the value count to the link.
    try output(of: "debugfs", "-w", "-R", "symlink link somewhere", image.string)
    try output(of: "debugfs", "-w", "-R", "sif link blocks 16", image.string)
    let fileSystem = try openExt(image)
    let link = try #require(try fileSystem.entry(named: "link", in: fileSystem.root)).item
    #expect(try fileSystem.target(ofSymbolicLink: link) == "somewhere")
  }
}
