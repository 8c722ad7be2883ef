import BlockDevices
import Bytes
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Images with a few fields changed, in the places that a reader looks at.
///
/// `KLUIS_FUZZ_READS` says how many reads; whatever is read, nothing may trap, go on without end, or
/// take much memory.
@Suite(.serialized) struct ExtFuzzTests {
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

  private static var readCount: Int {
    getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) } ?? 40_000
  }

  /// An image, and where what is read of it lies when only its structures are looked at.
  private struct Sample {
    let name: String
    let bytes: [UInt8]
    let places: [Range<UInt64>]
  }

  @Test func `a damaged image is read to its end or refused`() throws {
    guard areInstalled("mke2fs", "debugfs", "python3") else { return }
    let seed = Seed.ofThisRun
    print("\(seed): \(Self.readCount) reads of damaged ext images")
    let samples = try makeSamples()
    var random = seed.random
    var reads = 0
    var images = 0
    var opened = 0
    var slowest = 0.0
    while reads < Self.readCount {
      let sample = samples[images % samples.count]
      let device = PatchedDevice(sample.bytes, patches(of: sample, &random))
      let start = seconds()
      var walk = DamagedWalk()
      if let fileSystem = try? ExtFileSystem.open(device) {
        opened += 1
        walk.read(fileSystem)
      }
      reads += walk.readCount + 1
      images += 1
      let elapsed = seconds() - start
      slowest = max(slowest, elapsed)
      if elapsed > 5 {
        Issue.record("\(seed): image \(images) of \(sample.name) took \(elapsed) seconds")
      }
    }
    print(
      "\(seed): \(reads) reads of \(images) images, \(opened) opened, the slowest \(slowest) s, "
        + "\(residentMegabytes()) MiB")
    #expect(opened > 0 && opened < images)
    #expect(residentMegabytes() < 512)
  }

  private func makeSamples() throws -> [Sample] {
    let directory = try TemporaryDirectory(isInMemory: true)
    let tree = directory.appending("tree")
    try output(of: "python3", "-c", extTreeScript, tree.string, "1", "500", "small")
    let image = directory.appending("image")
    return try Self.formats.map { format in
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
      let device = RecordingDevice(bytes)
      let fileSystem = try #require(try ExtFileSystem.open(device))
      var walk = DamagedWalk(readsContent: false)
      walk.read(fileSystem)
      #expect(walk.errorCount == 0, "\(format)")
      return Sample(name: format, bytes: bytes, places: device.ranges)
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

  private func patches(
    of sample: Sample, _ random: inout SeededRandom
  ) -> [PatchedDevice.Patch] {
    (0...random.below(3)).map { _ in
      let place = sample.places[random.below(sample.places.count)]
      let offset = Int(place.lowerBound) + fieldOffset(in: place, of: sample, &random)
      let left = sample.bytes.count - offset
      switch random.below(6) {
      case 0, 1: return flip(offset, sample, &random)
      case 2:
        let edges: [UInt8] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF]
        let count = min([1, 2, 4, 8][random.below(4)], left)
        return .init(
          offset: offset,
          bytes: [UInt8](repeating: edges[random.below(edges.count)], count: count))
      case 3:
        let small = UInt32(random.below(70_000))
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: small >> (8 * UInt32($0))) }
        return .init(offset: offset, bytes: Array(bytes.prefix(left)))
      case 4:
        return .init(offset: offset, bytes: Array(random.bytes(1 + random.below(8)).prefix(left)))
      default:
        // Something that is right elsewhere.
        let other = sample.places[random.below(sample.places.count)]
        let count = min([4, 12, 32, 128, 1024][random.below(5)], other.count, left)
        let from = Int(other.lowerBound)
        return .init(
          offset: offset / 4 * 4, bytes: Array(sample.bytes[from..<from + count]))
      }
    }
  }

  /// Mostly where something stands that is not zero.
  private func fieldOffset(
    in place: Range<UInt64>, of sample: Sample, _ random: inout SeededRandom
  ) -> Int {
    var offset = random.below(place.count)
    for _ in 0..<8 where sample.bytes[Int(place.lowerBound) + offset] == 0 {
      offset = random.below(place.count)
    }
    return random.below(2) == 0 ? offset : offset / 4 * 4
  }

  private func flip(
    _ offset: Int, _ sample: Sample, _ random: inout SeededRandom
  ) -> PatchedDevice.Patch {
    .init(offset: offset, bytes: [sample.bytes[offset] ^ 1 << UInt8(random.below(8))])
  }
}

/// Reads everything of a file system that may be damaged, up to a limit that a damaged one, which
/// may be a circle, does not have.
struct DamagedWalk {
  private(set) var readCount = 0
  private(set) var errorCount = 0
  var readsContent = true
  private var itemCount = 0

  init(readsContent: Bool = true) { self.readsContent = readsContent }

  mutating func read(_ fileSystem: any FileSystem) {
    read(fileSystem, fileSystem.root, depth: 0)
    attempt { _ = try fileSystem.entry(named: "name5", in: fileSystem.root) }
  }

  private mutating func read(_ fileSystem: any FileSystem, _ item: ItemID, depth: Int) {
    itemCount += 1
    guard itemCount < 500 else { return }
    var kind: FileKind?
    attempt { kind = try fileSystem.attributes(of: item).kind }
    attempt { _ = try fileSystem.extendedAttributes(of: item) }
    switch kind {
    case .regular:
      let readsContent = readsContent
      attempt { try readParts(of: try fileSystem.content(of: item), readsContent) }
    case .symbolicLink: attempt { _ = try fileSystem.target(ofSymbolicLink: item) }
    case .directory:
      guard depth < 12 else { return }
      var children: [ItemID] = []
      var last: FileName?
      attempt {
        try fileSystem.forEachEntry(of: item) {
          children.append($0.item)
          last = $0.name
          return children.count < 2000
        }
      }
      if let last { attempt { _ = try fileSystem.entry(named: last, in: item) } }
      for child in children { read(fileSystem, child, depth: depth + 1) }
    default: break
    }
  }

  private mutating func attempt(_ body: () throws -> Void) {
    readCount += 1
    do { try body() } catch { errorCount += 1 }
  }

}

private func readParts(of content: any FileContent, _ readsContent: Bool) throws {
  var offset: UInt64 = 0
  for _ in 0..<64 where offset < content.byteCount {
    let extent = try content.extent(at: offset)
    precondition(extent.byteCount > 0 && extent.byteCount <= content.byteCount - offset)
    offset += extent.byteCount
  }
  guard readsContent else { return }
  for start in [0, content.byteCount / 2, content.byteCount - min(content.byteCount, 5000)]
  where start < content.byteCount {
    var bytes = [UInt8](repeating: 0, count: Int(min(5000, content.byteCount - start)))
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try content.read(at: start, into: &target)
  }
}

private func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

private func residentMegabytes() -> Int {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss / 1024
}
