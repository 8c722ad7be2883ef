import Bytes
import Chunking
import Compression
import Encryption
import Files
import Hashing
import Stores
import SystemPackage
import TestSupport
import Tiers

@testable import Vaults

/// A vault, the machines that it protects, and what it has promised.
///
/// The model is plain: which bytes each point has, which stores have to give it back.
final class World {
  let shape: Shape
  let images: FilePath
  private(set) var stores: [SimulatedStore] = []
  var machines: [SimulatedMachine] = []
  var points: [SimulatedPoint] = []
  /// The point of each document that was seen in any store.
  var numbers: [ObjectPath: Int] = [:]
  /// Points of which a tier has lost a part without knowing it.
  var forgotten: [Tier.Name: Set<Int>] = [:]
  var log: [String] = []
  /// Seconds since 1970; goes on with every backup.
  var clock: Int64 = 1_000_000
  private var descriptor: VaultDescriptor
  /// What opens the vault; nil where it is not encrypted.
  private let key: Secret?
  private var protection = ContentProtection.none

  /// - Parameters:
  ///   - images: an empty directory for the machines' disks, and for the stores if they are to lie
  ///     on disk.
  init(_ shape: Shape, in images: FilePath, random: inout SeededRandom) throws {
    self.shape = shape
    self.images = images
    descriptor = VaultDescriptor(
      redundancy: shape.redundancy, sizes: ChunkSizes(average: 16_384)!,
      compression: CompressionSetting(shape.compression)!, stores: [],
      created: Timestamp(secondsSince1970: clock))
    key = shape.isEncrypted ? Secret(copying: random.bytes(32).span.bytes) : nil
    if shape.isOnDisk { try makeDirectories() } else { try makeMemoryStores(&random) }
    for number in 0..<shape.machineCount {
      machines.append(SimulatedMachine(name: "m\(number + 1)", random: &random))
    }
  }

  private func makeMemoryStores(_ random: inout SeededRandom) throws {
    var digester = Digester()
    descriptor.chunking.seed = digester.digest(random.bytes(32).span.bytes).description
    for tier in Tier.Name.allCases {
      for number in 0..<shape.storeCount(of: tier) {
        let name = "\(tier.rawValue)-\(number + 1)"
        stores.append(SimulatedStore(tier, at: MemoryPlace(name: name)))
      }
    }
    descriptor.stores = stores.map { .init(tier: $0.tier, path: "/memory/\($0.name)") }
    guard let key else { return }
    descriptor.id = hexadecimal(random.bytes(16).span.bytes)
    protection = .encrypted(try descriptor.encrypt(key, under: .keyFile(key)))
  }

  private func makeDirectories() throws {
    var plan = Vault.Plan(path: images.appending("vault"))
    plan.redundancy = shape.redundancy
    plan.sizes = ChunkSizes(average: 16_384)!
    plan.compression = CompressionSetting(shape.compression)!
    if shape.hasSnapshots { plan.snapshots = images.appending("snapshots") }
    plan.credential = key.map { .keyFile($0) }
    plan.secondaries = (0..<shape.secondaryCount).map { images.appending("secondary-\($0 + 1)") }
    let vault = try Vault.create(plan, now: Timestamp(secondsSince1970: clock))
    descriptor = vault.descriptor
    protection = vault.protection
    stores = descriptor.stores.map { store in
      SimulatedStore(store.tier, at: DirectoryPlace(FilePath(store.path)))
    }
  }

  // MARK: what there is

  func stores(of tier: Tier.Name) -> [SimulatedStore] { stores.filter { $0.tier == tier } }

  var tiers: [Tier.Name] { Tier.Name.allCases.filter { shape.storeCount(of: $0) > 0 } }

  /// The stores of a tier that can be reached and have to give the point back.
  func promisers(of number: Int, in tier: Tier.Name) -> [SimulatedStore] {
    stores(of: tier).filter { !$0.isAway && $0.promised.contains(number) }
  }

  // MARK: opening the vault

  /// Opens the vault as a new process does, with the stores that are there.
  ///
  /// - Parameter hasKey: false for one that has no key, where the vault is encrypted.
  func openVault(
    _ notices: Notices, hasKey: Bool = true, random: inout SeededRandom
  ) throws -> Vault {
    if shape.isOnDisk {
      let present = stores.filter { !$0.isAway }
      guard !present.isEmpty else { throw VaultError.notAVault("no store is there") }
      return try Vault.open(
        FilePath(present[random.below(present.count)].name), notices: notices,
        unlocking: hasKey ? key.map { .keyFile($0) } : nil)
    }
    return try vault(with: stores.filter { !$0.isAway }, notices, hasKey: hasKey)
  }

  /// The vault as it is with these stores and no others.
  func vault(
    with present: [SimulatedStore], _ notices: Notices, hasKey: Bool = true
  ) throws -> Vault {
    let made = tiers.map { name in
      let own = stores(of: name)
      let there = own.filter { store in present.contains { $0 === store } }
      let absent = own.filter { store in !present.contains { $0 === store } }
      return Tier(
        name, stores: there.map { $0.place.open() },
        absent: absent.map { AbsentStore(name: $0.name, reason: "it is away") },
        rule: shape.redundancy.rule(for: name, of: own.count),
        protection: shape.isEncrypted && !hasKey ? .locked : protection, notices: notices)
    }
    return try Vault(path: FilePath("/memory"), descriptor: descriptor, tiers: made)
  }
}

/// A machine and its disks as they are now.
struct SimulatedMachine {
  let name: String
  var disks: [DiskModel]

  init(name: String, random: inout SeededRandom) {
    self.name = name
    disks = (0...random.below(3) / 2).map { _ in
      DiskModel(
        byteCount: 4096 * (2 + random.below(15)), runs: 2 + random.below(3), random: &random)
    }
  }
}

/// A recovery point that was asked for, whether there came anything of it or not.
struct SimulatedPoint {
  let machine: String
  let disks: [[UInt8]]
  var path: ObjectPath?
  /// The tiers in which it was acknowledged.
  var acknowledged: Set<Tier.Name> = []
  /// Whether somebody ever began to delete it, whatever came of it.
  var wasDeleted = false
  /// Until when it can be brought back, in seconds since 1970; nil while nobody deleted it.
  var until: Int64?
  /// The same, also when it was brought back.
  var lastUntil: Int64?
  /// Whether nothing of it is promised any more.
  var isGone = false
}

/// Something that must never be.
struct Violation: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
