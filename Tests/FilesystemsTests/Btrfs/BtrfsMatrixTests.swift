import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// What mkfs.btrfs can make, filled with everything that a tree may hold, against what the kernel
/// shows of it.
@Suite(.serialized) struct BtrfsMatrixTests {
  struct Format: CustomTestStringConvertible, Sendable {
    let options: String
    var deviceCount = 1
    var megabytes = 512
    var mount = ""

    init(_ options: String, on deviceCount: Int = 1, megabytes: Int = 512, mount: String = "") {
      self.options = options
      self.deviceCount = deviceCount
      self.megabytes = megabytes
      self.mount = mount
    }

    var testDescription: String { "\(options) on \(deviceCount)" }
  }

  static let formats = [
    Format("-d dup -m dup"),
    Format("-m single -n 4096 --csum xxhash", mount: "compress-force=zstd"),
    Format("-n 65536 --csum sha256 -R free-space-tree", mount: "compress=lzo"),
    Format("-n 32768 --csum blake2 -O ^no-holes", mount: "compress-force=zlib"),
    Format("--mixed -n 4096 -O ^skinny-metadata,^extref,^no-holes", megabytes: 256),
    Format("-d raid0 -m raid1", on: 2),
    Format("-d raid10 -m raid1c4", on: 4),
    Format("-d raid5 -m raid10", on: 4, mount: "compress=zstd"),
    Format("-d raid1c3 -m raid6 -n 4096", on: 5),
    Format("-d raid6 -m raid5", on: 4),
  ]

  @Test(arguments: formats)
  func `a tree that the kernel made is read as the kernel reads it`(_ format: Format) throws {
    guard canMountBtrfs() else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let place = directory.appending("mounted")
    let images = try BtrfsImages(
      in: directory.path, count: format.deviceCount, megabytes: format.megabytes,
      options: format.options)
    try images.mounted(at: place, options: format.mount) { top in
      try output(of: "python3", "-c", treeScript, top.string, "1", "3000", "small")
      try output(of: "python3", "-c", btrfsTreeScript, top.string, "2")
    }
    #expect(try images.open().state.sentence == "clean")
    let found = try images.differencesFromKernel(at: place, first: format.deviceCount - 1)
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  @Test(arguments: ["-s 8192 -n 16384", "-s 16384 -n 65536", "-s 65536 -n 65536 --csum xxhash"])
  func `sectors larger than the pages of the machine are read`(_ options: String) throws {
    guard areInstalled("mkfs.btrfs", "python3") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let tree = directory.appending("tree")
    try output(of: "python3", "-c", treeScript, tree.string, "1", "500", "small")
    // It would be copied byte for byte.
    unlink(tree.appending("far").string)
    let images = try BtrfsImages(
      in: directory.path, megabytes: 512, options: options + " --rootdir \(tree)")
    let ours = TreeListing(try images.open(), tellsAccess: false)
    #expect(ours.errors.isEmpty, "\(ours.errors.prefix(3))")
    #expect(ours.lines.count > 100)
    let given = try treeLines(at: tree, tellsAccess: false)
    let found = differences(withoutTimes(ours.lines), withoutTimes(given))
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  /// What mkfs.btrfs takes over from a tree: no times of change, no sizes of directories, and no
  /// numbers of devices.
  private func withoutTimes(_ lines: [String: String]) -> [String: String] {
    var kept: [String: String] = [:]
    for (path, line) in lines where path != "/" {
      var fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      guard fields.count > 7 else { continue }
      if fields[0] == "d" { fields[4...5] = ["", ""] }
      if fields[0] == "b" || fields[0] == "c" { fields[8] = "" }
      fields[6...7] = ["", ""]
      kept[path] = fields.joined(separator: " ")
    }
    return kept
  }
}
