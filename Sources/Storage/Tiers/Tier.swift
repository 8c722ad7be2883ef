internal import Hashing
package import Packs
package import Stores
internal import Synchronization
internal import Workers

/// A set of stores that hold the same things.
package struct Tier: Sendable {
  package enum Name: String, Sendable, CaseIterable, Codable {
    case snapshot, vault, secondary
  }

  package let name: Name
  /// At least one; reads ask them in this order.
  package let stores: [any Store]

  package init(_ name: Name, stores: [any Store]) {
    precondition(!stores.isEmpty, "a tier has a store")
    self.name = name
    self.stores = stores
  }

  /// Puts a small object into every store; durable in all of them when it returns.
  package func put(_ bytes: [UInt8], at path: ObjectPath) throws(StoreError) {
    try inEveryStore { store throws(StoreError) in try store.put(bytes.span.bytes, at: path) }
  }

  /// Puts a pack into every store; durable in all of them when it returns.
  package func put(_ pack: SealedPack) throws(StoreError) {
    try inEveryStore { store throws(StoreError) in
      try pack.withBytes { bytes throws(StoreError) in try store.put(bytes, at: .pack(pack.id)) }
    }
  }

  package func delete(_ path: ObjectPath) throws(StoreError) {
    for store in stores { try store.delete(path) }
  }

  private func inEveryStore(
    _ body: @escaping @Sendable (any Store) throws(StoreError) -> Void
  ) throws(StoreError) {
    if stores.count == 1 { return try body(stores[0]) }
    let failure = Mutex<StoreError?>(nil)
    let threads = stores.map { store in
      WorkerThread {
        do throws(StoreError) { try body(store) } catch { failure.withLock { $0 = error } }
      }
    }
    for thread in threads { thread.wait() }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
