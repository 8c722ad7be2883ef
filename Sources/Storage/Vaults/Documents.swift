internal import Encryption
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
/// are healed from that.
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
  /// - Parameter excluded: stores that get nothing.
  package func levelDocuments(
    of tier: Tier, besides excluded: [any Store] = [], notices: Notices
  ) throws(StoreError) {
    let targets = tier.writable.filter { store in !excluded.contains { $0 === store } }
    var hidden: Set<ObjectPath> = []
    if !protection.isLocked {
      hidden = try adoptDecisions(for: tier, in: targets, notices: notices)
    }
    guard tier.copyCount > 1 else { return }
    for folder in [ObjectFolder.locks, .trash, .points, .machines] {
      try level(folder, of: tier, in: targets, besides: hidden, notices: notices)
    }
  }

  private func level(
    _ folder: ObjectFolder, of tier: Tier, in targets: [any Store], besides hidden: Set<ObjectPath>,
    notices: Notices
  ) throws(StoreError) {
    var sizes: [ObjectPath: [UInt64]] = [:]
    var holders: [ObjectPath: [any Store]] = [:]
    for (store, objects) in try list(folder, of: tier.stores, notices: notices) {
      for object in objects
      where object.path.isObject(in: folder) && object.path.tombstone == nil {
        sizes[object.path, default: []].append(object.byteCount)
        holders[object.path, default: []].append(store)
      }
    }
    for (path, stores) in holders.sorted(by: { $0.key < $1.key }) where !hidden.contains(path) {
      // A point never changes, so equal sizes will do; other documents may have changed in place.
      let isLevel = sizes[path]?.count == tier.stores.count && Set(sizes[path] ?? []).count == 1
      if isLevel, folder == .points { continue }
      let copies = goodCopies(of: path, in: stores)
      let newest = copies.max { ($0.updated ?? 0) < ($1.updated ?? 0) }
      guard let newest else { continue }
      for store in targets {
        let own = copies.first { $0.store === store }
        if let own, own.bytes == newest.bytes || protection.isLocked { continue }
        let isDone: Void? = try tier.attempt(store) { () throws(StoreError) in
          try store.put(newest.bytes.span.bytes, at: path)
        }
        if isDone != nil {
          notices.add("store \(store.name) lacked \(path), and was caught up")
        }
      }
    }
  }

  private func goodCopies(
    of path: ObjectPath, in stores: [any Store]
  ) -> [(store: any Store, bytes: [UInt8], updated: Int64?)] {
    stores.compactMap { store in
      // A copy that cannot be read is one that has to be written anew.
      guard let bytes = try? store.readAll(path, limit: documentByteLimit),
        documents.damage(in: bytes, at: path) == nil,
        let age = try? CheckedDocument.decode(Age.self, from: bytes)
      else { return nil }
      return (store, bytes, age.updated?.secondsSince1970)
    }
  }
}

/// When a document that may change was written last.
private struct Age: Decodable { var updated: Timestamp? }
