import BlockDevices
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Directories without checksums that debugfs has damaged as e2fsck finds it: what can be read is
/// shown, and then what is wrong is told, so that no name is missing without a word.
@Suite(.serialized) struct ExtDirectoryDamageTests {
  private let directory: TemporaryDirectory
  private let image: FilePath

  init() throws {
    directory = try TemporaryDirectory(isInMemory: true)
    image = directory.appending("image")
  }

  /// A file system with "/some", a directory of several blocks, and "/other" beside it.
  private func makeImage() throws {
    let tree = directory.appending("tree")
    for name in ["", "some", "some/below", "other"] {
      mkdir(tree.appending(name).string, 0o700)
    }
    for number in 0..<100 {
      let name = "some/file-\(String(repeating: "x", count: 20))-\(number)"
      try writeFile([1], to: tree.appending(name), sparse: false)
    }
    try writeFile([2], to: tree.appending("other/file"), sparse: false)
    try makeExtImage(
      image, megabytes: 8,
      options: ["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^dir_index"], tree: tree)
  }

  private func debugfs(_ commands: String...) throws {
    let file = directory.appending("commands")
    try writeFile(Array(commands.joined(separator: "\n").utf8), to: file, sparse: false)
    try output(of: "debugfs", "-w", "-f", file.string, image.string)
  }

  private func blocks(of path: String) throws -> [Int] {
    try output(of: "debugfs", "-R", "blocks \(path)", image.string)
      .split(whereSeparator: { " \n".contains($0) }).compactMap { Int($0) }
  }

  private func change(byte: Int, inBlock block: Int, to value: UInt8) throws {
    var bytes = try readFile(image)
    bytes[block * 1024 + byte] = value
    try writeFile(bytes, to: image)
  }

  /// The names in a directory as far as they can be had, and what is said then.
  private func list(_ name: String) throws -> (names: [String], problem: FileSystemError?) {
    let fileSystem = try openExt(image)
    let entry = try #require(
      try fileSystem.entry(named: FileName(name), in: fileSystem.root))
    var names: [String] = []
    do {
      try fileSystem.forEachEntry(of: entry.item) { entry in
        names.append("\(entry.name)")
        return true
      }
    } catch let error as FileSystemError { return (names, error) }
    return (names, nil)
  }

  private func expectDamage(
    _ reason: String, in name: String, shown: Int, block: Int? = nil,
    at location: SourceLocation = #_sourceLocation
  ) throws {
    let (names, problem) = try list(name)
    #expect(names.count == shown, "\(names)", sourceLocation: location)
    let error = try #require(problem, sourceLocation: location)
    #expect(error.problem == .damaged, sourceLocation: location)
    #expect(error.reason.contains(reason), "\(error)", sourceLocation: location)
    if let block { #expect(error.block == UInt64(block), sourceLocation: location) }
    let outcome = try? output(of: "e2fsck", arguments: ["-fn", image.string], allowing: [0])
    #expect(outcome == nil, "e2fsck finds nothing wrong", sourceLocation: location)
  }

  @Test func `what is whole is listed without a word`() throws {
    guard areInstalled("mke2fs", "debugfs") else { return }
    try makeImage()
    let (names, problem) = try list("some")
    #expect(names.count == 101 && problem == nil)
    #expect(try blocks(of: "/some").count > 3)
  }

  @Test func `a size that leaves blocks of the directory out is told`() throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    try makeImage()
    let blocks = try blocks(of: "/some")
    try debugfs("sif /some size 1024")
    let shown = try list("some").names.count
    #expect(shown < 101)
    try expectDamage("behind its size", in: "some", shown: shown, block: blocks[1])
  }

  @Test func `the first block of another directory is told`() throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    try makeImage()
    let (some, other) = (try blocks(of: "/some")[0], try blocks(of: "/other")[0])
    var bytes = try readFile(image)
    let page = bytes[some * 1024..<(some + 1) * 1024]
    bytes.replaceSubrange(other * 1024..<(other + 1) * 1024, with: page)
    try writeFile(bytes, to: image)
    let shown = try list("other").names.count
    try expectDamage("another directory's", in: "other", shown: shown, block: other)
  }

  @Test(arguments: [0, 4, 6, 8, 12, 18, 20])
  func `a start that is not the directory and its parent is told`(byte: Int) throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    try makeImage()
    let block = try blocks(of: "/other")[0]
    let value: UInt8 = byte == 4 ? 24 : byte == 12 ? 0 : byte == 6 || byte == 18 ? 3 : 0x41
    try change(byte: byte, inBlock: block, to: value)
    let (names, problem) = try list("other")
    #expect(names.contains("file"))
    #expect(problem?.block == UInt64(block), "\(names)")
    #expect(problem?.reason.contains("another directory's") == true, "\(names)")
  }

  @Test(arguments: [
    (0, 0xFF), (4, 9), (4, 8), (5, 0xFF), (6, 0xFF), (6, 0),
  ])
  func `an entry that is none is told with its block`(byte: Int, value: Int) throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    try makeImage()
    let block = try blocks(of: "/some")[1]
    let first = try list("some").names.count
    // The inode's number has two bytes in this image.
    try change(byte: byte == 0 ? 2 : byte, inBlock: block, to: UInt8(value))
    let (names, problem) = try list("some")
    #expect(names.count < first)
    #expect(problem?.block == UInt64(block) && problem?.problem == .damaged, "\(names)")
  }

  @Test func `a directory that its own directory takes for a file is looked into, and told`() throws
  {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    try makeImage()
    let blocks = try blocks(of: "/some")
    let bytes = try readFile(image)
    let name = Array("below".utf8)
    let block = try #require(
      blocks.first { block in
        bytes[block * 1024..<(block + 1) * 1024].contains(subsequence: name)
      })
    let start = try #require(
      bytes[block * 1024..<(block + 1) * 1024].firstRange(of: name)?.lowerBound)
    try change(byte: start - block * 1024 - 1, inBlock: block, to: 1)
    try expectDamage("below is another kind of file", in: "some", shown: 101)
    let fileSystem = try openExt(image)
    let some = try #require(try fileSystem.entry(named: "some", in: fileSystem.root))
    var kinds: [FileKind?] = []
    do {
      try fileSystem.forEachEntry(of: some.item) { entry in
        if entry.name == "below" { kinds.append(entry.kind) }
        return true
      }
    } catch is FileSystemError {}
    #expect(kinds == [nil], "its inode is to be asked")
  }

  @Test func `a directory with a hole or a block twice is told`() throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    try makeImage()
    let shown = try list("some").names.count
    try debugfs("punch /some 1 1")
    let (names, problem) = try list("some")
    #expect(names.count < shown && problem?.reason.contains("is missing") == true)
  }
}

extension ArraySlice<UInt8> {
  fileprivate func contains(subsequence other: [UInt8]) -> Bool { firstRange(of: other) != nil }
}
