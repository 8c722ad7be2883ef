import Backups
import Chunking
import Compression
import Copies
import Encryption
import Files
import Hashing
import Maintenance
import Restores
import Stores
import SystemPackage
import TestSupport
import Tiers
import Workers

@testable import Vaults

/// A vault in memory with what a test does to it: damage it, scrub it, and see what is left.
struct ScrubBench {
  let copies = (0..<3).map { MemoryStore(name: "copy \($0)") }
  let far = MemoryStore(name: "far")
  let vault: Vault
  let notices = Notices()
  private let directory: TemporaryDirectory

  /// - Parameter hasSecondary: whether there is another tier to heal from.
  init(hasSecondary: Bool = false, isEncrypted: Bool = false) throws {
    directory = try TemporaryDirectory()
    var descriptor = VaultDescriptor(
      redundancy: hasSecondary ? .grs : .lrs, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/v")], created: Timestamp(secondsSince1970: 0))
    var protection = ContentProtection.none
    if isEncrypted {
      let master = Secret.random(byteCount: Secret.keyByteCount)
      protection = .encrypted(try descriptor.encrypt(master, under: .keyFile(master)))
    }
    var tiers = [Tier(.vault, stores: copies, protection: protection)]
    if hasSecondary { tiers.append(Tier(.secondary, stores: [far], protection: protection)) }
    vault = try Vault(path: FilePath("/v"), descriptor: descriptor, tiers: tiers)
  }

  /// All stores that the vault consists of.
  var stores: [MemoryStore] { vault.tiers.count > 1 ? copies + [far] : copies }

  @discardableResult
  func backUp(_ bytes: [UInt8], in other: Vault? = nil) throws -> RecoveryPoint {
    let image = directory.appending("disk.img")
    try writeFile(bytes, to: image)
    return try Backup(machine: "web01", sources: [Backup.Source(name: "root", path: image)])
      .run(
        vault: other ?? vault, notices: notices, progress: Progress(),
        cancellation: Cancellation())
  }

  func replicate(_ points: [RecoveryPoint]) throws {
    let target = try OpenTier(vault.require(.secondary), notices: notices, for: .writing)
    _ = try PointCopy(vault: vault, from: OpenTier(vault.firstTier, notices: notices), to: target)
      .run(points, progress: Progress(), cancellation: Cancellation())
  }

  /// The vault as whoever has no key opens it.
  func locked() throws -> Vault {
    try Vault(
      path: vault.path, descriptor: vault.descriptor,
      tiers: vault.tiers.map { Tier($0.name, stores: $0.stores, protection: .locked) })
  }

  /// - Parameter hasKey: false for a scrub of an encrypted vault by somebody who has no key.
  func scrub(
    repairs: Bool = false, restarts: Bool = false, hasKey: Bool = true
  ) throws -> Scrub.Report {
    var scrub = Scrub(hasKey ? vault : try locked(), notices: notices)
    scrub.repairs = repairs
    scrub.restarts = restarts
    return try scrub.run(progress: Progress(), cancellation: Cancellation())
  }

  func restore(_ point: RecoveryPoint) throws -> [UInt8] {
    let target = directory.appending("restored.img")
    var restore = DiskRestore(disk: point.disks[0], target: target)
    restore.replacing = true
    let open = try OpenTier(vault.firstTier, notices: notices, healing: false)
    try restore.run(from: open, progress: Progress(), cancellation: Cancellation())
    return try readFile(target)
  }

  /// Whether all copies hold the same objects with the same bytes.
  var areCopiesEqual: Bool { copies.allSatisfy { contents(of: $0) == contents(of: copies[0]) } }

  func contents(of store: MemoryStore) -> [ObjectPath: [UInt8]] {
    var found: [ObjectPath: [UInt8]] = [:]
    for folder in ObjectFolder.kept {
      for path in store.paths(in: folder) { found[path] = store.bytes(at: path) }
    }
    return found
  }

  /// The pack with the chunks.
  var chunkPack: ObjectPath {
    copies[0].paths(in: .packs).max {
      copies[0].bytes(at: $0)!.count < copies[0].bytes(at: $1)!.count
    }!
  }
}

enum Harm: CaseIterable {
  case dropped, flipped, cutOff, emptied

  func strike(_ path: ObjectPath, in store: MemoryStore) {
    switch self {
    case .dropped: store.drop(path)
    case .flipped: store.flipBit(8 * (store.bytes(at: path)!.count - 80) + 3, of: path)
    case .cutOff: store.place(Array(store.bytes(at: path)!.dropLast(70)), at: path)
    case .emptied: store.place([], at: path)
    }
  }
}
