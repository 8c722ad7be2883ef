internal import Encryption
internal import FoundationEssentials
package import Stores
package import Tiers

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
  /// - Parameter targets: the stores that are changed.
  /// - Returns: the points that are hidden in this tier.
  func adoptDecisions(
    for tier: Tier, in targets: [any Store], notices: Notices
  ) throws(StoreError) -> Set<ObjectPath> {
    try adoptLocks(for: tier, in: targets, notices: notices)
    // Points first: one whose file is gone by now has left what is told of it before that.
    let held = try tier.holders(of: .points, notices: notices)
    let own = try removals(in: [tier], notices: notices)
    let everywhere = try removals(notices: notices)
    var elsewhere: Set<ObjectPath> = []
    for other in tiers where other.name != tier.name && !other.stores.isEmpty {
      elsewhere.formUnion(try other.holders(of: .points, notices: notices).keys)
    }
    var hidden: Set<ObjectPath> = []
    for point in everywhere.points.sorted() {
      // Where no tier has the point any more, nor will, there is nothing to follow.
      if held[point] == nil, !elsewhere.contains(point), own.newest(of: point)?.state == .gone {
        continue
      }
      guard let newest = everywhere.newest(of: point) else { continue }
      try adopt(
        newest, of: point, for: tier, in: targets, knowing: own.newest(of: point),
        heldBy: held[point] ?? [])
      if newest.hidesPoint, held[point] != nil { hidden.insert(point) }
    }
    return hidden
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
    }.max { ($0.updated?.secondsSince1970 ?? 0) < ($1.updated?.secondsSince1970 ?? 0) }
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
        own.updated?.secondsSince1970 ?? 0 >= newest.updated?.secondsSince1970 ?? 0
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
