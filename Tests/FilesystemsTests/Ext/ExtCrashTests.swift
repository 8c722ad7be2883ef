import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Images as a backup of a running machine has them: copied at random moments from a file system
/// that is being changed.
///
/// `KLUIS_CRASH_IMAGES` says how many; each is shown by the kernel, after its own replay, and by
/// us.
@Suite(.serialized) struct ExtCrashTests {
  private struct Setting {
    let format: [String]
    let mount: String

    init(_ format: String, mount: String = "commit=1") {
      self.format = format.split(separator: " ").map(String.init)
      self.mount = mount
    }
  }

  private static let settings = [
    Setting("-t ext4 -b 4096 -J size=4"),
    Setting("-t ext4 -b 1024 -J size=1", mount: "data=journal"),
    Setting("-t ext4 -b 1024 -J size=1 -O ^metadata_csum", mount: "journal_checksum"),
    Setting("-t ext3 -b 1024 -J size=1"),
    Setting("-t ext4 -b 4096 -J size=4", mount: "data=writeback,journal_async_commit"),
    Setting("-t ext4 -b 4096 -J size=4 -O inline_data,orphan_file,metadata_csum_seed"),
    Setting("-t ext4 -b 4096 -J size=4", mount: "data=journal"),
    Setting(
      "-t ext4 -b 2048 -J size=2 -O ^metadata_csum,^64bit",
      mount: "data=writeback,journal_async_commit"),
    Setting("-t ext4 -b 4096 -C 16384 -J size=4 -O bigalloc", mount: "nodelalloc"),
    Setting("-t ext4 -b 1024 -J size=1 -O ^metadata_csum,^64bit"),
    Setting("-t ext3 -b 4096 -J size=4", mount: "data=journal"),
    Setting(
      "-t ext4 -b 1024 -J size=1 -O ea_inode,meta_bg,^resize_inode", mount: "max_batch_time=0"),
  ]

  private static let imageCount = CrashImage.count(otherwise: 12)

  private struct Tally {
    var compared = 0
    var replayed = 0
    var refused = 0
    var torn = 0
    var kernelErrors = 0

    /// All images so far.
    var count: Int { compared + refused }
  }

  @Test func `an image of a running machine shows what the kernel shows after its replay`() throws {
    guard canMount(), areInstalled("mke2fs", "debugfs") else { return }
    let seed = Seed.ofThisRun
    var random = seed.random
    let directory = try TemporaryDirectory(isInMemory: true)
    let host = areInstalled("mkfs.xfs") ? try CloningHost(in: directory) : nil
    var tally = Tally()
    let perBatch = min(12, max(3, Self.imageCount / Self.settings.count))
    var batch = 0
    while tally.count < Self.imageCount {
      let setting = Self.settings[batch % Self.settings.count]
      try compareBatch(
        setting, count: perBatch, seed: random.next() >> 16, in: host?.place ?? directory.path,
        mountingAt: directory.path, &tally, "\(seed), batch \(batch)")
      batch += 1
    }
    print(
      "\(seed): \(tally.compared) images compared, \(tally.replayed) replayed, \(tally.torn) torn, "
        + "\(tally.kernelErrors) paths that neither reads; \(tally.refused) refused by both")
    #expect(tally.replayed > 0)
  }

  private func compareBatch(
    _ setting: Setting, count: Int, seed: UInt64, in directory: FilePath,
    mountingAt mounts: FilePath, _ tally: inout Tally, _ name: String
  ) throws {
    let image = directory.appending("source.img")
    try makeExtImage(image, megabytes: 48, options: setting.format)
    do {
      let mounted = try MountedImage(image, at: mounts.appending("source"), options: setting.mount)
      try output(
        of: "python3", "-c", crashScript(spoil: extSpoilScript), image.string, mounted.place.string,
        directory.string,
        "\(count)", "\(seed)")
    }
    unlink(image.string)
    for number in 0..<count {
      let copy = directory.appending("\(number).img")
      try compare(
        copy, mountingAt: mounts.appending("copy"), &tally,
        "\(name), \(setting.format) \(setting.mount), seed \(seed), image \(number)")
      unlink(copy.string)
      unlink(copy.string + ".torn")
    }
  }

  /// Whether a listing does not read a path, or what it is in. Of an image that is damaged one may
  /// find it so and the other not: the kernel skips a broken block of a directory, and we do not;
  /// it needs the index of a directory, and we do not.
  private func isBelowAnError(_ path: String, _ lines: [String: String]) -> Bool {
    var path = path[...]
    while true {
      if lines[String(path)]?.hasSuffix("ERROR") ?? false { return true }
      guard let slash = path.lastIndex(of: "/") else { return false }
      path = path[..<slash]
    }
  }

  private func compare(
    _ copy: FilePath, mountingAt place: FilePath, _ tally: inout Tally, _ name: String
  ) throws {
    let image = try CrashImage(copy) {
      try openExt(copy)
    } kernelTree: {
      try kernelTree(of: copy, at: place, options: "rw", tellsAccess: false)
    }
    switch (image.ours, image.kernels) {
    case (.failure, nil): tally.refused += 1
    case (.failure(let error), _?):
      tally.compared += 1
      image.report(
        "\(name): the kernel shows what is refused here: \(error)",
        number: tally.count)
    case (.success(let (listing, state)), nil):
      tally.compared += 1
      if try fileCheckShows(listing, in: image.untouched) {
        print("\(name): the kernel refuses what e2fsck replays as we do")
      } else {
        image.report(
          "\(name): the kernel refuses what is shown here, \(state.sentence)",
          number: tally.count)
      }
    case (.success(let (listing, state)), let kernels?):
      let isTorn = access(copy.string + ".torn", F_OK) == 0
      func isTold(_ path: String) -> Bool {
        !isTorn || !isBelowAnError(path, kernels) && !isBelowAnError(path, listing.lines)
      }
      let found = differences(
        listing.lines.filter { isTold($0.key) }, kernels.filter { isTold($0.key) })
      if !found.isEmpty {
        let reasons = listing.errors.prefix(3).map { "\($0.key): \($0.value)" }
        image.report(
          "\(name), \(state.sentence), \(reasons): \(found)", number: tally.count
        )
      }
      tally.compared += 1
      tally.torn += isTorn ? 1 : 0
      if case .replayed = state.journal { tally.replayed += 1 }
      tally.kernelErrors += kernels.values.count { $0.contains("ERROR") }
    }
  }

  /// Whether e2fsck, which has a replay of its own, makes of an image what is shown of it here.
  private func fileCheckShows(_ listing: TreeListing, in image: FilePath) throws -> Bool {
    try output(of: "e2fsck", arguments: ["-fy", image.string], allowing: [0, 1])
    let checked = TreeListing(try openExt(image), tellsAccess: false)
    return differences(listing.lines, checked.lines).isEmpty
  }
}
