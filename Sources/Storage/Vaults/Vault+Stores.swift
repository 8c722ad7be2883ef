internal import Files
package import Stores
package import SystemPackage
package import Tiers

/// Changes to the set of stores that a vault consists of.
extension Vault {
  /// The tier to commit a point to, whose packs and index are written: where stores were added
  /// meanwhile, they get all of that first.
  package func latestForCommit(
    _ tier: Tier, notices: Notices
  ) throws -> (vault: Vault, tier: Tier) {
    let now = try latest(notices: notices)
    if now === self { return (self, tier) }
    let renewed = try now.require(tier.name)
    _ = try now.openForWriting(renewed, notices: notices)
    return (now, renewed)
  }

  /// The number of the store at `path`, where it is now or was when it was made; nil where none is.
  package func knownStoreNumber(at path: FilePath) throws -> Int? {
    let wanted = try absolutePath(path)
    return descriptor.stores.indices.first {
      places[$0] == wanted || FilePath(descriptor.stores[$0].path) == wanted
    }
  }

  /// - Throws: ``VaultError/unsupported(_:)`` with the stores that there are.
  package func storeNumber(at path: FilePath) throws -> Int {
    guard let found = try knownStoreNumber(at: path) else {
      throw VaultError.unsupported(
        "\(path) is no store of this vault; its stores are "
          + places.map(\.string).joined(separator: ", "))
    }
    return found
  }

  /// Refuses directories of which one is, or lies in, another one or a store of this vault.
  package func requireApart(_ paths: [FilePath]) throws {
    try Vault.refuseOverlap(places + paths.map { try absolutePath($0) }, home: nil)
  }

  /// Makes a directory ready to become a store, or takes one up that was begun before.
  ///
  /// - Parameter lost: the store in whose place it comes, which is lost.
  /// - Throws: ``VaultError`` where it holds something else, or lies in another store.
  package func prepareStore(
    at path: FilePath, in tier: Tier.Name, inPlaceOf lost: Int? = nil
  ) throws -> any Store {
    let path = try absolutePath(path)
    let others = places.indices.filter { $0 != lost }.map { places[$0] }
    try Vault.refuseOverlap(others + [path], home: nil)
    let store = DirectoryStore(path)
    if try DirectoryStore.isBegun(at: path) {
      var own = descriptor
      own.tier = tier
      try Vault.makeStore(at: path, own)
    } else {
      let found = try store.readDescriptor(notices: Notices())
      guard found?.id == descriptor.id else { throw VaultError.exists(path.string) }
    }
    return store
  }

  /// Makes `stores` the vault's from now on, and tells every directory that can be reached.
  ///
  /// A store that is let go keeps what it holds, and only tells of the others.
  /// - Returns: the vault as it is then.
  /// - Throws: ``VaultError/changedMeanwhile`` where this vault's stores are no longer what they
  ///   were; and what ``change(notices:alsoIn:_:)`` throws.
  package func restructure(
    _ redundancy: Redundancy, stores: [VaultDescriptor.StoreDescriptor], notices: Notices
  ) throws -> Vault {
    try change(notices: notices, alsoIn: stores.map { FilePath($0.path) }) { now in
      // Key slots may have changed while new stores were filled.
      guard now.currentStores == currentStores,
        now.descriptor.redundancy == descriptor.redundancy
      else { throw VaultError.changedMeanwhile }
      var renewed = now.descriptor
      renewed.redundancy = redundancy
      renewed.stores = stores
      return renewed
    }
  }

  /// The stores of the descriptor, each with the place where it is now.
  package var currentStores: [VaultDescriptor.StoreDescriptor] {
    zip(descriptor.stores, places).map { .init(tier: $0.tier, path: $1.string) }
  }

  /// Sets of stores that lie on one file system and so are lost together.
  package func storesOnOneFileSystem() throws -> [[FilePath]] {
    var devices: [UInt64: [FilePath]] = [:]
    for place in places {
      guard let device = try fileStatus(place)?.device else { continue }
      devices[device, default: []].append(place)
    }
    return devices.values.filter { $0.count > 1 }.sorted { $0[0].string < $1[0].string }
  }
}
