import Backups
import BlockDevices
import Bytes
import Chunking
import Compression
import Encryption
import Hashing
import Packs
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Workers

@testable import Restores
@testable import Vaults

@Suite struct PointDiskTests {
  private static let region: UInt64 = 64 << 20
  static let sizes: [UInt64] = [
    0, 1, 511, 4096, 4097, 300_001, region - 1, region, region + 1, 3 * region + 5000, 5 << 40,
    (9 << 40) + 777,
  ]

  @Test(
    "any range of a disk reads as it was backed up, and its data is found, on disks of all sizes",
    arguments: sizes)
  func model(byteCount: UInt64) throws {
    var random = Seed.ofThisRun.random
    let bench = try PointDiskBench()
    let model = SparseDisk(byteCount: byteCount, runs: 12, &random)
    let disk = try bench.disk(model)
    #expect(disk.byteCount == byteCount)
    for _ in 0..<150 {
      let range = randomRange(of: model, &random)
      let found = try bytes(range, of: disk)
      #expect(areEqual(found, model.bytes(range)), "\(range) of \(byteCount) \(Seed.ofThisRun)")
    }
    try expectData(of: disk, model, &random)
  }

  /// Most of them near data.
  private func randomRange(
    of model: SparseDisk, _ random: inout SeededRandom
  ) -> Range<UInt64> {
    var start = UInt64.random(in: 0...model.byteCount, using: &random)
    if let near = model.data.randomElement(using: &random), random.below(6) > 0 {
      let edge = random.below(2) == 0 ? near.lowerBound : near.upperBound
      start = edge - min(edge, UInt64(random.below(30_000)))
    }
    let limit = random.below(10) == 0 ? 700_000 : 30_000
    return start..<min(model.byteCount, start + UInt64(random.below(limit)))
  }

  /// Walks the data from the start, and asks for it from places at random.
  private func expectData(
    of disk: PointDisk, _ model: SparseDisk, _ random: inout SeededRandom
  ) throws {
    let data = model.data
    var walked: [Range<UInt64>] = []
    var position: UInt64 = 0
    while let next = try disk.nextData(from: position) {
      try #require(next.lowerBound >= position && !next.isEmpty, "\(Seed.ofThisRun)")
      let isAtEnd = data.contains { $0.upperBound == next.upperBound }
      #expect(isAtEnd || next.upperBound % Self.region == 0, "\(next) \(Seed.ofThisRun)")
      if let last = walked.last, last.upperBound == next.lowerBound {
        walked[walked.count - 1] = last.lowerBound..<next.upperBound
      } else {
        walked.append(next)
      }
      position = next.upperBound
    }
    #expect(walked == data, "of \(model.byteCount) \(Seed.ofThisRun)")
    for _ in 0..<60 {
      let from = randomRange(of: model, &random).lowerBound
      let expected = data.first { $0.upperBound > from }.map { max(from, $0.lowerBound) }
      #expect(try disk.nextData(from: from)?.lowerBound == expected, "\(from) \(Seed.ofThisRun)")
    }
    #expect(try disk.nextData(from: model.byteCount) == nil)
  }

  @Test("a disk of zeros has no data, takes nothing in the store, and reads as zeros")
  func zeros() throws {
    let bench = try PointDiskBench()
    let model = SparseDisk(byteCount: (2 << 40) + 123, runs: [(5000, [0, 0, 0])])
    let disk = try bench.disk(model)
    #expect(try disk.nextData(from: 0) == nil && bench.store.paths(in: .packs).isEmpty)
    let end = (model.byteCount - 5000)..<model.byteCount
    #expect(try bytes(end, of: disk) == model.bytes(end))
  }

  @Test("several threads read one disk at once, each what is there", arguments: [false, true])
  func threads(isEncrypted: Bool) throws {
    var random = Seed.ofThisRun.random
    let bench = try PointDiskBench(isEncrypted: isEncrypted)
    let model = SparseDisk(byteCount: 3 * Self.region + 999, runs: 14, &random)
    let disk = try bench.disk(model)
    let seeds = (0..<5).map { _ in random.next() }
    try runWorkers(count: seeds.count) { number in
      var random = SeededRandom(seed: seeds[number])
      for _ in 0..<50 {
        let range = randomRange(of: model, &random)
        let found = try bytes(range, of: disk)
        #expect(areEqual(found, model.bytes(range)), "\(range) \(Seed.ofThisRun)")
        let next = try disk.nextData(from: range.lowerBound)
        let expected = model.data.first { $0.upperBound > range.lowerBound }
        #expect(next?.lowerBound == expected.map { max(range.lowerBound, $0.lowerBound) })
      }
    }
  }

