import DiskImages
import Files
import Stores
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Backups

@Suite struct DisturbedBackupTests {
  @Test(
    "an image that is cut off or grows during the backup is an error, and no point is there",
    arguments: [-1, 1])
  func changingSize(direction: Int) throws {
    var random = Seed.ofThisRun.random
    let bench = try BackupBench()
    let bytes = random.bytes(6 << 20)
    let path = bench.image("root")
    try writeFile(bytes, to: path)
    let progress = Progress()
    let disturber = WorkerThread {
      let file = try File.openForWriting(path)
      while progress.doneBytes.load(ordering: .relaxed) == 0 {}
      try file.setByteCount(UInt64(bytes.count + direction * 5000))
    }
    #expect(throws: DiskImageError.self, "\(Seed.ofThisRun)") {
      _ = try bench.backUp(["root"], progress: progress)
    }
    try disturber.join()
    #expect(try bench.vault.points(notices: bench.notices).isEmpty)
    let point = try bench.backUp(["root"])
    expectSame(try bench.restore(point.disks[0]), try readFile(path), "\(Seed.ofThisRun)")
  }

  @Test("a backup that is stopped leaves no point, and the next run reuses what was stored")
  func cancellation() throws {
    var random = Seed.ofThisRun.random
    let bench = try BackupBench()
    let bytes = random.bytes(12 << 20)
    try writeFile(bytes, to: bench.image("root"))
    let progress = Progress()
    let cancellation = Cancellation()
    let stopper = WorkerThread {
      while progress.doneBytes.load(ordering: .relaxed) < 6 << 20 {}
      cancellation.request()
    }
    #expect(throws: Cancelled.self) {
      _ = try bench.backUp(["root"], workers: 1, progress: progress, cancellation: cancellation)
    }
    try stopper.join()
    #expect(try bench.vault.points(notices: bench.notices).isEmpty)
    let stored = try bench.packBytes()
    let point = try bench.backUp(["root"])
    #expect(stored > 1 << 20, "what was read before the stop is kept")
    #expect(point.disks[0].newBytes < UInt64(bytes.count) - stored / 2, "\(Seed.ofThisRun)")
    expectSame(try bench.restore(point.disks[0]), bytes, "\(Seed.ofThisRun)")
  }

  @Test("a backup that is stopped before it began leaves nothing")
  func cancelledAtOnce() throws {
    let bench = try BackupBench()
    try writeFile(repeated([1, 2, 3], 100_000), to: bench.image("root"))
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) { _ = try bench.backUp(["root"], cancellation: cancellation) }
    #expect(try bench.packBytes() == 0)
  }

  @Test(
    "a backup into a store that fails leaves no point, and the next one is whole",
    arguments: 1...6)
  func failingStore(put: Int) throws {
    var random = Seed.ofThisRun.random
    let directory = try TemporaryDirectory()
    let path = directory.appending("root.img")
    let bytes = random.bytes(700_000)
    try writeFile(bytes, to: path)
    let store = MemoryStore()
    let vault = try memoryVault(store)
    let notices = Notices()
    var backup = Backup(machine: "web01", sources: [.init(name: "root", path: path)])
    backup.workerCount = 2
    func run() throws -> RecoveryPoint {
      try backup.run(
        vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
    }
    store.fail(.put, number: put)
    // Lease, the packs of chunks and of maps side by side, index segment, machine, point.
    #expect(throws: StoreError.self) { try run() }
    #expect(try vault.points(notices: notices).isEmpty)
    let point = try run()
    #expect(try vault.points(notices: notices).last?.point == point)
    if put > 3 { #expect(point.disks[0].newBytes == 0, "what was put is reused") }
  }

  @Test("a store without room fails the backup with what to do")
  func fullStore() throws {
    var random = Seed.ofThisRun.random
    let directory = try TemporaryDirectory()
    let path = directory.appending("root.img")
    try writeFile(random.bytes(300_000), to: path)
    let store = MemoryStore()
    let vault = try memoryVault(store)
    store.limitCapacity(to: 100_000)
    let backup = Backup(machine: "web01", sources: [.init(name: "root", path: path)])
    let error = #expect(throws: StoreError.self) {
      _ = try backup.run(
        vault: vault, notices: Notices(), progress: Progress(), cancellation: Cancellation())
    }
    #expect(error?.kind == .full)
    #expect(store.paths(in: .points).isEmpty && store.paths(in: .machines).isEmpty)
  }
}
