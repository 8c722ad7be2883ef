import Backups
import Bytes
import Copies
import Files
import Hashing
import Maps
import Restores
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct PointCopyTests {
  private let directory: TemporaryDirectory
  private let vault: Vault
  private let notices = Notices()

  init() throws {
    directory = try TemporaryDirectory()
    var plan = Vault.Plan(path: directory.appending("vault"))
    plan.snapshots = directory.appending("snapshots")
    vault = try Vault.create(plan, now: Timestamp(secondsSince1970: 1_000_000))
  }

  @Test("points that were transferred restore from the vault tier with the snapshot tier gone")
  func transfer() throws {
    var random = Seed.ofThisRun.random
    var disk = DiskModel(byteCount: 3 << 20, runs: 20, random: &random)
    var history: [(point: RecoveryPoint, bytes: [UInt8])] = []
    for _ in 0..<3 {
      history.append((try backUp(disk.bytes), disk.bytes))
      disk.mutate(&random)
    }
    let report = try copy(history.map(\.point))
    #expect(report.points == history.map(\.point))
    try destroySnapshots()
    for (point, bytes) in history {
      expectSame(try restore(point), bytes, "\(Seed.ofThisRun)")
    }
    #expect(notices.all == [])
  }

  @Test("a second transfer of the same points sends nothing")
  func again() throws {
    var random = Seed.ofThisRun.random
    let point = try backUp(random.bytes(1 << 20))
    #expect(try copy([point]).sentBytes > 1 << 20)
    #expect(try copy([point]).sentBytes == 0)
  }

  @Test("a transfer sends only what the vault tier lacks")
  func difference() throws {
    var random = Seed.ofThisRun.random
    var bytes = random.bytes(8 << 20)
    _ = try copy([try backUp(bytes)])
    bytes.replaceSubrange(0..<4096, with: random.bytes(4096))
    let sent = try copy([try backUp(bytes)]).sentBytes
    #expect(sent > 4096 && sent < 1 << 20, "\(sent) bytes, \(Seed.ofThisRun)")
  }

  @Test("a transfer that is stopped leaves no point, and the next one goes on")
  func stopped() throws {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(2 << 20)
    let point = try backUp(bytes)
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) { try copy([point], cancellation) }
    #expect(try vault.point(point.id, notices: notices).tiers == [.snapshot])
    _ = try copy([point])
    try destroySnapshots()
    expectSame(try restore(point), bytes, "\(Seed.ofThisRun)")
  }

  @Test("a chunk that is damaged in the snapshot tier is not copied, and the error names its pack")
  func damaged() throws {
    var random = Seed.ofThisRun.random
    let point = try backUp(random.bytes(1 << 20))
    let store = try #require(vault.tier(.snapshot)?.stores[0])
    // The larger of the two packs is the one with chunks.
    let pack = try #require(try store.list(.packs).max { $0.byteCount < $1.byteCount })
    var bytes = try store.readAll(pack.path, limit: 1 << 26)
    bytes[100] ^= 1
    try store.put(bytes.span.bytes, at: pack.path)
    let name = try #require(pack.path.name(without: ".pack"))
    let error = #expect(throws: ReadError.self) { try copy([point]) }
    #expect("\(try #require(error))".contains(name))
    #expect(try vault.point(point.id, notices: notices).tiers == [.snapshot])
  }

  // MARK: steps

  private func backUp(_ bytes: [UInt8]) throws -> RecoveryPoint {
    let image = directory.appending("disk.img")
    try writeFile(bytes, to: image)
    let backup = Backup(machine: "web01", sources: [Backup.Source(name: "root", path: image)])
    return try backup.run(
      vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
  }

  private func copy(
    _ points: [RecoveryPoint], _ cancellation: Cancellation = Cancellation()
  ) throws -> PointCopy.Report {
    try PointCopy(vault: vault, from: try open(.snapshot), to: try open(.vault))
      .run(points, progress: Progress(), cancellation: cancellation)
  }

  private func open(_ name: Tier.Name) throws -> OpenTier {
    try OpenTier(try #require(vault.tier(name)), notices: notices)
  }

  private func destroySnapshots() throws {
    try renameFile(
      directory.appending("snapshots"), to: directory.appending("gone"), replacing: false)
  }

  private func restore(_ point: RecoveryPoint) throws -> [UInt8] {
    let target = directory.appending("restored.img")
    var restore = DiskRestore(disk: point.disks[0], target: target)
    restore.replacing = true
    try restore.run(from: try open(.vault), progress: Progress(), cancellation: Cancellation())
    return try readFile(target)
  }
}
