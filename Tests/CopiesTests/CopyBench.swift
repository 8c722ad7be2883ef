import Backups
import Chunking
import Compression
import Copies
import Encryption
import Files
import Restores
import Stores
import SystemPackage
import TestSupport
import Tiers
import Workers

@testable import Vaults

/// A vault with all three tiers in memory, and what a test does with it again and again.
struct CopyBench {
  let snapshots = MemoryStore(name: "snapshots")
  let copies = (0..<3).map { MemoryStore(name: "copy \($0)") }
  let far = (0..<2).map { MemoryStore(name: "far \($0)") }
  let vault: Vault
  let notices = Notices()
  private let directory: TemporaryDirectory

  init(isEncrypted: Bool = false) throws {
    directory = try TemporaryDirectory()
    var descriptor = VaultDescriptor(
      redundancy: .grs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v")], created: Timestamp(secondsSince1970: 0))
    var protection = ContentProtection.none
    if isEncrypted {
      let master = Secret.random(byteCount: Secret.keyByteCount)
      protection = .encrypted(try descriptor.encrypt(master, under: .keyFile(master)))
    }
    vault = try Vault(
      path: FilePath("/v"), descriptor: descriptor,
      tiers: [
        Tier(.snapshot, stores: [snapshots], protection: protection),
        Tier(.vault, stores: copies, protection: protection),
        Tier(.secondary, stores: far, rule: .atLeast(1), protection: protection),
      ])
  }

  /// The vault as whoever has no key opens it.
  func locked() throws -> Vault {
    try Vault(
      path: vault.path, descriptor: vault.descriptor,
      tiers: vault.tiers.map { tier in
        Tier(tier.name, stores: tier.stores, rule: tier.rule, protection: .locked)
      })
  }

  /// Takes a point into the snapshot tier.
  ///
  /// - Parameter secrets: what is in the machine's files with secrets, by their names.
  func backUp(
    _ bytes: [UInt8], of machine: String = "web01", secrets: [String: [UInt8]] = [:],
    now: Timestamp = .now
  ) throws -> RecoveryPoint {
    let image = directory.appending("disk.img")
    try writeFile(bytes, to: image)
    var backup = Backup(machine: machine, sources: [Backup.Source(name: "root", path: image)])
    backup.now = now
    for (name, secret) in secrets.sorted(by: { $0.key < $1.key }) {
      let path = directory.appending("\(name).secret")
      try writeFile(secret, to: path)
      backup.secrets.append(Backup.Source(name: name, path: path))
    }
    return try backup.run(
      vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
  }

  func open(_ name: Tier.Name, for purpose: OpenTier.Purpose = .reading) throws -> OpenTier {
    try OpenTier(vault.require(name), notices: notices, for: purpose)
  }

  @discardableResult
  func copy(
    _ points: [RecoveryPoint], from source: Tier.Name = .snapshot, to target: Tier.Name = .vault,
    _ cancellation: Cancellation = Cancellation()
  ) throws -> PointCopy.Report {
    try PointCopy(vault: vault, from: open(source), to: open(target, for: .writing))
      .run(points, progress: Progress(), cancellation: cancellation)
  }

  /// The point's disk as one tier alone gives it.
  func restore(_ point: RecoveryPoint, from tier: Tier.Name) throws -> [UInt8] {
    let target = directory.appending("restored.img")
    var restore = DiskRestore(disk: point.disks[0], target: target)
    restore.replacing = true
    try restore.run(from: open(tier), progress: Progress(), cancellation: Cancellation())
    return try readFile(target)
  }

  func tiers(of point: RecoveryPoint) throws -> [Tier.Name] {
    try vault.point(point.id, notices: notices).tiers
  }
}

extension MemoryStore {
  /// The largest pack: where the chunks are.
  var chunkPack: ObjectPath {
    paths(in: .packs).max { bytes(at: $0)!.count < bytes(at: $1)!.count }!
  }
}
