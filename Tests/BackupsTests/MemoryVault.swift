import Chunking
import Compression
import Encryption
import Stores
import SystemPackage
import TestSupport
import Tiers

@testable import Vaults

/// A vault with one tier of one store, in memory.
///
/// - Parameter keys: of a vault with the id `sample`; nil for one that is not encrypted.
func memoryVault(
  _ store: MemoryStore, keys: VaultKeys? = nil, isLocked: Bool = false
) throws -> Vault {
  store.place([0], at: .descriptor)
  var descriptor = VaultDescriptor(
    redundancy: .single, sizes: .standard, compression: .standard,
    stores: [.init(tier: .vault, path: "/memory")], created: Timestamp(secondsSince1970: 0))
  var protection = ContentProtection.none
  if let keys {
    descriptor.id = "sample"
    _ = try descriptor.encrypt(keys.master, under: .keyFile(keys.master))
    protection = isLocked ? .locked : .encrypted(keys)
  }
  return try Vault(
    path: FilePath("/memory"), descriptor: descriptor,
    tiers: [Tier(.vault, stores: [store], protection: protection)])
}

/// Keys of a vault that ``memoryVault(_:keys:isLocked:)`` makes.
func sampleKeys() -> VaultKeys {
  VaultKeys(master: .random(byteCount: Secret.keyByteCount), vault: "sample")
}
