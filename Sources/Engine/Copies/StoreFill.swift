internal import Bytes
internal import Hashing
internal import Packs
package import Stores
package import Tiers
internal import Vaults
package import Workers

/// Gives a store everything that a tier holds, every byte checked on the way: how a copy is made or
/// replaced while backups go on.
///
/// What is there already is left, so that one that was stopped goes on where it was.
package struct StoreFill {
  package let store: any Store
  package let source: OpenTier
  package var workerCount = availableCores()

  package init(_ store: any Store, from source: OpenTier) {
    self.store = store
    self.source = source
  }

  /// - Returns: bytes that were copied.
  /// - Throws: ``PackError`` where no store gives a pack; ``StoreError``, ``Cancelled``.
  @discardableResult
  package func run(progress: Progress, cancellation: Cancellation) throws -> UInt64 {
    let packs = try lacking(in: .packs)
    progress.expect(packs.reduce(0) { $0 + $1.byteCount })
    let pool = OpenTier.makePackPool()
    let store = store
    let source = source
    try share(
      packs, among: workerCount, cancellation: cancellation.child(),
      makeWorker: { PackFill(store, source, pool) },
      each: { fill, object in
        try cancellation.check()
        try fill.copy(object.path)
        progress.advance(object.byteCount)
      })
    var digester = Digester()
    for object in try lacking(in: .index) {
      guard let name = object.path.segment,
        let (bytes, _) = goodSegment(name, among: source.tier.stores, &digester)
      else { continue }
      try store.put(bytes.span.bytes, at: object.path)
    }
    let documents = DocumentCoder(source.tier.protection)
    for folder in [ObjectFolder.locks, .trash, .points, .machines] {
      for object in try lacking(in: folder) {
        guard let found = goodDocument(object.path, among: source.tier.stores, documents) else {
          continue
        }
        try store.put(found.bytes.span.bytes, at: object.path)
      }
    }
    return packs.reduce(0) { $0 + $1.byteCount }
  }

  /// What the tier has in a folder and the store does not.
  private func lacking(in folder: ObjectFolder) throws(StoreError) -> [ListedObject] {
    var own: [ObjectPath: UInt64] = [:]
    for object in try store.list(folder) { own[object.path] = object.byteCount }
    var found: [ObjectPath: ListedObject] = [:]
    for (_, objects) in try list(folder, of: source.tier.stores, notices: source.notices) {
      for object in objects
      where object.path.isObject(in: folder) && own[object.path] != object.byteCount {
        found[object.path] = object
      }
    }
    return found.values.sorted { $0.path < $1.path }
  }
}

/// Copies packs; one for each thread.
private struct PackFill: ~Copyable {
  private let store: any Store
  private let source: OpenTier
  private let pool: BufferPool
  private var digester = Digester()

  init(_ store: any Store, _ source: OpenTier, _ pool: BufferPool) {
    self.store = store
    self.source = source
    self.pool = pool
  }

  mutating func copy(_ path: ObjectPath) throws {
    guard let id = path.pack else { return }
    let pack: SealedPack
    do throws(PackError) {
      pack = try source.wholePack(id, pool: pool, digester: &digester)
    } catch { return try copyDamaged(path, error) }
    let store = store
    try pack.withBytes { bytes throws(StoreError) in try store.put(bytes, at: path) }
  }

  /// Copies what is left of a pack that no store has whole: its good records can be read still.
  private func copyDamaged(_ path: ObjectPath, _ damage: PackError) throws {
    for other in source.tier.stores {
      guard let bytes = try? other.readAll(path, limit: PackFormat.maximumByteCount) else {
        continue
      }
      source.notices.add("\(damage); copied as it is", of: "damaged packs, copied as they are")
      return try store.put(bytes.span.bytes, at: path)
    }
    throw damage
  }
}
