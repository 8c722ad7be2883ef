internal import Copies
internal import Stores
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Changes the stores that a vault consists of, while backups go on.
///
/// What becomes a store is filled first and then named in the descriptor, and is filled once more
/// with what was written meanwhile; what is let go is so last. Stopped at any moment the vault is
/// the old one or the new one, and the same command goes on.
package struct Restructuring {
  package let vault: Vault
  package let notices: Notices

  package init(of vault: Vault, notices: Notices) {
    self.vault = vault
    self.notices = notices
  }

  package struct Report: Sendable {
    package var vault: Vault
    /// Bytes of the packs that were copied.
    package var copiedBytes: UInt64 = 0
    /// Directories that belong to the vault no longer; what they hold is still there.
    package var released: [FilePath] = []
  }

  /// Adds a store to a tier.
  package func addCopy(
    at path: FilePath, to tier: Tier.Name, progress: Progress, cancellation: Cancellation
  ) throws -> Report {
    if try isStore(path, of: tier) {
      return try goOn(with: path, in: tier, progress, cancellation)
    }
    let stores = vault.currentStores + [try descriptor(of: path, in: tier)]
    return try change(to: stores, vault.descriptor.redundancy, progress, cancellation)
  }

  /// Puts a store in the place of another, which may be gone; in the same directory where that is
  /// empty now.
  package func replaceCopy(
    at old: FilePath, by new: FilePath, progress: Progress, cancellation: Cancellation
  ) throws -> Report {
    if try vault.knownStoreNumber(at: old) == nil,
      let made = try vault.knownStoreNumber(at: new)
    {
      return try goOn(with: new, in: vault.currentStores[made].tier, progress, cancellation)
    }
    let number = try vault.storeNumber(at: old)
    if try vault.knownStoreNumber(at: new) == number {
      return try renew(number, progress, cancellation)
    }
    var stores = vault.currentStores
    stores[number] = try descriptor(of: new, in: stores[number].tier)
    return try change(to: stores, vault.descriptor.redundancy, progress, cancellation)
  }

  /// Gives the vault another redundancy.
  ///
  /// - Parameters:
  ///   - copies: directories for the stores that the vault tier needs more.
  ///   - secondaries: directories for the secondary tier, where it needs one.
  package func convert(
    to redundancy: Redundancy, copies: [FilePath], secondaries: [FilePath], progress: Progress,
    cancellation: Cancellation
  ) throws -> Report {
    let copies = try copies.filter { try !isStore($0, of: .vault) }
    let secondaries = try secondaries.filter { try !isStore($0, of: .secondary) }
    var kept = vault.currentStores.filter { $0.tier == .vault }
    let lacking = redundancy.copyCount - kept.count
    guard copies.count == max(0, lacking) else {
      throw VaultError.unsupported(
        "redundancy \(redundancy.rawValue) keeps \(redundancy.copyCount) of them, the vault has "
          + "\(kept.count): name \(max(0, lacking)) with --copy DIR")
    }
    try vault.requireApart(copies + secondaries)
    // Where some have to go, those that cannot be used go first.
    let usable = Set(vault.tiers.flatMap { $0.stores.map(\.name) })
    kept = Array(
      (kept.filter { usable.contains($0.path) } + kept.filter { !usable.contains($0.path) })
        .prefix(redundancy.copyCount))
    let region = try secondaryStores(redundancy, secondaries)
    let added = try copies.map { try descriptor(of: $0, in: .vault) }
    let stores = vault.currentStores.filter { $0.tier == .snapshot } + kept + added + region
    var report = try change(to: stores, redundancy, progress, cancellation)
    if redundancy == .grs {
      let replicated = try Replication(vault: report.vault, notices: notices)
        .run(progress: progress, cancellation: cancellation)
      report.copiedBytes += replicated.sentBytes
    }
    return report
  }

  /// Fills a store that is lost in the directory where it was.
  private func renew(
    _ number: Int, _ progress: Progress, _ cancellation: Cancellation
  ) throws -> Report {
    let lost = vault.currentStores[number]
    guard vault.tier(lost.tier)?.stores.contains(where: { $0.name == lost.path }) == false else {
      throw VaultError.unsupported(
        "\(lost.path) is in use: heal it with `kluis scrub --repair`, or name another directory")
    }
    _ = try vault.prepareStore(at: FilePath(lost.path), in: lost.tier, inPlaceOf: number)
    let copied = try fill([lost], progress, cancellation)
    return Report(vault: vault, copiedBytes: copied)
  }

  /// Whether a directory is a store of the tier already: an earlier run of the same command was
  /// stopped after it had changed the vault.
  private func isStore(_ path: FilePath, of tier: Tier.Name) throws -> Bool {
    try vault.knownStoreNumber(at: path).map { vault.descriptor.stores[$0].tier } == tier
  }

  /// All that is left to do after such a run: gives the tier's stores what they miss.
  private func goOn(
    with path: FilePath, in tier: Tier.Name, _ progress: Progress, _ cancellation: Cancellation
  ) throws -> Report {
    notices.add("\(path) is a store of this vault already: it is only brought up to date")
    _ = try vault.openForWriting(
      try vault.require(tier), notices: notices, progress: progress, cancellation: cancellation)
    return Report(vault: vault)
  }

  private func secondaryStores(
    _ redundancy: Redundancy, _ named: [FilePath]
  ) throws -> [VaultDescriptor.StoreDescriptor] {
    let present = vault.currentStores.filter { $0.tier == .secondary }
    guard redundancy == .grs else {
      guard named.isEmpty else {
        throw VaultError.unsupported("only redundancy grs has a secondary region")
      }
      return []
    }
    guard present.isEmpty || named.isEmpty else {
      throw VaultError.unsupported("the vault has a secondary region: see `kluis add-copy`")
    }
    if present.isEmpty, named.isEmpty {
      throw VaultError.unsupported(
        "redundancy grs keeps copies in another region: name it with --secondary DIR")
    }
    return try present + named.map { try descriptor(of: $0, in: .secondary) }
  }

  private func descriptor(
    of path: FilePath, in tier: Tier.Name
  ) throws -> VaultDescriptor.StoreDescriptor {
    let store = try vault.prepareStore(at: path, in: tier)
    return .init(tier: tier, path: store.name)
  }

  private func change(
    to stores: [VaultDescriptor.StoreDescriptor], _ redundancy: Redundancy,
    _ progress: Progress, _ cancellation: Cancellation
  ) throws -> Report {
    try vault.requireKey()
    let before = vault.currentStores
    let added = stores.filter { !before.contains($0) }
    let released = before.filter { !stores.contains($0) }
    var copied = try fill(added, progress, cancellation)
    try requireWhole(stores, beforeReleasing: released, progress, cancellation)
    let renewed = try vault.restructure(redundancy, stores: stores, notices: notices)
    // Backups that ran meanwhile wrote to the stores that there were when they began.
    copied += try fill(added, Progress(), cancellation)
    return Report(
      vault: renewed, copiedBytes: copied, released: released.map { FilePath($0.path) })
  }

  private func fill(
    _ added: [VaultDescriptor.StoreDescriptor], _ progress: Progress, _ cancellation: Cancellation
  ) throws -> UInt64 {
    var copied: UInt64 = 0
    for descriptor in added {
      // A secondary tier that is new is filled by replication.
      guard let tier = vault.tier(descriptor.tier), !tier.stores.isEmpty else { continue }
      try vault.holdLease(on: tier, notices: notices)
      let source = try OpenTier(
        tier, notices: notices, otherTiers: vault.tiers(besides: tier))
      let store = DirectoryStore(FilePath(descriptor.path))
      copied += try StoreFill(store, from: source)
        .run(progress: progress, cancellation: cancellation)
    }
    return copied
  }

  /// Reads all of what stays before anything of its tier is let go.
  private func requireWhole(
    _ stores: [VaultDescriptor.StoreDescriptor],
    beforeReleasing released: [VaultDescriptor.StoreDescriptor], _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    let present = Set(vault.tiers.flatMap { $0.stores.map(\.name) })
    // What is gone anyway takes nothing away, and what is replaced was read while it was copied.
    guard released.contains(where: { present.contains($0.path) }) else { return }
    var scrub = Scrub(vault, notices: notices)
    scrub.settling = .seconds(2)
    let report = try scrub.run(progress: progress, cancellation: cancellation)
    let kept = Set(stores.map(\.path))
    for store in report.stores where kept.contains(store.store) && !store.problems.isEmpty {
      throw VaultError.damaged(
        "store \(store.store)",
        reason: "\(store.problems.count) objects are missing or damaged; run `kluis scrub "
          + "--repair` before a copy is let go")
    }
  }
}
