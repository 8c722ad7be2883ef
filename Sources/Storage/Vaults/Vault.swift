package import Chunking
package import Compression
package import Encryption
internal import Stores
package import SystemPackage
package import Tiers

/// The whole: a descriptor and the tiers it names.
package final class Vault: Sendable {
  /// The directory through which it was opened.
  package let path: FilePath
  package let descriptor: VaultDescriptor
  /// What it takes to read and write what is in the vault.
  package let protection: ContentProtection
  package let compression: CompressionSetting
  /// All that the descriptor names, from the nearest to the farthest; some may be out of reach.
  package let tiers: [Tier]
  /// Where each store of ``descriptor`` is now, in its order.
  package let places: [FilePath]
  /// How long a store may take to answer.
  let patience: Duration
  /// What keeps others from freeing what this one leans on.
  let leases: Leases

  private let cutter: Chunker?

  /// - Parameter tiers: all with one protection.
  package init(
    path: FilePath, descriptor: VaultDescriptor, tiers: [Tier], places: [FilePath] = [],
    patience: Duration = .seconds(20), leases: Leases = Leases()
  ) throws(VaultError) {
    protection = tiers.first?.protection ?? .none
    cutter = descriptor.chunker(protection.keys)
    guard cutter != nil || protection.isLocked, descriptor.isEncryptionSound,
      let compression = descriptor.compressionSetting
    else {
      throw VaultError.damaged(
        path.appending("vault.json").string, reason: "it names codecs that do not exist")
    }
    self.path = path
    self.descriptor = descriptor
    self.compression = compression
    self.tiers = tiers
    self.places = places
    self.patience = patience
    self.leases = leases
  }

  /// The vault's way to cut disks.
  ///
  /// - Throws: ``LockedError``.
  package func chunker() throws(LockedError) -> Chunker {
    guard let cutter else { throw LockedError() }
    return cutter
  }

  /// How points and machines are written and read.
  package var documents: DocumentCoder { DocumentCoder(protection) }

  /// Refuses a vault whose key is not at hand, before anything is begun that needs it.
  package func requireKey() throws(LockedError) {
    if protection.isLocked { throw LockedError() }
  }

  package func tier(_ name: Tier.Name) -> Tier? { tiers.first { $0.name == name } }

  /// - Throws: ``VaultError/tierMissing(_:)``.
  package func require(_ name: Tier.Name) throws(VaultError) -> Tier {
    guard let tier = tier(name) else { throw .tierMissing(name.rawValue) }
    return tier
  }

  /// The other tiers that can be read, the nearest first.
  package func tiers(besides tier: Tier) -> [Tier] {
    tiers.filter { $0.name != tier.name && !$0.stores.isEmpty }
  }

  /// Where backups go first: the snapshot tier where there is one.
  package var firstTier: Tier { tiers[0] }
}
