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
@Suite(.serialized) struct XFSCrashTests {
  private static let settings = [
    "-l size=6m",
    "-b size=1024 -n size=8192 -l size=8m,su=32k",
    "-m rmapbt=1 -i nrext64=1 -l size=16m",
    "-m reflink=0,finobt=0,bigtime=0 -i sparse=0 -l size=6m",
    "-n size=16384 -l size=20m,su=256k",
    "-s size=4096 -i size=1024 -l size=8m",
  ]

  private static let imageCount = CrashImage.count(otherwise: 8)

  private struct Tally {
    var compared = 0
    var replayed = 0
    var refused = 0
    var torn = 0
    var unfinished = 0

    /// All images so far.
    var count: Int { compared + refused }
  }

  @Test func `an image of a running machine shows what the kernel shows after its replay`() throws {
    guard canMount(), areInstalled("mkfs.xfs") else { return }
    let seed = Seed.ofThisRun
    var random = seed.random
    let directory = try TemporaryDirectory(isInMemory: true)
    let host = try CloningHost(in: directory)
    var tally = Tally()
    let perBatch = min(12, max(1, Self.imageCount / Self.settings.count))
    var batch = 0
    while tally.count < Self.imageCount {
      let setting = Self.settings[batch % Self.settings.count]
      try compareBatch(
        setting, count: perBatch, seed: random.next() >> 16, in: host.place,
        mountingAt: directory.path, &tally, "\(seed), batch \(batch)")
      batch += 1
    }
    print(
      "\(seed): \(tally.compared) images compared, \(tally.replayed) replayed, \(tally.torn) torn, "
        + "\(tally.unfinished) with work unfinished; \(tally.refused) refused by both")
    #expect(tally.replayed > 0)
  }

  private func compareBatch(
    _ setting: String, count: Int, seed: UInt64, in directory: FilePath,
    mountingAt mounts: FilePath, _ tally: inout Tally, _ name: String
  ) throws {
    let image = directory.appending("source.img")
    try makeXFSImage(image, megabytes: 160, options: setting)
    do {
      let mounted = try MountedImage(image, at: mounts.appending("source"), options: "rw")
      try output(
        of: "python3", "-c", crashScript(spoil: xfsSpoilScript), image.string,
        mounted.place.string, directory.string, "\(count)", "\(seed)")
    }
    unlink(image.string)
    for number in 0..<count {
      let copy = directory.appending("\(number).img")
      try compare(
        copy, mountingAt: mounts.appending("copy"), &tally,
        "\(name), \(setting), seed \(seed), image \(number)")
      unlink(copy.string)
      unlink(copy.string + ".torn")
    }
  }

  private func compare(
    _ copy: FilePath, mountingAt place: FilePath, _ tally: inout Tally, _ name: String
  ) throws {
    let image = try CrashImage(copy) {
      try openXFS(copy)
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
    case (.success(let (_, state)), nil):
      tally.compared += 1
      image.report(
        "\(name): the kernel refuses what is shown here, \(state.sentence)",
        number: tally.count)
    case (.success(let (listing, state)), let kernels?):
      let isUnfinished = state.sentence.contains("interrupted while")
      // The kernel finishes what it finds; here the files that it concerns are refused.
      let unknown = listing.errors.filter { $0.value.contains("the log does not say") }
      let found = differences(
        listing.lines.filter { unknown[$0.key] == nil },
        kernels.filter { unknown[$0.key] == nil })
      if !found.isEmpty {
        let reasons = listing.errors.prefix(3).map { "\($0.key): \($0.value)" }
        image.report(
          "\(name), \(state.sentence), \(reasons): \(found)", number: tally.count
        )
      }
      tally.compared += 1
      tally.torn += access(copy.string + ".torn", F_OK) == 0 ? 1 : 0
      tally.unfinished += isUnfinished ? 1 : 0
      if case .replayed = state.journal { tally.replayed += 1 }
    }
  }
}
