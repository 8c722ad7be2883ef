import BlockDevices
import Bytes
import Hashing
import Maps
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Backups

@Suite struct RecognitionTests {
  private let directory: TemporaryDirectory
  private var path: FilePath { directory.appending("cache/disk.fingerprints") }

  init() throws { directory = try TemporaryDirectory() }

  private func intake(_ vault: Vault) -> DiskIntake {
    DiskIntake(
      vault: vault, notices: Notices(), progress: Progress(), cancellation: Cancellation())
  }

  private func store(
    _ bytes: [UInt8], in vault: Vault, recognising: Bool = true, isRehashing: Bool = false
  ) throws -> RecoveryPoint.Disk {
    let source = DiskIntake.Source(
      name: "root", device: MemoryDevice(bytes), origin: "memory",
      fingerprints: recognising ? path : nil, isRehashing: isRehashing)
    return try #require(try intake(vault).store([source]).first)
  }

  @Test func `a disk that changes has the same tree with and without recognition`() throws {
    var random = Seed.ofThisRun.random
    let vault = try memoryVault(MemoryStore())
    // Two regions, of which the second is cut short.
    var disk = DiskModel(byteCount: 65 << 20, runs: 40, random: &random)
    for generation in 0..<12 {
      let recognised = try store(disk.bytes, in: vault)
      let digested = try store(disk.bytes, in: vault, recognising: false)
      #expect(recognised.root == digested.root, "\(generation) \(Seed.ofThisRun)")
      #expect(recognised.dataBytes == digested.dataBytes)
      for _ in 0..<random.below(4) { disk.mutate(&random) }
      if random.below(5) == 0 { disk.resize(to: (60 << 20) + random.below(9 << 20)) }
    }
  }

  @Test func `what is as it was is recognised, and what is not is not`() throws {
    var random = Seed.ofThisRun.random
    let vault = try memoryVault(MemoryStore())
    let bytes = random.bytes(1 << 20)
    let tree = try #require(try store(bytes, in: vault).tree)
    let open = try OpenTier(vault.firstTier, notices: Notices())
    let chunks = try self.chunks(of: tree, from: open)
    let recognition = Recognition(path)
    var recognizer = ChunkRecognizer(open)
    for changed in [nil, 0, chunks.count / 2, chunks.count - 1] {
      recognizer.begin(0, byteCount: bytes.count, recognition)
      for (number, chunk) in chunks.enumerated() {
        var content = Array(bytes[chunk.range])
        if number == changed { content[random.below(content.count)] ^= 1 }
        let found = recognizer.recognize(content.span.bytes, at: chunk.range.lowerBound)
        #expect(found == (number == changed ? nil : chunk.id), "\(number) \(Seed.ofThisRun)")
      }
    }
    recognizer.begin(0, byteCount: bytes.count, recognition)
    let first = Array(bytes[chunks[0].range])
    let elsewhere = recognizer.recognize(first.span.bytes, at: 4096)
    #expect(elsewhere == nil, "a chunk is recognised in its own place alone")
    recognizer.begin(1, byteCount: bytes.count, recognition)
    #expect(recognizer.recognize(first.span.bytes, at: 0) == nil, "of another region")
    recognizer.begin(0, byteCount: bytes.count, Recognition(path, isRehashing: true))
    #expect(recognizer.recognize(first.span.bytes, at: 0) == nil, "nothing known is used")
  }

  private func chunks(
    of tree: DiskTree, from open: OpenTier
  ) throws -> [(id: ContentID, range: Range<Int>)] {
    var reader = TierReader(open)
    var maps: [ContentID] = []
    try tree.forEachRegion {
      try reader.map($0)
    } visit: {
      maps.append($1)
    }
    let bytes = try reader.map(maps[0])
    let map = try RegionMap(decoding: bytes.span.bytes, byteCount: Int(tree.diskByteCount))
    var start = 0
    return map.items.compactMap { item in
      defer { start += item.byteCount }
      guard case .chunk(let id, let count) = item else { return nil }
      return (id, start..<start + count)
    }
  }

  @Test func `chunks whose vault has lost them are stored anew`() throws {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(900_000)
    let first = try store(bytes, in: try memoryVault(MemoryStore()))
    let other = try memoryVault(MemoryStore())
    let again = try store(bytes, in: other)
    #expect(again.newBytes == UInt64(bytes.count) && first.newBytes == again.newBytes)
    #expect(try store(bytes, in: other).newBytes == 0)
  }

  @Test func `a file that is damaged anywhere costs time and nothing else`() throws {
    var random = Seed.ofThisRun.random
    let vault = try memoryVault(MemoryStore())
    let bytes = random.bytes(400_000)
    let root = try store(bytes, in: vault).root
    let good = try readFile(path)
    for attempt in 0..<150 {
      try writeFile(mutated(good, &random), to: path)
      let found = try store(bytes, in: vault)
      #expect(found.root == root, "\(attempt) \(Seed.ofThisRun)")
    }
  }

  @Test func `a backup that fails leaves the file as it was, and one of no use is replaced`() throws
  {
    var random = Seed.ofThisRun.random
    let vault = try memoryVault(MemoryStore())
    let bytes = random.bytes(400_000)
    _ = try store(bytes, in: vault)
    let before = try readFile(path)
    struct Refusal: Error {}
    #expect(throws: Refusal.self) {
      let source = DiskIntake.Source(
        name: "root", device: MemoryDevice(random.bytes(90_000)), origin: "memory",
        fingerprints: path)
      _ = try intake(vault).store([source]) { throw Refusal() }
    }
    #expect(try readFile(path) == before)
    _ = try store(bytes, in: vault, isRehashing: true)
    #expect(FingerprintFile(path) != nil && FingerprintFile(path)?.key != Array(before[8..<24]))
  }

  @Test func `where the file cannot be written the backup goes on`() throws {
    let vault = try memoryVault(MemoryStore())
    try writeFile([1], to: directory.appending("cache"))
    #expect(try store([UInt8](repeating: 7, count: 9000), in: vault).dataBytes == 9000)
  }
}
