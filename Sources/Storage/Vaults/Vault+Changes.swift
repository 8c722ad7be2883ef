internal import Encryption
internal import Stores
internal import SystemPackage
package import Tiers

/// Changes of what a vault is: its descriptor, in all of its stores.
extension Vault {
  /// Changes the descriptor as it is at this moment, while nobody else does.
  ///
  /// Where a file system has no locks, two changes at one moment show as ``changedMeanwhile``.
  ///
  /// - Parameters:
  ///   - places: directories besides the vault's own that are told.
  ///   - body: what the descriptor of the vault as it is now becomes.
  /// - Returns: the vault as it is then.
  /// - Throws: ``LockedError``, since a descriptor is authenticated with the vault's key;
  ///   ``VaultError/beingChanged(_:)``, ``VaultError/changedMeanwhile``; what `body` throws.
  func change(
    notices: Notices, alsoIn others: [FilePath] = [],
    _ body: (_ now: Vault) throws -> VaultDescriptor
  ) throws -> Vault {
    try requireKey()
    let lock = try DescriptorLock(places + others + [path])
    try withExtendedLifetime(lock) {
      // What is wrong with the stores was told when the vault was opened.
      let now = try latest(notices: Notices())
      try now.publish(try body(now), notices: notices)
    }
    return try reopened(notices: notices)
  }

  /// This vault as its stores describe it now: itself, unless somebody has changed it meanwhile.
  package func latest(notices: Notices) throws -> Vault {
    // A vault in memory has no place where it could be looked at again.
    guard !places.isEmpty else { return self }
    let now = try reopened(notices: notices)
    return now.descriptor.revision == descriptor.revision ? self : now
  }

  private func reopened(notices: Notices) throws -> Vault {
    try Vault.open(
      path, patience: patience, notices: notices,
      unlocking: protection.keys.map { .master($0.master) }, sharing: leases)
  }

  /// Writes `changed` to every directory of the vault, with the next revision.
  private func publish(_ changed: VaultDescriptor, notices: Notices) throws {
    var renewed = changed
    renewed.revision += 1
    renewed.tier = nil
    if let keys = protection.keys { renewed.authenticate(with: keys) }
    var told: Set<FilePath> = []
    for store in renewed.stores {
      renewed.tier = store.tier
      told.insert(FilePath(store.path))
      try tell(FilePath(store.path), renewed, notices: notices)
    }
    renewed.tier = nil
    for path in places + [path] where told.insert(path).inserted {
      try tell(path, renewed, notices: notices)
    }
    // Whom no lock kept out may have written after this.
    for path in told { _ = try isVaultsOwn(path, nowHolding: renewed, notices: notices) }
  }

  private func tell(
    _ path: FilePath, _ descriptor: VaultDescriptor, notices: Notices
  ) throws {
    guard try isVaultsOwn(path, nowHolding: descriptor, notices: notices) else { return }
    do throws(StoreError) { try DirectoryStore(path).putDescriptor(descriptor) } catch {
      notices.add("\(error)")
    }
  }

  /// Whether a directory can be told of changes: it is there, and of this vault.
  ///
  /// - Throws: ``VaultError/changedMeanwhile`` where it holds what is as new as `descriptor` and
  ///   says something else.
  private func isVaultsOwn(
    _ path: FilePath, nowHolding descriptor: VaultDescriptor, notices: Notices
  ) throws -> Bool {
    let present: VaultDescriptor?
    do {
      present = try DirectoryStore(path).readDescriptor(notices: notices)
    } catch VaultError.damaged {
      return true
    } catch {
      notices.add("\(error)")
      return false
    }
    guard let present, present.id == descriptor.id else { return false }
    let isForged = protection.keys.map { !present.isAuthentic($0) } ?? false
    if !isForged, present.revision >= descriptor.revision,
      present.withoutTier != descriptor.withoutTier
    {
      throw VaultError.changedMeanwhile
    }
    return true
  }
}
