package import Hashing
package import Stores

/// Which packs the stores of a tier hold, and with which sizes.
package struct TierListing: Sendable {
  /// Sizes that stores give for a pack; more than one where a copy is cut short.
  private var sizes: [PackID: [UInt64]] = [:]

  /// Lists every store. One that cannot be listed is noted and left out.
  ///
  /// - Throws: ``StoreError`` where none can be.
  package init(of tier: Tier, notices: Notices) throws(StoreError) {
    for (_, objects) in try list(.packs, of: tier.stores, notices: notices) {
      for object in objects {
        guard let id = object.path.pack else { continue }
        if sizes[id]?.contains(object.byteCount) != true {
          sizes[id, default: []].append(object.byteCount)
        }
      }
    }
  }

  /// Packs that are known to be there, each with its size.
  init(_ packs: [PackID: UInt64]) { sizes = packs.mapValues { [$0] } }

  /// Whether a store holds the pack with that size.
  package func holds(_ id: PackID, byteCount: UInt64) -> Bool {
    sizes[id]?.contains(byteCount) == true
  }

  /// Every pack once, with the largest size that a store gives for it.
  package var packs: [PackID: UInt64] { sizes.mapValues { $0.max() ?? 0 } }
}

extension Tier {
  /// Whether no store has an object now. One that does not answer may have it.
  package func isGone(_ path: ObjectPath) -> Bool {
    stores.allSatisfy { store in
      do throws(StoreError) { return try store.byteCount(of: path) == nil } catch { return false }
    }
  }

  /// Whether every store that is written to holds a pack now, with that size: one that was put
  /// since they were listed.
  func holds(_ id: PackID, byteCount: UInt64) -> Bool {
    let stores = writable
    return !stores.isEmpty
      && stores.allSatisfy { store in
        do throws(StoreError) { return try store.byteCount(of: .pack(id)) == byteCount } catch {
          return false
        }
      }
  }
}

/// What each of `stores` has in a folder, in their order. One that cannot be listed is noted and
/// left out.
///
/// - Throws: ``StoreError`` where none can be.
package func list(
  _ folder: ObjectFolder, of stores: [any Store], notices: Notices
) throws(StoreError) -> [(store: any Store, objects: [ListedObject])] {
  var listed: [(store: any Store, objects: [ListedObject])] = []
  var failure: StoreError?
  for store in stores {
    do throws(StoreError) { listed.append((store, try store.list(folder))) } catch {
      notices.add("\(error)")
      failure = error
    }
  }
  if listed.isEmpty, let failure { throw failure }
  return listed
}
