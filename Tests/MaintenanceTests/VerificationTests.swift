import Backups
import Files
import Hashing
import Indexes
import Maintenance
import Maps
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct VerificationTests {
  private let directory: TemporaryDirectory
  private let vault: Vault
  private var points: [RecoveryPoint] = []
  private let notices = Notices()

  /// Two points of a machine with two disks; the disk "data" changes between them.
  init() throws {
    var random = Seed.ofThisRun.random
    directory = try TemporaryDirectory()
    vault = try Vault.create(Vault.Plan(path: directory.appending("vault")), now: .now)
    var data = DiskModel(byteCount: 600_000, runs: 6, random: &random)
    try writeFile(random.bytes(2_500_000), to: directory.appending("root"))
    for _ in 0..<2 {
      try writeFile(data.bytes, to: directory.appending("data"))
      points.append(try backUp())
      data.replace(at: 300_000, with: random.bytes(50_000))
    }
  }

  private func backUp() throws -> RecoveryPoint {
    let sources = ["root", "data"].map {
      Backup.Source(name: $0, path: directory.appending($0))
    }
    return try Backup(machine: "web01", sources: sources).run(
      vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
  }

  private func verify(
    _ points: [RecoveryPoint], _ progress: Progress = Progress()
  ) throws -> Verification.Report {
    try Verification(points: points).run(
      in: OpenTier(vault.firstTier, notices: notices), progress: progress,
      cancellation: Cancellation())
  }

  @Test("sound points are proven, and what they share is read once")
  func sound() throws {
    let one = try verify([points[0]])
    let both = try verify(points)
    #expect(one.damaged.isEmpty && both.damaged.isEmpty && notices.all.isEmpty)
    #expect(one.chunkCount > 3 && one.mapCount == 4 && one.byteCount > 2_500_000)
    #expect(both.chunkCount > one.chunkCount && both.chunkCount < 2 * one.chunkCount)
    let twice = try verify(points + points)
    #expect(twice.chunkCount == both.chunkCount && twice.byteCount == both.byteCount)
    #expect(try verify([]).mapCount == 0)
  }

  @Test("a flipped byte in any record of any pack is found, and the disks that need it are named")
  func flipped() throws {
    var random = Seed.ofThisRun.random
    for pack in try vault.firstTier.stores[0].list(.packs) {
      let file = directory.appending("vault").appending(pack.path.description)
      let good = try readFile(file)
      // What follows the last record is directory and trailer, which no read needs.
      let records = Int(
        good[(good.count - 16)..<(good.count - 12)].reversed().reduce(0) { $0 << 8 | Int($1) })
      for _ in 0..<12 {
        var bad = good
        let place = 16 + random.below(records - 16)
        bad[place] ^= 1 << UInt8(random.below(8))
        try overwriteFile(file, with: bad)
        let report = try verify(points)
        let isHarmless = report.damaged.isEmpty && isKind(place, good)
        #expect(isHarmless || !report.damaged.isEmpty, "byte \(place) \(Seed.ofThisRun)")
        for disk in report.damaged {
          #expect(points.contains { $0.id == disk.point } && ["root", "data"].contains(disk.disk))
          #expect(disk.offset < 2_500_000 && !disk.reason.isEmpty, "\(Seed.ofThisRun)")
        }
      }
      try overwriteFile(file, with: good)
    }
    #expect(try verify(points).damaged.isEmpty)
  }

  /// Whether the byte is a record's kind, which nothing depends on when it is read by its name.
  private func isKind(_ place: Int, _ pack: [UInt8]) -> Bool {
    place >= 4 && Array(pack[(place - 4)..<place]) == Array("KREC".utf8)
  }

  @Test("damage in one disk is not laid at another's door")
  func blame() throws {
    let open = try OpenTier(vault.firstTier, notices: notices)
    let tree = try #require(points[0].disks[0].tree)
    let location = try #require(open.index.location(of: tree.root))
    let path = ObjectPath.pack(location.pack)
    let file = directory.appending("vault").appending(path.description)
    var bytes = try readFile(file)
    bytes[Int(location.offset) + 60] ^= 1
    try overwriteFile(file, with: bytes)
    let report = try verify(points)
    #expect(
      report.damaged.map(\.disk) == ["root", "root"] && report.damaged.map(\.offset) == [0, 0])
    #expect(report.damaged.map(\.point) == points.map(\.id))
  }

  @Test("a pack that is gone is reported for every disk that needs it")
  func lost() throws {
    for object in try vault.firstTier.stores[0].list(.packs) {
      try vault.firstTier.delete(object.path)
    }
    let report = try verify(points)
    #expect(report.damaged.count == 4 && report.chunkCount == 0)
  }

  @Test("a verification that is stopped says so")
  func stopped() throws {
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) {
      _ = try Verification(points: points).run(
        in: OpenTier(vault.firstTier, notices: notices), progress: Progress(),
        cancellation: cancellation)
    }
  }

  @Test("statistics count machines, points, records and bytes")
  func statistics() throws {
    let statistics = try Statistics(of: vault, notices: notices)
    #expect(statistics.machines == 1 && statistics.points == 2)
    #expect(statistics.diskBytes == 2 * 3_100_000)
    let data = points.flatMap(\.disks).reduce(0) { $0 + $1.dataBytes }
    #expect(statistics.dataBytes == data && statistics.tiers.count == 1)
    let tier = statistics.tiers[0]
    let packs = try vault.firstTier.stores[0].list(.packs)
    #expect(tier.tier == "vault" && tier.points == 2 && tier.packs == packs.count)
    #expect(tier.packBytes == packs.reduce(0) { $0 + $1.byteCount } && tier.indexBytes > 0)
    #expect(tier.records > 4 && tier.stores == [directory.appending("vault").string])
  }
}
