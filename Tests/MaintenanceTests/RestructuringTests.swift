import Backups
import Files
import Maintenance
import Restores
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct RestructuringTests {
  private let directory: TemporaryDirectory
  private let notices = Notices()
  private let bytes: [UInt8]

  init() throws {
    var random = Seed.ofThisRun.random
    directory = try TemporaryDirectory()
    bytes = random.bytes(400_000)
  }

  private func make(_ redundancy: Redundancy, snapshots: Bool = false) throws -> RecoveryPoint {
    var plan = Vault.Plan(path: directory.appending("v"))
    plan.redundancy = redundancy
    if redundancy != .single { plan.copies = ["a", "b", "c"].map { directory.appending($0) } }
    if redundancy == .grs { plan.secondaries = [directory.appending("s")] }
    if snapshots { plan.snapshots = directory.appending("n") }
    return try backUp(try Vault.create(plan, now: .now))
  }

  @discardableResult
  private func backUp(_ vault: Vault) throws -> RecoveryPoint {
    let image = directory.appending("disk.img")
    try writeFile(bytes, to: image)
    return try Backup(machine: "web01", sources: [Backup.Source(name: "root", path: image)])
      .run(vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
  }

  private func open(_ name: String) throws -> Vault {
    try Vault.open(directory.appending(name), notices: notices)
  }

  private func change(
    _ name: String, _ cancellation: Cancellation = Cancellation(),
    _ body: (Restructuring, Progress, Cancellation) throws -> Restructuring.Report
  ) throws -> Restructuring.Report {
    try body(Restructuring(of: try open(name), notices: notices), Progress(), cancellation)
  }

  private func paths(_ names: [String]) -> [FilePath] { names.map { directory.appending($0) } }

  /// Whether one store alone gives the point back.
  private func expectRestores(
    _ point: RecoveryPoint, fromStoreAt name: String, _ tier: Tier.Name = .vault
  ) throws {
    let store = DirectoryStore(directory.appending(name))
    let open = try OpenTier(Tier(tier, stores: [store]), notices: notices)
    let target = directory.appending("restored.img")
    var restore = DiskRestore(disk: point.disks[0], target: target)
    restore.replacing = true
    try restore.run(from: open, progress: Progress(), cancellation: Cancellation())
    expectSame(try readFile(target), bytes, "from \(name) \(Seed.ofThisRun)")
    let path = ObjectPath.point(machine: "web01", name: point.fileName)
    #expect(try store.byteCount(of: path) != nil)
  }

  private func expectStores(_ vault: Vault, _ names: [String], _ tier: Tier.Name = .vault) {
    #expect(vault.tier(tier)?.stores.map(\.name) == paths(names).map(\.string))
    #expect(vault.tier(tier)?.absent == [])
  }

  @Test("a store that is added has everything, and takes part from then on")
  func adding() throws {
    let point = try make(.lrs)
    let report = try change("v") {
      try $0.addCopy(at: directory.appending("d"), to: .vault, progress: $1, cancellation: $2)
    }
    expectStores(report.vault, ["a", "b", "c", "d"])
    #expect(report.copiedBytes > UInt64(bytes.count) && report.released.isEmpty)
    try expectRestores(point, fromStoreAt: "d")
    for name in ["a", "d", "v"] { expectStores(try open(name), ["a", "b", "c", "d"]) }
    try expectRestores(try backUp(report.vault), fromStoreAt: "d")
  }

  @Test("a store comes in the place of one that is gone, or of one that is still there")
  func replacing() throws {
    let point = try make(.lrs)
    try removeTree(directory.appending("a"))
    let first = try change("b") {
      try $0.replaceCopy(
        at: directory.appending("a"), by: directory.appending("d"), progress: $1,
        cancellation: $2)
    }
    expectStores(first.vault, ["d", "b", "c"])
    #expect(try directoryEntries(directory.appending("a")) == nil)
    let second = try change("v") {
      try $0.replaceCopy(
        at: directory.appending("b"), by: directory.appending("e"), progress: $1,
        cancellation: $2)
    }
    expectStores(second.vault, ["d", "e", "c"])
    #expect(second.released == paths(["b"]))
    for name in ["d", "e", "b"] { try expectRestores(point, fromStoreAt: name) }
    for name in ["b", "c", "d", "e", "v"] { expectStores(try open(name), ["d", "e", "c"]) }
  }

  @Test("two stores that are gone, the first among them, are replaced one after the other")
  func replacingTwo() throws {
    _ = try make(.lrs, snapshots: true)
    for name in ["n", "a", "b"] { try removeTree(directory.appending(name)) }
    #expect(try open("c").tier(.vault)?.absent.count == 2)
    _ = try change("c") {
      try $0.replaceCopy(
        at: directory.appending("b"), by: directory.appending("e"), progress: $1,
        cancellation: $2)
    }
    let report = try change("c") {
      try $0.replaceCopy(
        at: directory.appending("a"), by: directory.appending("d"), progress: $1,
        cancellation: $2)
    }
    expectStores(report.vault, ["d", "e", "c"])
  }

  @Test("a single store becomes three, and three become one; what is let go is whole to the end")
  func converting() throws {
    let point = try make(.single)
    let up = try change("v") {
      try $0.convert(
        to: .lrs, copies: paths(["d", "e"]), secondaries: [], progress: $1, cancellation: $2)
    }
    expectStores(up.vault, ["v", "d", "e"])
    #expect(up.vault.descriptor.redundancy == .lrs)
    for name in ["v", "d", "e"] { try expectRestores(point, fromStoreAt: name) }
    let down = try change("e") {
      try $0.convert(to: .single, copies: [], secondaries: [], progress: $1, cancellation: $2)
    }
    expectStores(down.vault, ["v"])
    #expect(down.released == paths(["d", "e"]) && down.vault.descriptor.redundancy == .single)
    for name in ["v", "d", "e"] { try expectRestores(point, fromStoreAt: name) }
    expectStores(try open("d"), ["v"])
  }

  @Test("of three copies of which one is gone, one that is there is kept")
  func convertingWithALoss() throws {
    let point = try make(.lrs)
    try removeTree(directory.appending("a"))
    let down = try change("v") {
      try $0.convert(to: .single, copies: [], secondaries: [], progress: $1, cancellation: $2)
    }
    #expect(down.vault.tier(.vault)?.stores.count == 1 && down.vault.descriptor.stores.count == 1)
    try expectRestores(point, fromStoreAt: "b")
  }

  @Test("a copy that is damaged is not what is left when the others are let go")
  func convertingDamaged() throws {
    _ = try make(.lrs)
    let store = DirectoryStore(directory.appending("a"))
    for object in try store.list(.packs) {
      let path = directory.appending("a").appending(object.path.description)
      var damaged = try readFile(path)
      damaged[damaged.count / 2] ^= 1
      try overwriteFile(path, with: damaged)
    }
    let error = #expect(throws: VaultError.self) {
      try change("v") {
        try $0.convert(to: .single, copies: [], secondaries: [], progress: $1, cancellation: $2)
      }
    }
    #expect("\(try #require(error))".contains("run `kluis scrub --repair` before a copy is let go"))
    expectStores(try open("v"), ["a", "b", "c"])
    #expect(try open("v").descriptor.redundancy == .lrs)
  }

  @Test("a vault gets a secondary region, in sync at once, and gives it up again")
  func secondary() throws {
    let point = try make(.lrs)
    let up = try change("v") {
      try $0.convert(
        to: .grs, copies: [], secondaries: paths(["s"]), progress: $1, cancellation: $2)
    }
    expectStores(up.vault, ["s"], .secondary)
    #expect(up.vault.lastSync(notices: notices) != nil)
    try expectRestores(point, fromStoreAt: "s", .secondary)
    let down = try change("s") {
      try $0.convert(to: .lrs, copies: [], secondaries: [], progress: $1, cancellation: $2)
    }
    #expect(down.vault.tier(.secondary) == nil && down.released == paths(["s"]))
  }

  @Test("a conversion that lacks directories, or has too many, says how many it needs")
  func refusals() throws {
    _ = try make(.single)
    let cases: [(Redundancy, [String], [String], String)] = [
      (.lrs, ["d"], [], "redundancy lrs keeps 3 of them, the vault has 1: name 2 with --copy DIR"),
      (.single, ["d"], [], "the vault has 1: name 0 with --copy DIR"),
      (.grs, ["d", "e"], [], "name it with --secondary DIR"),
      (.lrs, ["d", "e"], ["s"], "only redundancy grs has a secondary region"),
      (.lrs, ["d", "d/e"], [], "inside one another"),
      (.lrs, ["d", "d"], [], "d is named as two stores"),
      (.grs, ["d", "e"], ["e"], "e is named as two stores"),
      (.lrs, ["d", "v/e"], [], "inside one another"),
      (.lrs, ["d", "v"], [], "name 2 with --copy DIR"),
    ]
    for (redundancy, copies, secondaries, text) in cases {
      let error = #expect(throws: (any Error).self, "\(text)") {
        try change("v") {
          try $0.convert(
            to: redundancy, copies: paths(copies), secondaries: paths(secondaries), progress: $1,
            cancellation: $2)
        }
      }
      #expect("\(try #require(error))".contains(text))
      let vault = try open("v")
      #expect(vault.descriptor.revision == 1)
      #expect(try directoryEntries(directory.path)?.sorted() == ["disk.img", "v"], "\(text)")
      expectStores(vault, ["v"])
    }
  }

  @Test("a change that is stopped leaves the vault as it was, and the same command goes on")
  func stopped() throws {
    let point = try make(.lrs)
    let cancellation = Cancellation()
    cancellation.request()
    for _ in 0..<2 {
      #expect(throws: Cancelled.self) {
        try change("v", cancellation) {
          try $0.replaceCopy(
            at: directory.appending("b"), by: directory.appending("d"), progress: $1,
            cancellation: $2)
        }
      }
      expectStores(try open("v"), ["a", "b", "c"])
    }
    _ = try backUp(try open("v"))
    let report = try change("v") {
      try $0.replaceCopy(
        at: directory.appending("b"), by: directory.appending("d"), progress: $1,
        cancellation: $2)
    }
    expectStores(report.vault, ["a", "d", "c"])
    try expectRestores(point, fromStoreAt: "d")
  }

  @Test("a backup that began before a store was added commits its point to that store as well")
  func backupMeanwhile() throws {
    _ = try make(.lrs)
    let before = try open("v")
    _ = try change("v") {
      try $0.addCopy(at: directory.appending("d"), to: .vault, progress: $1, cancellation: $2)
    }
    try expectRestores(try backUp(before), fromStoreAt: "d")
  }
}