  @Test(
    "small parts in order, which have chunks decoded ahead, read as they were backed up",
    arguments: [0, 150_000, 64 << 20])
  func inOrder(chunkMemory: Int) throws {
    var random = Seed.ofThisRun.random
    let bench = try PointDiskBench()
    let content = random.bytes(3 << 20)
    let model = SparseDisk(
      byteCount: Self.region + (2 << 20), runs: [(Self.region - (1 << 20), content)])
    let disk = try bench.disk(model, chunkMemory: chunkMemory)
    var position = Self.region - (2 << 20)
    while position < model.byteCount {
      let end = min(model.byteCount, position + UInt64(1 + random.below(9000)))
      let found = try bytes(position..<end, of: disk)
      #expect(
        areEqual(found, model.bytes(position..<end)), "\(position)..<\(end) \(Seed.ofThisRun)")
      position = end
    }
  }

  @Test("a chunk that is lost is an error that says where, and all around it reads as before")
  func lostChunk() throws {
    var random = Seed.ofThisRun.random
    let bench = try PointDiskBench()
    let start = Self.region + 40_960
    let content = random.bytes(1 << 20)
    let model = SparseDisk(byteCount: 2 * Self.region, runs: [(start, content)])
    let disk = try bench.disk(model)
    let entries = bench.entries
    let lost = try #require(entries.filter { $0.kind == .chunk }.randomElement(using: &random))
    let place = try #require(
      stride(from: 0, to: content.count, by: 4096).first {
        contentID(Array(content[$0...].prefix(Int(lost.plainByteCount)))) == lost.id
      })
    bench.spoil(lost)
    let first = start + UInt64(place)
    let end = first + UInt64(lost.plainByteCount)
    for range in [
      first..<end, first + 1..<first + 2, end - 1..<end, start..<end, first..<2 * Self.region,
      0..<model.byteCount,
    ] {
      let error = #expect(throws: RestoreError.self, "\(range)") { try bytes(range, of: disk) }
      #expect(error?.offset == first, "\(range) \(Seed.ofThisRun)")
      #expect("\(try #require(error))".contains("\(lost.id)"))
      for whole in [first - min(first, 900_000)..<first, end..<end + 900_000] {
        let found = try bytes(whole, of: disk)
        #expect(areEqual(found, model.bytes(whole)), "\(whole) after \(range) \(Seed.ofThisRun)")
      }
    }
    #expect(try disk.nextData(from: 0)?.lowerBound == start, "the map says what there is")
  }

  @Test("a region's map that is lost is an error at the region's start, other regions are whole")
  func lostMap() throws {
    let bench = try PointDiskBench()
    let content = repeated([1, 2, 3], 9000)
    let model = SparseDisk(
      byteCount: 3 * Self.region, runs: [(5000, content), (Self.region + 5000, [7, 7, 7])])
    let disk = try bench.disk(model)
    let maps = bench.entries.filter { $0.kind == .map }
    // In the order in which they were stored: one for each region, then what stands above them.
    #expect(maps.count == 3)
    var hit = 0
    for map in maps.prefix(2) {
      bench.spoil(map)
      let again = try bench.reopened()
      for (number, range) in [(5000 as UInt64)..<6000, Self.region + 5000..<Self.region + 5003]
        .enumerated()
      {
        do { #expect(try bytes(range, of: again) == model.bytes(range)) } catch {
          #expect((error as? RestoreError)?.offset == UInt64(number) * Self.region, "\(error)")
          hit += 1
        }
      }
      #expect(throws: RestoreError.self) {
        var position: UInt64 = 0
        for _ in 0..<9 { position = try again.nextData(from: position)?.upperBound ?? 0 }
      }
      bench.spoil(map)
    }
    #expect(hit == 2 && disk.byteCount == model.byteCount)
    bench.spoil(maps[2])
    #expect(throws: ReadError.self) { _ = try bench.reopened() }
  }

  private func bytes(_ range: Range<UInt64>, of disk: PointDisk) throws -> [UInt8] {
    var found = [UInt8](repeating: 0xAA, count: range.count)
    var span = found.mutableSpan
    var target = span.mutableBytes
    try disk.read(at: range.lowerBound, into: &target)
    return found
  }
}

/// A vault in memory that takes disks in, and gives them back as devices.
private final class PointDiskBench {
  let store = MemoryStore()
  private let vault: Vault
  private let notices = Notices()
  private var stored: RecoveryPoint.Disk?

  init(isEncrypted: Bool = false) throws {
    var descriptor = VaultDescriptor(
      redundancy: .single, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/memory")], created: Timestamp(secondsSince1970: 0))
    var protection = ContentProtection.none
    if isEncrypted {
      let master = Secret.random(byteCount: Secret.keyByteCount)
      protection = .encrypted(try descriptor.encrypt(master, under: .keyFile(master)))
    }
    vault = try Vault(
      path: FilePath("/memory"), descriptor: descriptor,
      tiers: [Tier(.vault, stores: [store], protection: protection)])
  }

  func disk(_ model: SparseDisk, chunkMemory: Int = 1 << 20) throws -> PointDisk {
    var intake = DiskIntake(
      vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
    intake.workerCount = 1
    stored = try intake.store([.init(name: "root", device: model, origin: "a model")]).first
    return try reopened(chunkMemory: chunkMemory)
  }

  func reopened(chunkMemory: Int = 1 << 20) throws -> PointDisk {
    guard let stored else { preconditionFailure("a disk is stored before it is opened again") }
    let open = try OpenTier(vault.firstTier, notices: notices)
    return try PointDisk(stored, in: PointContents(open, chunkMemory: chunkMemory))
  }

  /// Every record in any pack, in the order of the packs.
  var entries: [PackEntry] {
    store.paths(in: .packs).flatMap { path -> [PackEntry] in
      let bytes = store.bytes(at: path) ?? []
      return walkRecords(ofPack: bytes.span.bytes)
    }
  }

  /// Flips a bit in a record's payload; twice leaves it as it was.
  func spoil(_ entry: PackEntry) {
    for path in store.paths(in: .packs) {
      let bytes = store.bytes(at: path) ?? []
      guard walkRecords(ofPack: bytes.span.bytes).contains(entry) else { continue }
      store.flipBit((Int(entry.offset) + RecordHeader.byteCount + 5) * 8, of: path)
    }
  }
}
