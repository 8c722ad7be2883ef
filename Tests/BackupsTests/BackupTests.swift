import Bytes
import DiskImages
import Files
import Hashing
import Maps
import Stores
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Backups

@Suite struct BackupTests {
  @Test("every point of a disk that changes again and again restores bit for bit", arguments: 0..<3)
  func model(round: UInt64) throws {
    var random = SeededRandom(seed: Seed.ofThisRun.value &+ round)
    let bench = try BackupBench()
    let start = 200_000 + random.below(3 << 20)
    var disk = DiskModel(byteCount: start, runs: 15, random: &random)
    var history: [(point: RecoveryPoint, bytes: [UInt8])] = []
    for _ in 0..<6 {
      try writeFile(disk.bytes, to: bench.image("root"))
      let point = try bench.backUp(["root"], workers: 1 + random.below(3))
      #expect(point.disks[0].size == UInt64(disk.bytes.count))
      history.append((point, disk.bytes))
      for _ in 0..<1 + random.below(8) { disk.mutate(&random) }
      if random.below(3) == 0 { disk.resize(to: random.below(4 << 20)) }
    }
    for (number, (point, bytes)) in history.enumerated() {
      let found = try bench.restore(point.disks[0], workers: 1 + random.below(3))
      let place = firstDifference(found, bytes)
      #expect(
        place == nil, "point \(number) of round \(round), byte \(place ?? 0) \(Seed.ofThisRun)")
    }
    let listed = try bench.vault.points(notices: bench.notices).map(\.point)
    #expect(listed == history.map(\.point), "\(Seed.ofThisRun)")
    #expect(bench.notices.all == [], "\(Seed.ofThisRun)")
  }

  static let region = 64 << 20

  @Test(
    "sizes around blocks and regions restore to the byte",
    arguments: [
      0, 1, 4095, 4096, 4097, 65_535, 262_145, region - 1, region, region + 1, region + 4097,
      2 * region + 12_345,
    ])
  func sizes(byteCount: Int) throws {
    var random = Seed.ofThisRun.random
    let bench = try BackupBench()
    var disk = DiskModel(byteCount: byteCount, runs: 0, random: &random)
    for place in [0, byteCount / 2, Self.region - 5000, Self.region, byteCount - 3000] {
      let count = min(10_000, byteCount - place)
      if place >= 0, count > 0 { disk.replace(at: place, with: random.bytes(count)) }
    }
    try writeFile(disk.bytes, to: bench.image("root"))
    let point = try bench.backUp(["root"])
    let restored = try bench.restore(point.disks[0])
    #expect(restored.count == byteCount)
    #expect(firstDifference(restored, disk.bytes) == nil, "\(Seed.ofThisRun)")
  }

  @Test("a disk of zeros costs nothing, with holes or without", arguments: [true, false])
  func zeros(sparse: Bool) throws {
    let bench = try BackupBench()
    let bytes = [UInt8](repeating: 0, count: (70 << 20) + 5)
    try writeFile(bytes, to: bench.image("root"), sparse: sparse)
    let point = try bench.backUp(["root"])
    #expect(point.disks[0].tree?.root == .zeros && point.disks[0].dataBytes == 0)
    #expect(try bench.packBytes() == 0)
    expectSame(try bench.restore(point.disks[0]), bytes)
  }

  @Test("the root says what the disk holds, not how or when it was backed up")
  func roots() throws {
    var random = Seed.ofThisRun.random
    let bench = try BackupBench()
    var disk = DiskModel(byteCount: 900_001, runs: 10, random: &random)
    try writeFile(disk.bytes, to: bench.image("root"), sparse: true)
    let first = try bench.backUp(["root"], workers: 1).disks[0]
    try writeFile(disk.bytes, to: bench.image("root"), sparse: false)
    let second = try bench.backUp(["root"], workers: 3).disks[0]
    #expect(first.root == second.root, "\(Seed.ofThisRun)")
    #expect(second.newChunks == 0 && second.newBytes == 0 && second.storedBytes == 0)
    disk.replace(at: 900_000, with: [disk.bytes[900_000] ^ 1])
    try writeFile(disk.bytes, to: bench.image("root"))
    let third = try bench.backUp(["root"]).disks[0]
    #expect(third.root != first.root && third.newChunks == 1, "\(Seed.ofThisRun)")
  }

  @Test("several disks are one point, and what they share is stored once")
  func severalDisks() throws {
    var random = Seed.ofThisRun.random
    let bench = try BackupBench()
    let bytes = random.bytes(400_000)
    try writeFile(bytes, to: bench.image("root"))
    try writeFile([UInt8](repeating: 0, count: 8192) + bytes, to: bench.image("data"))
    let point = try bench.backUp(["root", "data"])
    #expect(point.disks.map(\.name) == ["root", "data"] && point.machine == "web01")
    #expect(point.disks.reduce(0) { $0 + $1.newBytes } == 400_000, "\(Seed.ofThisRun)")
    expectSame(try bench.restore(point.disks[0]), bytes)
    #expect(try bench.restore(point.disks[1]).suffix(400_000) == bytes[...])
    let machine = try #require(try bench.vault.machine("web01", notices: bench.notices))
    #expect(machine.disks.map(\.source) == point.disks.map(\.source))
  }

  @Test("points of one machine never have the same time")
  func times() throws {
    let bench = try BackupBench()
    try writeFile([1], to: bench.image("root"))
    let times = try (0..<3).map { _ in try bench.backUp(["root"]).time }
    #expect(times[0] < times[1] && times[1] < times[2])
  }

  @Test("a disk that is missing fails the backup, and no point is there")
  func missing() throws {
    let bench = try BackupBench()
    try writeFile([1], to: bench.image("root"))
    #expect(throws: FileError.self) { try bench.backUp(["root", "data"]) }
    #expect(try bench.vault.points(notices: bench.notices).isEmpty)
  }

  @Test("with a snapshot tier the point is there, and nowhere else yet")
  func snapshotTier() throws {
    let bench = try BackupBench(snapshots: true)
    try writeFile(repeated([1, 2], 10_000), to: bench.image("root"))
    let point = try bench.backUp(["root"])
    let listed = try bench.vault.points(notices: bench.notices)
    #expect(listed.map(\.point) == [point] && listed[0].tiers == [.snapshot])
  }

  @Test("a point before that cannot be read costs nothing but time")
  func damagedParent() throws {
    var random = Seed.ofThisRun.random
    let bench = try BackupBench()
    let bytes = random.bytes(500_000)
    try writeFile(bytes, to: bench.image("root"))
    _ = try bench.backUp(["root"])
    let tier = bench.vault.firstTier
    for object in try tier.stores[0].list(.packs) { try tier.delete(object.path) }
    let point = try bench.backUp(["root"])
    expectSame(try bench.restore(point.disks[0]), bytes, "\(Seed.ofThisRun)")
  }

  @Test(
    "a disk that was given another size since the last backup is nothing to worry about",
    arguments: [1_000, 299_999, 300_001, 64 << 20, (64 << 20) + 1])
  func resized(byteCount: Int) throws {
    var random = Seed.ofThisRun.random
    let bench = try BackupBench()
    var disk = DiskModel(byteCount: 300_000, runs: 5, random: &random)
    try writeFile(disk.bytes, to: bench.image("root"))
    _ = try bench.backUp(["root"])
    disk.resize(to: byteCount)
    try writeFile(disk.bytes, to: bench.image("root"))
    let point = try bench.backUp(["root"])
    let restored = try bench.restore(point.disks[0])
    #expect(firstDifference(restored, disk.bytes) == nil, "\(Seed.ofThisRun)")
    #expect(bench.notices.all == [])
  }
}
