package import Chunking
package import Compression
internal import Files
internal import Stores
package import SystemPackage
package import Tiers

/// The whole: a descriptor and the tiers it names.
package final class Vault: Sendable {
  /// The store through which it was opened.
  package let path: FilePath
  package let descriptor: VaultDescriptor
  package let chunker: Chunker
  package let compression: CompressionSetting
  /// From the nearest to the farthest.
  package let tiers: [Tier]

  init(path: FilePath, descriptor: VaultDescriptor, tiers: [Tier]) throws(VaultError) {
    guard let chunker = descriptor.chunker, let compression = descriptor.compressionSetting,
      descriptor.identity == "sha256"
    else {
      throw VaultError.damaged(
        path.appending("vault.json").string, reason: "it names codecs that do not exist")
    }
    self.path = path
    self.descriptor = descriptor
    self.chunker = chunker
    self.compression = compression
    self.tiers = tiers
  }

  package func tier(_ name: Tier.Name) -> Tier? { tiers.first { $0.name == name } }

  /// Where backups go first: the snapshot tier where there is one.
  package var firstTier: Tier { tiers[0] }
}

// MARK: making

extension Vault {
  /// How a new vault shall be.
  package struct Plan: Sendable {
    package var path: FilePath
    package var snapshots: FilePath?
    package var redundancy = Redundancy.single
    package var sizes = ChunkSizes.standard
    package var compression = CompressionSetting.standard

    package init(path: FilePath) { self.path = path }
  }

  /// Makes an empty vault: a directory for each store, with the descriptor in it.
  ///
  /// - Throws: ``VaultError/exists(_:)`` where a directory holds something already; ``StoreError``,
  ///   ``FileError``.
  package static func create(_ plan: Plan, now: Timestamp) throws -> Vault {
    var stores: [VaultDescriptor.StoreDescriptor] = []
    if let snapshots = plan.snapshots {
      stores.append(.init(tier: .snapshot, path: try absolutePath(snapshots).string))
    }
    stores.append(.init(tier: .vault, path: try absolutePath(plan.path).string))
    var descriptor = VaultDescriptor(
      redundancy: plan.redundancy, sizes: plan.sizes, compression: plan.compression,
      stores: stores, created: now)
    try refuseOverlap(stores.map { FilePath($0.path) })
    for store in stores where try !(directoryEntries(FilePath(store.path)) ?? []).isEmpty {
      throw VaultError.exists(store.path)
    }
    for (number, store) in stores.enumerated() {
      let directory = FilePath(store.path)
      try makeDirectory(directory)
      for folder in ObjectFolder.allCases {
        try makeDirectory(directory.appending(folder.rawValue))
      }
      descriptor.store = number
      let document = SealedDocument.encode(descriptor)
      try DirectoryStore(directory).put(document.span.bytes, at: .descriptor)
    }
    return try open(plan.path)
  }

  private static func refuseOverlap(_ paths: [FilePath]) throws(VaultError) {
    for (number, path) in paths.enumerated() {
      for other in paths[..<number] where path.starts(with: other) || other.starts(with: path) {
        throw VaultError.unsupported(
          "the stores \(other) and \(path) lie inside one another: each copy needs a directory of "
            + "its own")
      }
    }
  }
}

// MARK: opening

extension Vault {
  /// Opens a vault through any of its stores, or through the directory that holds them.
  ///
  /// - Throws: ``VaultError``, ``StoreError``.
  package static func open(_ path: FilePath) throws -> Vault {
    let (directory, descriptor) = try findDescriptor(path)
    var tiers: [Tier] = []
    for name in Tier.Name.allCases {
      let stores = descriptor.stores.filter { $0.tier == name }
      guard !stores.isEmpty else { continue }
      tiers.append(
        Tier(
          name,
          stores: stores.map { store in
            DirectoryStore(locate(store, of: descriptor, openedAt: directory))
          }))
    }
    guard !tiers.isEmpty else {
      throw VaultError.damaged(
        directory.appending("vault.json").string, reason: "it names no store")
    }
    return try Vault(path: directory, descriptor: descriptor, tiers: tiers)
  }

  private static func findDescriptor(
    _ path: FilePath
  ) throws -> (FilePath, VaultDescriptor) {
    if let descriptor = try readDescriptor(path) { return (try absolutePath(path), descriptor) }
    var found: [(FilePath, VaultDescriptor)] = []
    for entry in (try directoryEntries(path)) ?? [] {
      let child = path.appending(entry)
      guard let descriptor = try readDescriptor(child) else { continue }
      found.append((try absolutePath(child), descriptor))
    }
    guard Set(found.map(\.1.id)).count < 2 else {
      throw VaultError.unsupported(
        "\(path) holds several vaults: name one of "
          + found.map(\.0.string).joined(separator: ", "))
    }
    if let first = found.first { return first }
    throw VaultError.notAVault(path.string)
  }

  private static func readDescriptor(_ path: FilePath) throws -> VaultDescriptor? {
    let store = DirectoryStore(path)
    guard try store.byteCount(of: .descriptor) != nil else { return nil }
    let bytes = try store.readAll(.descriptor, limit: 1 << 20)
    let name = path.appending("vault.json").string
    do {
      let format = try SealedDocument.decode(FormatOnly.self, from: bytes).format
      guard format <= VaultDescriptor.currentFormat else {
        throw VaultError.newer(path.string, format: format)
      }
      guard format > 0 else { throw DocumentDamage("there is no format \(format)") }
      return try SealedDocument.decode(VaultDescriptor.self, from: bytes)
    } catch let error as DocumentDamage {
      throw VaultError.damaged(name, reason: error.reason)
    }
  }

  /// What every version of the descriptor has.
  private struct FormatOnly: Decodable { var format: Int }

  /// Where a store is now. A vault that was moved or copied as a whole is found by how its stores
  /// lie to one another.
  private static func locate(
    _ store: VaultDescriptor.StoreDescriptor, of descriptor: VaultDescriptor,
    openedAt directory: FilePath
  ) -> FilePath {
    let recorded = FilePath(store.path)
    guard descriptor.stores.indices.contains(descriptor.store) else { return recorded }
    let own = FilePath(descriptor.stores[descriptor.store].path)
    if own == recorded { return directory }
    let moved = directory.pushing(relativePath(from: own, to: recorded)).lexicallyNormalized()
    return holdsDescriptor(moved) ? moved : recorded
  }

  private static func holdsDescriptor(_ directory: FilePath) -> Bool {
    do { return try fileStatus(directory.appending("vault.json")) != nil } catch { return false }
  }
}

/// The way from one absolute directory to another.
func relativePath(from start: FilePath, to end: FilePath) -> FilePath {
  let from = Array(start.components)
  let to = Array(end.components)
  var shared = 0
  while shared < min(from.count, to.count), from[shared] == to[shared] { shared += 1 }
  var path = FilePath()
  for _ in shared..<from.count { path.append("..") }
  for component in to[shared...] { path.append(component) }
  return path
}
