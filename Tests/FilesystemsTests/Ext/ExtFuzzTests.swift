import Filesystems
import SystemPackage
import TestSupport
import Testing

/// Images with a few fields changed, in the places that a reader looks at.
@Suite(.serialized) struct ExtFuzzTests {
  /// Mostly without checksums, which would find a change before anything believes it.
  private static let formats = [
    "-t ext4 -b 1024 -O ^metadata_csum,^has_journal",
    "-t ext4 -b 1024 -O ^metadata_csum,inline_data -I 256",
    "-t ext2 -b 1024 -I 128",
    "-t ext4 -b 1024 -O ^metadata_csum -J size=1",
    "-t ext4 -b 1024 -J size=1",
    "-t ext4 -b 4096 -O ^metadata_csum,^has_journal,ea_inode,bigalloc -C 16384",
    "-t ext4 -b 1024 -O ^metadata_csum,^has_journal,meta_bg,^resize_inode,64bit",
    "-t ext4 -b 65536 -O ^metadata_csum,^has_journal,large_dir",
  ]

  @Test func `changed images are read to their end or refused`() throws {
    guard areInstalled("mke2fs", "debugfs", "e2fsck", "python3") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let tree = directory.appending("tree")
    try output(of: "python3", "-c", treeScript, tree.string, "1", "500", "small")
    let image = directory.appending("image")
    for format in Self.formats {
      try makeExtImage(
        image, megabytes: format.contains("65536") ? 24 : 6,
        options: format.split(separator: " ").map(String.init), tree: tree)
      if format.contains("-J") {
        try fillJournal(image, in: directory)
      } else {
        // Makes the index of directories.
        try output(of: "e2fsck", arguments: ["-fyD", image.string], allowing: [0, 1])
      }
      let bytes = try readFile(image)
      let places = try structures(of: bytes) { try ExtFileSystem.open($0) }
      #expect(places.count > 20, "\(format)")
      ReaderFuzz(
        name: format, base: bytes, places: places,
        imageCount: max(10, ReaderFuzz.readCount / Self.formats.count)
      ).run()
    }
  }

  /// Leaves transactions in the journal that were never replayed.
  private func fillJournal(_ image: FilePath, in directory: TemporaryDirectory) throws {
    let block = directory.appending("block")
    try writeFile([UInt8](repeating: 0x5A, count: 1024), to: block, sparse: false)
    let commands = directory.appending("commands")
    let lines = ["jo -c", "jw -b 5000 \(block)", "jw -b 5001,5002 \(block)", "jw -r 5001", "jc"]
    try writeFile(Array(lines.joined(separator: "\n").utf8), to: commands, sparse: false)
    try output(of: "debugfs", "-w", "-f", commands.string, image.string)
  }
}
