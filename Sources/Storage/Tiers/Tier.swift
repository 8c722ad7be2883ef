package import Encryption
package import Packs
package import Stores
internal import Synchronization
internal import Workers

/// A set of stores that hold the same things.
package struct Tier: Sendable {
  package enum Name: String, Sendable, CaseIterable, Codable {
    case snapshot, vault, secondary
  }

  /// On how many stores an object has to be durable before a write counts.
  package enum WriteRule: Sendable, Equatable {
    /// On every store of the tier: one that is missing stops all writing.
    case all
    /// On every store that answers, and on no fewer than this. One that misses writes is caught up
    /// when it is back.
    case atLeast(Int)
  }

  package let name: Name
  /// Those that answer; reads ask them in this order.
  package let stores: [any Store]
  /// Those that belong to the tier and cannot be used.
  package let absent: [AbsentStore]
  package let rule: WriteRule
  /// What it takes to read and write what is in the records.
  package let protection: ContentProtection
  private let dropped = DroppedStores()
  private let notices: Notices

  /// - Parameter notices: is told of stores that are left out of writing.
  package init(
    _ name: Name, stores: [any Store], absent: [AbsentStore] = [], rule: WriteRule = .all,
    protection: ContentProtection = .none, notices: Notices = Notices()
  ) {
    self.name = name
    self.stores = stores
    self.absent = absent
    self.rule = rule
    self.protection = protection
    self.notices = notices
  }

  /// Stores that belong to the tier, those that cannot be used with them.
  package var copyCount: Int { stores.count + absent.count }

  /// The stores that get what is written: all that answer, but for those that failed since.
  package var writable: [any Store] { stores.filter { !dropped.holds($0) } }

  /// Refuses where the rule cannot be kept, before anything is written.
  package func requireWritable() throws(TierError) {
    try requireReadable()
    switch rule {
    case .all: if !absent.isEmpty { throw .copiesMissing(name, absent, needed: copyCount) }
    case .atLeast(let count):
      if writable.count < count { throw .copiesMissing(name, absent, needed: count) }
    }
  }

  package func requireReadable() throws(TierError) {
    if stores.isEmpty { throw .unreachable(name, absent) }
  }

  /// Puts a small object into the stores; durable, as the rule asks, when it returns.
  package func put(_ bytes: [UInt8], at path: ObjectPath) throws(StoreError) {
    try inWritableStores { store throws(StoreError) in try store.put(bytes.span.bytes, at: path) }
  }

  /// Puts a pack into the stores; durable, as the rule asks, when it returns.
  package func put(_ pack: SealedPack) throws(StoreError) {
    try inWritableStores { store throws(StoreError) in
      try pack.withBytes { bytes throws(StoreError) in try store.put(bytes, at: .pack(pack.id)) }
    }
  }

  package func delete(_ path: ObjectPath) throws(StoreError) {
    try inWritableStores { store throws(StoreError) in try store.delete(path) }
  }

  /// Runs `body` for each store that is written to, side by side.
  ///
  /// A store that fails gets nothing more, so that what it holds stays in the order of commits.
  private func inWritableStores(
    _ body: @escaping @Sendable (any Store) throws(StoreError) -> Void
  ) throws(StoreError) {
    let targets = writable
    if case .atLeast(let needed) = rule, targets.count < needed {
      let reason = "\(targets.count) of \(copyCount) stores can be written to, \(needed) are needed"
      throw StoreError(.refused(reason), .descriptor, in: "\(name.rawValue) tier")
    }
    let failures = Mutex<[(any Store, StoreError)]>([])
    forEachStore(of: targets) { store in
      do throws(StoreError) { try body(store) } catch {
        failures.withLock { $0.append((store, error)) }
      }
    }
    try drop(failures.withLock { $0 }, of: targets.count)
  }

  /// Runs `body` for one of the stores that are written to. One that fails gets nothing more, and
  /// the result is nil, as it is for one that failed before.
  ///
  /// - Throws: what `body` throws, where the rule needs the store.
  package func attempt<Result>(
    _ store: any Store, _ body: () throws(StoreError) -> Result
  ) throws(StoreError) -> Result? {
    if dropped.holds(store) { return nil }
    do throws(StoreError) { return try body() } catch {
      try drop([(store, error)], of: writable.count)
      return nil
    }
  }

  /// Leaves out stores that failed; throws what the first threw where that breaks the rule.
  ///
  /// - Parameter count: stores that were written to, those that failed with them.
  private func drop(_ failed: [(any Store, StoreError)], of count: Int) throws(StoreError) {
    guard let first = failed.first?.1 else { return }
    guard case .atLeast(let needed) = rule, count - failed.count >= needed else { throw first }
    for (store, error) in failed where dropped.add(store) {
      notices.add(
        "store \(store.name) misses what is written from now on: \(error); the next backup or "
          + "`kluis scrub --repair` catches it up")
    }
  }
}

/// Runs `body` for each of `stores`, side by side, and returns when all are done.
func forEachStore(
  of stores: [any Store], _ body: @escaping @Sendable (any Store) -> Void
) {
  guard stores.count > 1 else { return stores.forEach(body) }
  let threads = stores.map { store in WorkerThread { body(store) } }
  for thread in threads { thread.wait() }
}

/// A store that belongs to a tier and cannot be used.
package struct AbsentStore: Sendable, Equatable {
  package let name: String
  package let reason: String

  package init(name: String, reason: String) {
    self.name = name
    self.reason = reason
  }
}

/// A tier does not have the copies that are needed.
package enum TierError: Error, Sendable, CustomStringConvertible {
  case unreachable(Tier.Name, [AbsentStore])
  case copiesMissing(Tier.Name, [AbsentStore], needed: Int)

  package var description: String {
    switch self {
    case .unreachable(let tier, let absent):
      "no store of the \(tier.rawValue) tier can be used: \(listed(absent))"
    case .copiesMissing(let tier, let absent, let needed):
      "the \(tier.rawValue) tier writes to no fewer than \(needed) stores, and not all can be "
        + "used: \(listed(absent)); bring it back, or run `kluis replace-copy OLD NEW`"
    }
  }

  private func listed(_ absent: [AbsentStore]) -> String {
    absent.map { "\($0.name) (\($0.reason))" }.joined(separator: ", ")
  }
}

/// Stores that failed a write and get no more of them.
private final class DroppedStores: Sendable {
  private let ids = Mutex<Set<ObjectIdentifier>>([])

  func holds(_ store: any Store) -> Bool { ids.withLock { $0.contains(ObjectIdentifier(store)) } }

  /// Whether it was not one of them before.
  func add(_ store: any Store) -> Bool {
    ids.withLock { $0.insert(ObjectIdentifier(store)).inserted }
  }
}
