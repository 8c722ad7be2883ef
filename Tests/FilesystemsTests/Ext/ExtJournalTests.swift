import BlockDevices
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Journals that debugfs writes: kinds that no kernel of today makes, and single rules of a replay.
@Suite(.serialized) struct ExtJournalTests {
  private let directory: TemporaryDirectory
  private let image: FilePath

  init() throws {
    directory = try TemporaryDirectory(isInMemory: true)
    image = directory.appending("image")
  }

  /// A file system with a file of three blocks, of which the numbers are returned.
  private func makeImage(_ options: String) throws -> [Int] {
    let tree = directory.appending("tree")
    mkdir(tree.string, 0o700)
    try writeFile(
      [UInt8](repeating: UInt8(ascii: "a"), count: 3072), to: tree.appending("file"), sparse: false)
    try makeExtImage(
      image, megabytes: 16, options: options.split(separator: " ").map(String.init), tree: tree)
    let said = try output(of: "debugfs", "-R", "blocks /file", image.string)
    return said.split(whereSeparator: { " \n".contains($0) }).compactMap { Int($0) }
  }

  /// A block of one letter for the journal.
  private func block(_ letter: Character, blocks: Int = 1) throws -> FilePath {
    let path = directory.appending("block-\(letter)-\(blocks)")
    let bytes =
      letter == "!"
      ? [0xC0, 0x3B, 0x39, 0x98] + [UInt8](repeating: 7, count: 1020)
      : [UInt8](repeating: letter.asciiValue!, count: 1024 * blocks)
    try writeFile(bytes, to: path, sparse: false)
    return path
  }

  private func debugfs(_ commands: [String]) throws {
    let file = directory.appending("commands")
    try writeFile(Array(commands.joined(separator: "\n").utf8), to: file, sparse: false)
    try output(of: "debugfs", "-w", "-f", file.string, image.string)
  }

  private func content() throws -> (text: String, state: String) {
    let fileSystem = try openExt(image)
    let entry = try #require(try fileSystem.entry(named: "file", in: fileSystem.root))
    let bytes = try fileSystem.content(of: entry.item).bytes(limit: 1 << 20)
    let letters = stride(from: 0, to: bytes.count, by: 1024).map {
      Character(Unicode.Scalar(bytes[$0]))
    }
    return (String(letters), fileSystem.state.sentence)
  }

  @Test(arguments: [
    ("", "-O ^metadata_csum"), ("-c -v 1", "-O ^metadata_csum"), ("-c -v 2", ""), ("-c -v 3", ""),
    ("-c -v 3", "-O ^64bit"), ("-c -v 2", "-O ^64bit"), ("", "-O ^metadata_csum,^64bit"),
  ])
  func `every kind of checksum is replayed as e2fsck replays it`(
    _ journal: String, _ options: String
  ) throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    let blocks = try makeImage("-t ext4 -b 1024 -J size=1 \(options)")
    try #require(blocks.count == 3)
    // What debugfs writes as a checksum of version 1 over a revoke block, e2fsck takes for damage.
    let hasRevoke = !journal.contains("-v 1")
    try debugfs(
      [
        "jo \(journal)",
        "jw -b \(blocks[0]),\(blocks[1]) \(block("b", blocks: 2))",
        "jw -b \(blocks[1]) \(block("c"))",
      ] + (hasRevoke ? ["jw -r \(blocks[0])"] : [])
        + ["jw -b \(blocks[2]) \(block("!"))", "jc"])
    // The first block's change is revoked; the last one looks like a block of the log itself.
    let (text, state) = try content()
    #expect(text == (hasRevoke ? "ac\u{C0}" : "bc\u{C0}"))
    #expect(state.hasPrefix("journal replayed ("))
    try output(of: "e2fsck", arguments: ["-fy", image.string], allowing: [0, 1])
    let checked = try content()
    #expect(checked.text == text)
    #expect(checked.state == "clean")
  }

  @Test func `a file says where its bytes lie in the journal`() throws {
    guard areInstalled("mke2fs", "debugfs") else { return }
    let blocks = try makeImage("-t ext4 -b 1024 -J size=1")
    try debugfs(["jo -c", "jw -b \(blocks[1]) \(block("b"))", "jc"])
    let bytes = try readFile(image)
    let fileSystem = try openExt(image)
    let entry = try #require(try fileSystem.entry(named: "file", in: fileSystem.root))
    let content = try fileSystem.content(of: entry.item)
    let places: [(UInt64, Character)] = [(0, "a"), (1024, "b"), (2048, "a")]
    for (offset, letter) in places {
      guard case .volume(let place) = try content.extent(at: offset).storage else {
        Issue.record("the bytes at \(offset) lie nowhere")
        continue
      }
      #expect(bytes[Int(place)] == letter.asciiValue)
    }
  }

  @Test(arguments: ["-t ext4", "-t ext4 -O ^metadata_csum", "-t ext3"])
  func `the superblock's copy of the journal's inode is used where that is damaged`(
    _ options: String
  ) throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck") else { return }
    let blocks = try makeImage("\(options) -b 1024 -J size=1")
    try debugfs(["jo", "jw -b \(blocks[1]) \(block("b"))", "jc"])
    try debugfs(["clri <8>"])
    let (text, state) = try content()
    #expect(text == "aba")
    #expect(state.contains("journal replayed") && state.contains("the inode of its journal"))
    // The copy does not say whether it is a tree of extents, and e2fsck takes it for none.
    guard options == "-t ext3" else { return }
    try output(of: "e2fsck", arguments: ["-fy", image.string], allowing: [0, 1])
    #expect(try content().text == "aba", "as e2fsck replays it")
  }

  @Test(arguments: [("-t ext4", "jnl_backup_type 0"), ("-t ext3", "jnl_blocks[0] 77")])
  func `a journal that neither its inode nor the copy leads to is told, and nothing is read`(
    _ options: String, _ change: String
  ) throws {
    guard areInstalled("mke2fs", "debugfs") else { return }
    let blocks = try makeImage("\(options) -b 1024 -J size=1")
    try debugfs(["jo", "jw -b \(blocks[1]) \(block("b"))", "jc"])
    try debugfs(["clri <8>", "ssv \(change)"])
    let error = #expect(throws: FileSystemError.self) { try content() }
    #expect("\(try #require(error))".contains("the journal cannot be replayed"), "\(error!)")
  }

  @Test func `a commit that was not written ends the log`() throws {
    guard areInstalled("mke2fs", "debugfs") else { return }
    let blocks = try makeImage("-t ext4 -b 1024 -J size=1 -O ^metadata_csum")
    try debugfs([
      "jo", "jw -b \(blocks[0]) \(block("b"))", "jw -b \(blocks[1]) -c \(block("c"))", "jc",
    ])
    #expect(try content().text == "baa")
  }
}
