import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Images as a backup of a running machine has them: copied at random moments from a file system
/// that is being changed and synced.
///
/// `KLUIS_CRASH_IMAGES` says how many; each is shown by the kernel, after its own replay of the
/// log, and by us.
@Suite(.serialized) struct BtrfsCrashTests {
  private static let settings = [
    (format: "", mount: "commit=300"),
    (format: "-O ^no-holes -n 4096 --csum xxhash", mount: "commit=300,compress=zstd"),
    (format: "--csum sha256 -R free-space-tree", mount: "commit=2,compress-force=lzo"),
    (format: "-O ^extref,^skinny-metadata,^no-holes -n 65536", mount: "commit=300,max_inline=0"),
  ]

  private static let imageCount = CrashImage.count(otherwise: 8)

  private struct Tally {
    var compared = 0
    var replayed = 0
    var files = 0
    var refused = 0

    /// All images so far.
    var count: Int { compared + refused }
  }

  @Test func `an image of a running machine shows what the kernel shows after its replay`() throws {
    guard canMountBtrfs(), areInstalled("mkfs.xfs") else { return }
    let seed = Seed.ofThisRun
    var random = seed.random
    let directory = try TemporaryDirectory(isInMemory: true)
    let cloningHost = try CloningHost(in: directory)
    let host = cloningHost.place
    defer { withExtendedLifetime(cloningHost) {} }
    var tally = Tally()
    let perBatch = min(12, max(2, Self.imageCount / Self.settings.count))
    var batch = 0
    while tally.count < Self.imageCount {
      let setting = Self.settings[batch % Self.settings.count]
      let seed = random.next() >> 16
      let images = try BtrfsImages(in: host, megabytes: 300, options: setting.format)
      let mounts = directory.appending("mounted")
      try images.mounted(at: mounts, options: setting.mount) { top in
        try output(
          of: "python3",
          arguments: [
            "-c", btrfsCrashScript, host.string, "\(perBatch)", "\(seed)", top.string,
            images.paths[0].string,
          ])
      }
      for number in 0..<perBatch {
        let copy = host.appending("\(number).img")
        try compare(
          copy, mountingAt: mounts, &tally,
          "\(Seed.ofThisRun), batch \(batch), \(setting), seed \(seed), image \(number)")
        unlink(copy.string)
      }
      batch += 1
    }
    print(
      "\(seed): \(tally.compared) images compared, \(tally.replayed) with \(tally.files) files "
        + "replayed; \(tally.refused) refused by both")
    #expect(tally.replayed > 0)
  }

  private func compare(
    _ copy: FilePath, mountingAt place: FilePath, _ tally: inout Tally, _ name: String
  ) throws {
    let images = BtrfsImages([copy])
    var start: Int64 = 0
    let image = try CrashImage(copy) {
      try images.open()
    } kernelTree: {
      start = Int64(time(nil))
      return try images.kernelTree(at: place, options: "rw")
    }
    switch (image.ours, image.kernels) {
    case (.failure, nil): tally.refused += 1
    case (.failure(let error), _?):
      tally.compared += 1
      image.report(
        "\(name): the kernel shows what is refused here: \(error)",
        number: tally.count)
    case (.success(let (_, state)), nil):
      tally.compared += 1
      image.report(
        "\(name): the kernel refuses what is shown here, \(state.sentence)",
        number: tally.count)
    case (.success(let (listing, state)), let kernels?):
      tally.compared += 1
      if case .synced(let count, _) = state.journal {
        tally.replayed += 1
        tally.files += count
      }
      let found = differences(
        listing.lines.filter { !isChangedByReplay(kernels[$0.key], since: start, $0.value) },
        kernels.filter { !isChangedByReplay($0.value, since: start, listing.lines[$0.key]) })
      let reasons = listing.errors.prefix(3).map { "\($0.key): \($0.value)" }
      if !found.isEmpty || !reasons.isEmpty {
        image.report(
          "\(name), \(state.sentence), \(reasons): \(found)", number: tally.count
        )
      }
    }
  }

  /// Whether two lines differ only in a time of change that is the moment in which the kernel
  /// replayed the log: it counts the names that it takes away then as changes of what had them.
  private func isChangedByReplay(_ line: String?, since start: Int64, _ other: String?) -> Bool {
    func fields(_ line: String?) -> [Substring] {
      line?.split(separator: " ", omittingEmptySubsequences: false) ?? []
    }
    var (kernels, ours) = (fields(line), fields(other))
    guard kernels.count > 7, ours.count == kernels.count,
      max(seconds(kernels[7]), seconds(ours[7])) >= start
    else { return false }
    (kernels[7], ours[7]) = ("", "")
    return kernels == ours
  }

  private func seconds(_ time: Substring) -> Int64 {
    time.split(separator: ":").first.flatMap { Int64($0) } ?? 0
  }
}
