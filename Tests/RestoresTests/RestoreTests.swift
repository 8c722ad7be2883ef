import Backups
import Files
import Hashing
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Restores

@Suite struct RestoreTests {
  private let directory: TemporaryDirectory
  private let vault: Vault
  private let point: RecoveryPoint
  private let bytes: [UInt8]
  private let notices = Notices()

  init() throws {
    var random = Seed.ofThisRun.random
    directory = try TemporaryDirectory()
    vault = try Vault.create(Vault.Plan(path: directory.appending("vault")), now: .now)
    bytes = DiskModel(byteCount: 1_500_001, runs: 12, random: &random).bytes
    let image = directory.appending("image")
    try writeFile(bytes, to: image)
    point = try Backup(machine: "web01", sources: [.init(name: "root", path: image)]).run(
      vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
    try makeDirectory(directory.appending("out"))
  }

  private func restore(
    to name: String, replacing: Bool = false, cancellation: Cancellation = Cancellation(),
    changing change: (inout RecoveryPoint.Disk) -> Void = { _ in }
  ) throws {
    var disk = point.disks[0]
    change(&disk)
    var restore = DiskRestore(disk: disk, target: directory.appending(name))
    restore.replacing = replacing
    restore.durably = true
    let open = try OpenTier(vault.firstTier, notices: notices)
    try restore.run(from: open, progress: Progress(), cancellation: cancellation)
  }

  private func leftovers() throws -> [String] {
    try directoryEntries(directory.appending("out")) ?? []
  }

  @Test("a disk is restored under its name, and holes are left as holes")
  func wholeDisk() throws {
    try restore(to: "out/disk")
    expectSame(try readFile(directory.appending("out/disk")), bytes, "\(Seed.ofThisRun)")
    #expect(try leftovers() == ["disk"])
    let dense = try fileStatus(directory.appending("image"))!
    let made = try fileStatus(directory.appending("out/disk"))!
    #expect(made.allocatedByteCount <= dense.allocatedByteCount + 65_536)
  }

  @Test("what exists is kept, unless it may be replaced")
  func existing() throws {
    try writeFile([1, 2, 3], to: directory.appending("out/disk"))
    expectTargetError("exists already") { try restore(to: "out/disk") }
    #expect(try readFile(directory.appending("out/disk")) == [1, 2, 3])
    #expect(try leftovers() == ["disk"])
    try restore(to: "out/disk", replacing: true)
    expectSame(try readFile(directory.appending("out/disk")), bytes, "\(Seed.ofThisRun)")
  }

  @Test("a place that cannot be is refused", arguments: [true, false])
  func places(replacing: Bool) throws {
    expectTargetError("no directory") { try restore(to: "none/disk", replacing: replacing) }
    expectTargetError("is a directory: give the name of the image") {
      try restore(to: "out", replacing: replacing)
    }
    #expect(try leftovers() == [])
  }

  @Test("an image that somebody has locked or open for writing is not replaced")
  func inUse() throws {
    let path = directory.appending("out/disk")
    try writeFile([1, 2, 3], to: path)
    for locking in [true, false] {
      let file = try File.openForWriting(path)
      if locking { try file.lock() }
      #expect(throws: MachineRunsError.self) { try restore(to: "out/disk", replacing: true) }
      _ = consume file
    }
    #expect(try readFile(path) == [1, 2, 3] && leftovers() == ["disk"])
    try restore(to: "out/disk", replacing: true)
  }

  @Test("what a restore left that was killed is removed by the next to the same name, and no more")
  func abandoned() throws {
    let others = [".disk.live.partial", ".disk.partial", ".disk.7.part", ".other.7.partial"]
    for name in others + [".disk.7.partial", ".disk.8.partial"] {
      try writeFile([1], to: directory.appending("out/\(name)"))
    }
    let running = try File.openForWriting(directory.appending("out/.disk.8.partial"))
    try running.lock()
    try restore(to: "out/disk")
    #expect(try Set(leftovers()) == Set(others + [".disk.8.partial", "disk"]))
    _ = consume running
  }

  @Test("a restore that is stopped leaves no file and what was there before")
  func stopped() throws {
    let cancellation = Cancellation()
    cancellation.request()
    try writeFile([7], to: directory.appending("out/old"))
    #expect(throws: Cancelled.self) {
      try restore(to: "out/old", replacing: true, cancellation: cancellation)
    }
    #expect(try leftovers() == ["old"] && readFile(directory.appending("out/old")) == [7])
  }

  @Test("a flipped bit anywhere in the packs gives the right disk or an error and no file")
  func damagedPack() throws {
    var random = Seed.ofThisRun.random
    let packs = try vault.firstTier.stores[0].list(.packs)
    for _ in 0..<40 {
      let pack = packs[random.below(packs.count)]
      let file = directory.appending("vault").appending(pack.path.description)
      let good = try readFile(file)
      var bad = good
      bad[random.below(bad.count)] ^= 1 << UInt8(random.below(8))
      try overwriteFile(file, with: bad)
      do {
        try restore(to: "out/disk", replacing: true)
        expectSame(try readFile(directory.appending("out/disk")), bytes, "\(Seed.ofThisRun)")
        try removeFile(directory.appending("out/disk"))
      } catch {
        #expect("\(error)".contains(pack.path.name(without: ".pack")!), "\(Seed.ofThisRun)")
      }
      #expect(try leftovers() == [], "\(Seed.ofThisRun)")
      try overwriteFile(file, with: good)
    }
  }

  @Test("a disk whose point says what cannot be is refused without a file", arguments: 0..<4)
  func hostilePoint(number: Int) throws {
    #expect(throws: (any Error).self) {
      try restore(to: "out/disk") { disk in
        switch number {
        case 0: disk.root = "no digest"
        case 1: disk.root = digest(5).description
        case 2: disk.size = 1 << 62
        default: disk.size = 100
        }
      }
    }
    #expect(try leftovers() == [])
  }

  private func expectTargetError(_ text: String, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("nothing was thrown, not \"\(text)\"")
    } catch {
      #expect(error is TargetError)
      #expect("\(error)".contains(text))
    }
  }
}
