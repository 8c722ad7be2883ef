import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Volumes that ntfs-3g made and filled, against what it shows of them.
@Suite(.serialized) struct NTFSMatrixTests {
  struct Shape: CustomTestStringConvertible, Sendable {
    let clusterByteCount: Int
    var sector = 512
    var size = "small"

    var testDescription: String {
      "clusters of \(clusterByteCount), sectors of \(sector), \(size)"
    }

    /// Larger clusters have no compression.
    var isCompressed: Bool { clusterByteCount <= 4096 }
  }

  @Test(arguments: [
    Shape(clusterByteCount: 4096, size: "large"),
    Shape(clusterByteCount: 512),
    Shape(clusterByteCount: 4096, sector: 4096),
    Shape(clusterByteCount: 65_536),
    Shape(clusterByteCount: 2 << 20),
  ])
  func `a tree that ntfs-3g made is read as ntfs-3g reads it`(_ shape: Shape) throws {
    guard canUseNTFS3G() else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    let place = directory.appending("mounted")
    try makeNTFSImage(
      image, megabytes: 600, sector: shape.sector, options: "-c \(shape.clusterByteCount)")
    do {
      let mounted = try NTFS3GMount(image, at: place, options: "compression")
      let top = mounted.place.string
      try output(of: "python3", "-c", treeScript, top, "1", "60000", shape.size)
      // It shows no holes, so that a large one would be read by the test; times before 1970 it cuts
      // off; and an empty file of the system is a pipe to it.
      for name in ["far", "t0", "t1", "pipe", "sock"] { unlink(top + "/" + name) }
      try output(
        of: "python3",
        arguments: ["-c", ntfsTreeScript, top, "\(Seed.ofThisRun.value)", shape.size]
          + (shape.isCompressed ? ["compressed"] : []))
    }
    let fileSystem = try openNTFS(image)
    #expect(fileSystem.state.sentence == "clean")
    let ours = TreeListing(fileSystem)
    #expect(ours.errors.isEmpty, "\(Seed.ofThisRun) \(ours.errors.prefix(3))")
    let shown = try ntfs3gTree(of: image, at: place)
    #expect(shown.count > (shape.size == "large" ? 5000 : 400))
    let isAlike = { (path: String, _: String) in Self.shownOtherwise[path] == nil }
    #expect(
      differences(
        comparable(ours.lines).filter(isAlike), shown.filter(isAlike)
      ).isEmpty, "\(Seed.ofThisRun)")
    for (path, beginning) in Self.shownOtherwise {
      #expect(ours.lines[path]?.hasPrefix(beginning) == true, "\(path)")
    }
    // A short name is no link of its own.
    #expect(
      ours.lines["/short/a\\x20long\\x20name\\x20of\\x20number\\x203.text"]?
        .hasPrefix("f 493 0 0 1 ") == true)
    #expect(ours.lines["/junction"]?.contains(" /short ") == true)
  }

  /// What ntfs-3g shows without its mode and owner, and from where it is mounted.
  private static let shownOtherwise = [
    "/attributes\\x201": "f 365 ", "/attributes\\x204": "f 365 ", "/junction": "l 511 ",
    "/of\\x20linux": "f 416 1000 100 1 1 ",
  ]
}
