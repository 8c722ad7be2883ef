internal import Encryption
internal import Glibc
package import Stores
package import Tiers

extension Tier {
  /// Which stores have each object of a folder, in the order in which reads ask them.
  func holders(
    of folder: ObjectFolder, notices: Notices
  ) throws(StoreError) -> [ObjectPath: [any Store]] {
    var holders: [ObjectPath: [any Store]] = [:]
    for (store, objects) in try list(folder, of: stores, notices: notices) {
      for object in objects where object.path.isObject(in: folder) {
        holders[object.path, default: []].append(store)
      }
    }
    return holders
  }
}

/// A document as the first of `stores` that has it undamaged gives it; the damaged ones before it
/// are healed from that. One that is gone from a store since that was listed is being deleted.
///
/// - Parameters:
///   - healing: false to note what is damaged and leave it as it is.
///   - decode: gives what is in the bytes, if it is what the name says.
func readDocument<Value>(
  _ path: ObjectPath, from stores: [any Store], notices: Notices, healing: Bool = true,
  decode: ([UInt8]) throws(DocumentDamage) -> Value
) -> Value? {
  var failed: [(store: any Store, problem: String)] = []
  for store in stores {
    do {
      let bytes = try store.readAll(path, limit: documentByteLimit)
      let value = try decode(bytes)
      for (damaged, problem) in failed {
        guard healing else {
          notices.add(problem)
          continue
        }
        heal(path, in: damaged, with: bytes, after: problem, notices: notices)
      }
      return value
    } catch let error as DocumentDamage {
      failed.append((store, "\(path) in store \(store.name) is damaged: \(error.reason)"))
    } catch let error as StoreError where error.kind == .missing {
      continue
    } catch { failed.append((store, "\(error)")) }
  }
  for (_, problem) in failed { notices.add(problem) }
  return nil
}

private func heal(
  _ path: ObjectPath, in store: any Store, with bytes: [UInt8], after problem: String,
  notices: Notices
) {
  do throws(StoreError) {
    try store.put(bytes.span.bytes, at: path)
    notices.add("\(problem); repaired from another store")
  } catch { notices.add("\(problem); not repaired: \(error)") }
}

/// A document as the first of `stores` that has it undamaged gives it, and that store's name.
package func goodDocument(
  _ path: ObjectPath, among stores: [any Store], _ coder: DocumentCoder
) -> (bytes: [UInt8], donor: String)? {
  for store in stores {
    // One that cannot be read has nothing to offer.
    guard let bytes = try? store.readAll(path, limit: documentByteLimit) else { continue }
    if coder.damage(in: bytes, at: path) == nil { return (bytes, store.name) }
  }
  return nil
}

/// No document is larger.
package let documentByteLimit = 16 << 20

extension Vault {
  /// Gives each store that is written to the documents that it misses, and takes points from it
  /// that were deleted while it was away.
  ///
  /// Only after packs and index: a point says that all it names is there. Without the vault's key
  /// nothing that is undamaged is written over or taken away, since a forged document cannot be
  /// told from it.
  ///
  /// - Parameters:
  ///   - excluded: stores that get nothing.
  ///   - scope: how much of the trash is read.
  package func levelDocuments(
    of tier: Tier, besides excluded: [any Store] = [], reading scope: TrashScope = .uneven,
    notices: Notices
  ) throws(StoreError) {
    let targets = tier.writable.filter { store in !excluded.contains { $0 === store } }
    var hidden: Set<ObjectPath> = []
    let removals: Removals
    if protection.isLocked {
      removals = try self.removals(in: [tier], notices: notices)
    } else {
      (hidden, removals) = try adoptDecisions(for: tier, in: targets, scope, notices: notices)
    }
    guard tier.copyCount > 1 else { return }
    var leveling = Leveling(of: tier, in: targets, for: self, notices: notices)
    try leveling.run(.locks, besides: hidden)
    for point in removals.points(in: tier.name).sorted()
    where scope == .everyCopy || !removals.areEven(on: point, in: tier.name) {
      try leveling.run(.removal(of: point))
    }
    for folder in [ObjectFolder.points, .machines] {
      try leveling.run(folder, besides: hidden)
    }
  }
}

/// Gives stores the documents that others of their tier have, or have newer.
private struct Leveling {
  private let tier: Tier
  private let targets: [any Store]
  private let vault: Vault
  private let notices: Notices
  private var hasPaused = false
  /// Whether others write, and are putting there what is lacking; asked when something is.
  private lazy var isSilent = vault.othersWrite(to: tier)

  /// A document is put into all stores within this many microseconds, as a rule.
  private static let pause: UInt32 = 100_000

  init(of tier: Tier, in targets: [any Store], for vault: Vault, notices: Notices) {
    self.tier = tier
    self.targets = targets
    self.vault = vault
    self.notices = notices
  }

  mutating func run(
    _ folder: ObjectFolder, besides hidden: Set<ObjectPath>
  ) throws(StoreError) {
    var sizes: [ObjectPath: [UInt64]] = [:]
    for (_, objects) in try list(folder, of: tier.stores, notices: notices) {
      for object in objects where object.path.isObject(in: folder) {
        sizes[object.path, default: []].append(object.byteCount)
      }
    }
    for (path, sizes) in sizes.sorted(by: { $0.key < $1.key }) where !hidden.contains(path) {
      // A point never changes, so equal sizes will do; other documents may have changed in place.
      let isLevel = sizes.count == tier.stores.count && Set(sizes).count == 1
      if isLevel, folder == .points { continue }
      try run(path)
    }
  }

  /// Gives each target what the newest good copy of a document says.
  mutating func run(_ path: ObjectPath) throws(StoreError) {
    guard var (bytes, lacking) = uneven(path) else { return }
    if !hasPaused {
      // Somebody may be putting it there at this moment.
      usleep(Self.pause)
      hasPaused = true
      guard let still = uneven(path) else { return }
      (bytes, lacking) = still
    }
    for store in lacking { try put(bytes, at: path, in: store) }
  }

  private mutating func put(
    _ bytes: [UInt8], at path: ObjectPath, in store: any Store
  ) throws(StoreError) {
    let isDone: Void? = try tier.attempt(store) { () throws(StoreError) in
      try store.put(bytes.span.bytes, at: path)
    }
    if isDone != nil, !isSilent {
      notices.add("store \(store.name) lacked \(path), and was caught up")
    }
  }

  /// The newest good copy of a document, and the stores that have another or none; nil where all
  /// have it.
  private func uneven(_ path: ObjectPath) -> (bytes: [UInt8], lacking: [any Store])? {
    let copies = goodCopies(of: path)
    guard let newest = copies.max(by: { $1.updated.isLater(than: $0.updated) }) else {
      return nil
    }
    let lacking = targets.filter { store in
      guard let own = copies.first(where: { $0.store === store }) else { return true }
      return own.bytes != newest.bytes && !vault.protection.isLocked
    }
    return lacking.isEmpty ? nil : (newest.bytes, lacking)
  }

  private func goodCopies(
    of path: ObjectPath
  ) -> [(store: any Store, bytes: [UInt8], updated: Timestamp?)] {
    tier.stores.compactMap { store in
      // A copy that cannot be read is one that has to be written anew.
      guard let bytes = try? store.readAll(path, limit: documentByteLimit),
        vault.documents.damage(in: bytes, at: path) == nil,
        let age = try? CheckedDocument.decode(Age.self, from: bytes)
      else { return nil }
      return (store, bytes, age.updated)
    }
  }
}

/// When a document that may change was written last.
private struct Age: Decodable { var updated: Timestamp? }
