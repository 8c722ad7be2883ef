import Backups
import DiskImages
import Files
import Machines
import Stores
import SystemPackage
import TestSupport
import Tiers
import Vaults
import Workers

@testable import Restores

/// A machine of a raw disk, a fixed VHD and NVRAM that was backed up and has changed since.
struct InPlaceBench {
  let directory: TemporaryDirectory
  let vault: Vault
  var point: RecoveryPoint
  /// What the point has, and what the machine has, by the files' names.
  let backedUp: [String: [UInt8]]
  let changed: [String: [UInt8]]
  let notices = Notices()
  var now = Timestamp(secondsSince1970: 1_800_000_000)

  static let files = ["root.img", "data.vhd", "vars.fd"]

  /// - Parameter excluded: disks that the point leaves out.
  init(excluded: [String] = []) throws {
    var random = Seed.ofThisRun.random
    let directory = try TemporaryDirectory()
    self.directory = directory
    try makeDirectory(directory.appending("images"))
    let data = DiskModel(byteCount: 512 * 1500, runs: 6, random: &random).bytes
    backedUp = [
      "root.img": DiskModel(byteCount: 700_001, runs: 6, random: &random).bytes,
      "data.vhd": data + Self.footer(data.count), "vars.fd": random.bytes(5000),
    ]
    changed = [
      "root.img": random.bytes(300_000), "data.vhd": random.bytes(1024) + Self.footer(1024),
      "vars.fd": random.bytes(5000),
    ]
    let definition = """
      {"name": "m", "disks": [{"name": "root", "role": "os", "path": "images/root.img"},
       {"name": "data", "path": "images/data.vhd"}], "nvram": "images/vars.fd"}
      """
    try writeFile(Array(definition.utf8), to: directory.appending("m.json"))
    for (name, bytes) in backedUp {
      try writeFile(bytes, to: directory.appending("images/\(name)"))
    }
    vault = try Vault.create(Vault.Plan(path: directory.appending("vault")), now: .now)
    let protected = try ProtectedMachine(
      definedBy: directory.appending("m.json"), selection: DiskSelection(exclude: excluded))
    point = try Backup(machine: "m", disks: .defined(protected)).run(
      vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
    for (name, bytes) in changed { try writeFile(bytes, to: path(name)) }
  }

  private static func footer(_ byteCount: Int) -> [UInt8] {
    let uuid = (0..<16).map { UInt8($0) }
    return fixedVHDFooter(diskByteCount: UInt64(byteCount), timestamp: 7, uuid: uuid)
  }

  func path(_ name: String) -> FilePath { directory.appending("images/\(name)") }

  func disk(_ name: String, _ file: String) -> Machine.Disk {
    Machine.Disk(name: name, source: path(file).string)
  }

  var disks: [Machine.Disk] { [disk("root", "root.img"), disk("data", "data.vhd")] }

  /// A restore of the point over the machine as its definition describes it.
  func restore(_ present: [Machine.Disk]? = nil) -> InPlaceRestore {
    var restore = InPlaceRestore(point, present: present ?? disks)
    restore.nvram = path("vars.fd")
    restore.now = now
    return restore
  }

  @discardableResult
  func run(
    _ restore: InPlaceRestore, cancellation: Cancellation = Cancellation()
  ) throws -> SwapJournal {
    let open = try OpenTier(vault.firstTier, notices: notices)
    return try restore.run(from: open, progress: Progress(), cancellation: cancellation)
  }

  /// The names beside the images, in order.
  func names() throws -> [String] { try directoryEntries(directory.appending("images")) ?? [] }

  /// What an old image is called after a restore, `later` seconds after ``now``.
  func replaced(_ name: String, later: Int64 = 0) -> String {
    "\(name).replaced-\(Timestamp(secondsSince1970: now.secondsSince1970 + later))"
  }

  func has(_ name: String, _ bytes: [UInt8]?) throws -> Bool {
    guard let bytes else { return try fileStatus(path(name)) == nil }
    return areEqual(try readFile(path(name)), bytes)
  }

  /// Whether the machine is as it was before any restore, and nothing lies beside it.
  func isUntouched(besides others: [String] = []) throws -> Bool {
    let isSame = try Self.files.allSatisfy { try has($0, changed[$0]) }
    return try isSame && names() == (Self.files + others).sorted()
  }

  /// Overwrites all but the head and the directory of each pack.
  func spoilPacks() throws {
    for pack in try vault.firstTier.stores[0].list(.packs) {
      let file = directory.appending("vault").appending(pack.path.description)
      var bytes = try readFile(file)
      for place in stride(from: 200, to: bytes.count / 2, by: 100) { bytes[place] ^= 0x55 }
      try overwriteFile(file, with: bytes)
    }
  }
}
