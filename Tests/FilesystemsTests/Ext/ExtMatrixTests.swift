import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// What mke2fs can make, filled with everything that a tree may hold, against the tree that it was
/// filled from, and against what the kernel shows where it can.
@Suite(.serialized) struct ExtMatrixTests {
  private struct Format: CustomStringConvertible {
    let options: String
    var megabytes = 96
    /// Bytes that an extended attribute may have.
    var attributeLimit = 500

    init(_ options: String, megabytes: Int = 96, attributeLimit: Int = 500) {
      self.options = options
      self.megabytes = megabytes
      self.attributeLimit = attributeLimit
    }

    var description: String { options }
  }

  private static let formats = [
    Format("-t ext4 -b 1024"),
    Format("-t ext4 -b 2048"),
    Format("-t ext4 -b 4096"),
    Format("-t ext4 -b 8192", megabytes: 200),
    Format("-t ext4 -b 16384", megabytes: 200),
    Format("-t ext4 -b 32768 -O inline_data", megabytes: 300),
    Format("-t ext4 -b 65536 -O ^has_journal", megabytes: 300),
    Format("-t ext2 -b 65536", megabytes: 300),
    Format("-t ext4 -b 4096 -I 128"),
    Format("-t ext4 -b 4096 -I 512 -O inline_data"),
    Format("-t ext4 -b 4096 -I 1024"),
    Format("-t ext4 -b 4096 -I 4096 -i 16384"),
    Format("-t ext4 -O ^64bit"),
    Format("-t ext4 -b 4096 -C 65536 -O bigalloc", megabytes: 300),
    Format("-t ext4 -b 1024 -C 16384 -O bigalloc", megabytes: 300),
    Format("-t ext4 -b 1024 -O inline_data -I 256"),
    Format("-t ext4 -b 1024 -O meta_bg,^resize_inode"),
    Format("-t ext4 -b 1024 -O meta_bg,^resize_inode,64bit,^flex_bg"),
    Format("-t ext4 -O sparse_super2"),
    Format("-t ext4 -O ^has_journal"),
    Format("-t ext2"),
    Format("-t ext2 -r 0"),
    Format("-t ext2 -O ^filetype,^sparse_super,^resize_inode"),
    Format("-t ext3"),
    Format("-t ext4 -b 4096 -O casefold -E encoding=utf8"),
    Format("-t ext4 -b 4096 -O ea_inode", attributeLimit: 60_000),
    Format("-t ext4 -O large_dir"),
    Format("-t ext4 -O ^metadata_csum"),
    Format("-t ext4 -O ^metadata_csum,uninit_bg"),
    Format("-t ext4 -O ^metadata_csum,uninit_bg,64bit"),
    Format("-t ext4 -O metadata_csum_seed,orphan_file"),
    Format("-t ext4 -O quota,project,verity,mmp"),
    Format("-t ext4 -O encrypt,fast_commit,stable_inodes"),
  ]

  @Test func `an image of any format shows the tree that it was filled with`() throws {
    guard areInstalled("mke2fs", "python3") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    for format in Self.formats {
      let tree = directory.appending("tree\(format.attributeLimit)")
      if access(tree.string, F_OK) != 0 {
        try output(
          of: "python3", "-c", treeScript, tree.string, "1", "\(format.attributeLimit)",
          "large")
      }
      try check(format, filledFrom: tree, in: directory)
    }
  }

  private func check(
    _ format: Format, filledFrom tree: FilePath, in directory: TemporaryDirectory
  ) throws {
    let image = directory.appending("image")
    try makeExtImage(
      image, megabytes: format.megabytes,
      options: format.options.split(separator: " ").map(String.init), tree: tree)
    let fileSystem = try openExt(image)
    #expect(fileSystem.state.sentence == "clean", "\(format)")
    let ours = TreeListing(fileSystem)
    #expect(ours.errors.isEmpty, "\(format): \(ours.errors.prefix(3))")
    let given = try treeLines(at: tree)
    #expect(given.count > 1700)
    let found = differences(comparable(ours.lines, format), comparable(given, format))
    #expect(found.isEmpty, "\(format) against the tree that it was filled with")

    guard canMount(),
      let kernels = try kernelTree(of: image, at: directory.appending("mounted"), options: "ro")
    else {
      print("\(format): the kernel here does not mount it")
      return
    }
    let others = differences(ours.lines, kernels)
    #expect(others.isEmpty, "\(format) against the kernel")
  }

  /// What mke2fs takes over from a tree: neither times of less than a second, nor the sizes of
  /// directories, nor the permissions of the tree itself. Of some formats it loses more.
  private func comparable(_ lines: [String: String], _ format: Format) -> [String: String] {
    let hasNoAttributes = format.options.contains("-r 0")
    let losesHoleAtEnd = format.options.contains("inline_data")
    var kept: [String: String] = [:]
    for (path, line) in lines where path != "/" && !path.hasPrefix("/lost+found") {
      var fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      guard fields.count > 8 else {
        kept[path] = line
        continue
      }
      if fields[0] == "d" { fields[5] = "" }
      if fields[0] == "s" { fields[4] = "" }
      fields.removeSubrange(6...8)
      if hasNoAttributes { fields.removeLast() }
      if losesHoleAtEnd, path == "/holes" { continue }
      kept[path] = fields.joined(separator: " ")
    }
    return kept
  }

  @Test(arguments: [
    "-t ext4 -b 1024", "-t ext4 -b 4096 -O inline_data,metadata_csum_seed,orphan_file",
    "-t ext3", "-t ext2 -O ^filetype", "-t ext4 -b 4096 -O bigalloc,ea_inode",
    "-t ext4 -b 1024 -I 1024 -O ^metadata_csum,uninit_bg,inline_data",
  ])
  func `a tree that the kernel made is read as the kernel reads it`(_ options: String) throws {
    guard canMount(), areInstalled("mke2fs", "debugfs") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    let place = directory.appending("mounted")
    try makeExtImage(
      image, megabytes: 200, options: options.split(separator: " ").map(String.init))
    do {
      let mounted = try MountedImage(image, at: place, options: "rw")
      try output(
        of: "python3", "-c", treeScript, mounted.place.string, "1", "60000", "large")
    }
    let ours = TreeListing(try openExt(image))
    #expect(ours.errors.isEmpty)
    let kernels = try #require(try kernelTree(of: image, at: place, options: "ro"))
    #expect(kernels.count > 1700)
    #expect(differences(ours.lines, kernels).isEmpty)
  }
}
