package import Chunking
package import Compression
internal import Encryption
internal import Files
internal import Stores
package import SystemPackage
internal import Tiers

extension Vault {
  /// How a new vault shall be.
  package struct Plan: Sendable {
    package var path: FilePath
    package var snapshots: FilePath?
    package var redundancy = Redundancy.single
    /// The stores of the vault tier; none for stores under ``path``.
    package var copies: [FilePath] = []
    package var secondaries: [FilePath] = []
    package var sizes = ChunkSizes.standard
    package var compression = CompressionSetting.standard
    /// What opens the vault, which is then encrypted; nil for one that is not.
    package var credential: Credential?
    /// What the first key slot is called.
    package var keyLabel: String?

    package init(path: FilePath) { self.path = path }
  }

  /// Makes an empty vault: a directory for each store, with the descriptor in it. Where that fails,
  /// what it made is gone again, and it can be run once more.
  ///
  /// - Throws: ``VaultError/exists(_:)`` where a directory holds something already; ``StoreError``,
  ///   ``FileError``.
  package static func create(_ plan: Plan, now: Timestamp) throws -> Vault {
    let home = try absolutePath(plan.path)
    let stores = try plan.stores(home: home)
    var descriptor = VaultDescriptor(
      redundancy: plan.redundancy, sizes: plan.sizes, compression: plan.compression,
      home: home.string, stores: stores, created: now)
    let keys = try plan.credential.map { credential in
      try descriptor.encrypt(
        .random(byteCount: Secret.keyByteCount), under: credential, label: plan.keyLabel)
    }
    let paths = stores.map { FilePath($0.path) }
    for path in paths + [home] {
      if let status = try fileStatus(path), status.kind != .directory {
        throw VaultError.notADirectory(path.string)
      }
    }
    try refuseOverlap(paths, home: home)
    let places = paths.contains(home) ? paths : paths + [home]
    for path in places where try !DirectoryStore.isBegun(at: path) {
      throw VaultError.exists(path.string)
    }
    let missing = try places.filter { try fileStatus($0) == nil }
    do {
      for store in stores {
        descriptor.tier = store.tier
        try makeStore(at: FilePath(store.path), descriptor)
      }
      if !paths.contains(home) {
        descriptor.tier = nil
        try makeDirectory(home)
        try DirectoryStore(home).putDescriptor(descriptor)
      }
    } catch {
      for path in places {
        unmakeStore(at: path, of: descriptor.id, wasMissing: missing.contains(path))
      }
      throw error
    }
    return try open(plan.path, unlocking: keys.map { .master($0.master) })
  }

  /// Removes a store of a vault that could not be made. What cannot be removed stays: the failure
  /// that led here is what matters.
  private static func unmakeStore(at path: FilePath, of id: String, wasMissing: Bool) {
    let store = DirectoryStore(path)
    do {
      // Somebody else may have made a vault there at the same moment.
      if let found = try store.readDescriptor(notices: Notices()), found.id != id { return }
      for descriptor in [ObjectPath.descriptor, .descriptorCopy] { try store.delete(descriptor) }
      for folder in ObjectFolder.allCases {
        try removeEmptyDirectory(path.appending(folder.rawValue))
      }
      if wasMissing { try removeEmptyDirectory(path) }
    } catch { return }
  }

  /// Makes an empty store.
  static func makeStore(at path: FilePath, _ descriptor: VaultDescriptor) throws {
    try makeDirectory(path)
    for folder in ObjectFolder.allCases { try makeDirectory(path.appending(folder.rawValue)) }
    try DirectoryStore(path).putDescriptor(descriptor)
  }

  /// Refuses stores of which one is, or lies in, another, whatever names lead there.
  ///
  /// - Parameter home: a directory that may hold stores, and must not lie in one.
  static func refuseOverlap(_ paths: [FilePath], home: FilePath?) throws {
    let real = try paths.map { try realPath($0) }
    for (number, path) in real.enumerated() {
      for other in real[..<number] {
        // A directory that is mounted twice has two paths.
        let isSame = try path == other || areOneFile(path, other)
        guard isSame || path.starts(with: other) || other.starts(with: path) else { continue }
        throw VaultError.unsupported(
          isSame
            ? "\(path) is named as two stores: each copy needs a directory of its own"
            : "the stores \(other) and \(path) lie inside one another: each copy needs a "
              + "directory of its own")
      }
    }
    guard let home = try home.map({ try realPath($0) }) else { return }
    for path in real where home != path && home.starts(with: path) {
      throw VaultError.unsupported("\(home) lies inside the store \(path): choose another place")
    }
  }
}

extension Vault.Plan {
  fileprivate func stores(home: FilePath) throws -> [VaultDescriptor.StoreDescriptor] {
    var stores: [VaultDescriptor.StoreDescriptor] = []
    if let snapshots {
      stores.append(.init(tier: .snapshot, path: try absolutePath(snapshots).string))
    }
    stores += try vaultStores(home: home).map { .init(tier: .vault, path: $0.string) }
    if redundancy == .grs, secondaries.isEmpty {
      throw VaultError.unsupported(
        "redundancy grs keeps copies in another region: name it with --secondary DIR")
    }
    if redundancy != .grs, !secondaries.isEmpty {
      throw VaultError.unsupported(
        "redundancy \(redundancy.rawValue) has no secondary region: choose --redundancy grs")
    }
    if secondaries.count > 3 {
      throw VaultError.unsupported("a secondary region has one to three stores")
    }
    for path in secondaries {
      stores.append(.init(tier: .secondary, path: try absolutePath(path).string))
    }
    return stores
  }

  /// The directories of the vault tier: those that were named, else ones under the vault's own.
  private func vaultStores(home: FilePath) throws -> [FilePath] {
    let named = try copies.map { try absolutePath($0) }
    let wanted = redundancy.copyCount
    switch named.count {
    case 0 where wanted == 1: return [home]
    case 0: return (1...wanted).map { home.appending("copy-\($0)") }
    case wanted: return named
    case wanted - 1 where !named.contains(home): return [home] + named
    default:
      throw VaultError.unsupported(
        "redundancy \(redundancy.rawValue) keeps \(wanted) \(wanted == 1 ? "copy" : "copies"), "
          + "and --copy names \(named.count)")
    }
  }
}
