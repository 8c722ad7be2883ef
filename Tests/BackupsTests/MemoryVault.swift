import Chunking
import Compression
import Stores
import SystemPackage
import TestSupport
import Tiers

@testable import Vaults

/// A vault with one tier of one store, in memory.
func memoryVault(_ store: MemoryStore) throws -> Vault {
  store.place([0], at: .descriptor)
  let descriptor = VaultDescriptor(
    redundancy: .single, sizes: .standard, compression: .standard,
    stores: [.init(tier: .vault, path: "/memory")], created: Timestamp(secondsSince1970: 0))
  return try Vault(
    path: FilePath("/memory"), descriptor: descriptor, tiers: [Tier(.vault, stores: [store])])
}
