internal import Encryption
internal import FoundationEssentials
package import Stores
package import Tiers

/// How much of what is told of deleted points is read when stores are brought to hold the same.
package enum TrashScope: Sendable {
  /// What names and sizes do not show to be the same everywhere. There are thousands of the others,
  /// and whoever opens a vault for writing is not to wait for them.
  case uneven
  /// What is told of each point: one that was to come back, and was cut off when all knew it, does.
  case everyPoint
  /// Each copy of it.
  case everyCopy
}

/// What a person decided of a point, on its way from one tier to the next: that it is deleted,
/// brought back, or locked.
extension Vault {
  /// The points that are listed nowhere, whatever files of them lie in a tier.
  package func hiddenPoints(
    in tier: Tier, notices: Notices
  ) throws(StoreError) -> Set<ObjectPath> {
    if protection.isLocked { return [] }
    let removals = try removals(notices: notices)
    return Set(
      try tier.holders(of: .points, notices: notices).keys.filter { removals.hides($0) })
  }

  /// Has a tier follow what others know, and removes the files of its points that were deleted.
  ///
  /// - Parameters:
  ///   - targets: the stores that are changed.
  ///   - scope: ``TrashScope/uneven`` leaves out those points of which all tell the same and no
  ///     file is left.
  /// - Returns: the points that are hidden in this tier, and what was told before.
  func adoptDecisions(
    for tier: Tier, in targets: [any Store], _ scope: TrashScope, notices: Notices
  ) throws(StoreError) -> (hidden: Set<ObjectPath>, removals: Removals) {
    try adoptLocks(for: tier, in: targets, notices: notices)
    // Points first: one whose file is gone by now has left what is told of it before that.
    let held = try tier.holders(of: .points, notices: notices)
    let removals = try removals(notices: notices)
    var elsewhere: Set<ObjectPath> = []
    for other in tiers where other.name != tier.name && !other.stores.isEmpty {
      elsewhere.formUnion(try other.holders(of: .points, notices: notices).keys)
    }
    var hidden: Set<ObjectPath> = []
    for point in removals.points.sorted() {
      let isAnywhere = held[point] != nil || elsewhere.contains(point)
      if scope == .uneven, !isAnywhere, removals.areEven(on: point) { continue }
      let own = removals.newest(of: point, in: tier.name)
      // Where no tier has the point any more, nor will, there is nothing to follow.
      if !isAnywhere, own?.state == .gone { continue }
      guard let newest = removals.newest(of: point) else { continue }
      try adopt(
        newest, of: point, for: tier, in: targets, knowing: own, heldBy: held[point] ?? [])
      if newest.hidesPoint, held[point] != nil { hidden.insert(point) }
    }
    return (hidden, removals)
  }

  private func adopt(
    _ newest: Removal, of point: ObjectPath, for tier: Tier, in targets: [any Store],
    knowing own: Removal?, heldBy holders: [any Store]
  ) throws(StoreError) {
    let document = goodDocument(point, among: holders, documents).map { [UInt8]($0.bytes) }
    let kept = own?.document.map { [UInt8]($0) }
    // It went this moment, and whoever removed it has told of that; or it is damaged.
    if newest.state == .removed, !holders.isEmpty, document == nil, kept == nil { return }
    if own.map({ newest.holds(over: $0) }) ?? true {
      let told = newest.holding(newest.state == .gone ? nil : document ?? kept)
      guard let bytes = try? encoded(told, at: point) else { return }
      try tier.offer(bytes, at: .removal(of: point), to: targets)
    }
    if newest.state == .restored, holders.isEmpty, let kept {
      try tier.offer(kept, at: point, to: targets)
    }
    guard newest.hidesPoint else { return }
    for store in targets where holders.contains(where: { $0 === store }) {
      _ = try tier.attempt(store) { () throws(StoreError) in try store.delete(point) }
    }
  }

  // MARK: locks

  /// Until when a point cannot be deleted, as it was told last in any tier; nil where nothing is.
  package func lock(of point: RecoveryPoint, notices: Notices) throws -> PointLock? {
    newestLock(at: .lock(of: try path(of: point)), in: tiers)
  }

  /// Keeps a point from being deleted.
  ///
  /// - Parameter until: nil to take the lock away.
  /// - Throws: ``RemovalError/lockShortened(_:until:)``, ``TierError``, ``StoreError``.
  package func setLock(
    of point: RecoveryPoint, until: Timestamp?, now: Timestamp, notices: Notices
  ) throws {
    let known = try lock(of: point, notices: notices)
    if let until, let known, known.until > now, known.until > until {
      throw RemovalError.lockShortened(point.id, until: known.until)
    }
    let lock = PointLock(
      until: until ?? Timestamp(secondsSince1970: 0), updated: later(than: known?.updated, now))
    let place = ObjectPath.lock(of: try path(of: point))
    let bytes = try documents.encode(lock, at: place, updated: lock.updated)
    for tier in try tiersToTell(notices: notices) { try tier.put(bytes, at: place) }
  }

  func newestLock(at place: ObjectPath, in tiers: [Tier]) -> PointLock? {
    tiers.flatMap(\.stores).compactMap { store in
      guard let bytes = try? store.readAll(place, limit: documentByteLimit) else { return nil }
      return try? documents.decode(PointLock.self, from: bytes, at: place)
    }.max { $1.updated.isLater(than: $0.updated) }
  }

  private func adoptLocks(
    for tier: Tier, in targets: [any Store], notices: Notices
  ) throws(StoreError) {
    var places: Set<ObjectPath> = []
    let others = tiers.filter { $0.name != tier.name && !$0.stores.isEmpty }
    for other in others {
      places.formUnion(try other.holders(of: .locks, notices: notices).keys)
    }
    for place in places.sorted() {
      guard let newest = newestLock(at: place, in: others) else { continue }
      if let own = newestLock(at: place, in: [tier]),
        !newest.updated.isLater(than: own.updated)
      {
        continue
      }
      guard let bytes = try? documents.encode(newest, at: place, updated: newest.updated) else {
        return
      }
      try tier.offer(bytes, at: place, to: targets)
    }
  }
}

extension Tier {
  /// Puts a document into those of the stores that take it.
  fileprivate func offer(
    _ bytes: [UInt8], at path: ObjectPath, to stores: [any Store]
  ) throws(StoreError) {
    for store in stores {
      _ = try attempt(store) { () throws(StoreError) in
        try store.put(bytes.span.bytes, at: path)
      }
    }
  }
}
