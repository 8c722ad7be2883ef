internal import Encryption
package import Stores
package import Tiers

/// A point whose contents a tier has to keep.
package struct KeptPoint: Sendable {
  package let point: RecoveryPoint
  /// Whether it is in the trash, and listed no more.
  package let isDeleted: Bool

  package init(_ point: RecoveryPoint, isDeleted: Bool) {
    self.point = point
    self.isDeleted = isDeleted
  }
}

/// What reclaim and scrub have to know of points.
extension Vault {
  /// Every point whose contents a tier has to keep, by the place of its file: those that are
  /// listed, and those in the trash that can come back.
  ///
  /// - Throws: ``VaultError/damaged(_:reason:)`` where it is not known what a point needs;
  ///   ``LockedError``, ``StoreError``.
  package func keptPoints(
    in tier: Tier, now: Timestamp, notices: Notices
  ) throws -> [ObjectPath: KeptPoint] {
    let (kept, unknown) = try knownPoints(in: tier, now: now, notices: notices)
    guard let first = unknown.min() else { return kept }
    let wayOut = try trashName(of: first).map {
      "; where no copy of it is good any more, `kluis delete \($0) --purge` gives it up"
    }
    throw VaultError.damaged(
      first.description,
      reason: "no copy of it is good, so what it needs is not known: run `kluis scrub --repair`"
        + (wayOut ?? ""))
  }

  /// The same points as far as it is known what they need, and the documents that do not tell.
  ///
  /// - Throws: ``LockedError``, ``StoreError``.
  package func knownPoints(
    in tier: Tier, now: Timestamp, notices: Notices
  ) throws -> (kept: [ObjectPath: KeptPoint], unknown: Set<ObjectPath>) {
    try requireKey()
    let held = try tier.holders(of: .points, notices: notices)
    let removals = try removals(notices: notices)
    let stores = tier.stores + tiers(besides: tier).flatMap(\.stores)
    var kept: [ObjectPath: KeptPoint] = [:]
    var unknown: Set<ObjectPath> = []
    for path in held.keys {
      let newest = removals.newest(of: path)
      if newest == nil, removals.tell(of: path) {
        unknown.insert(.removal(of: path))
        continue
      }
      let isDeleted = newest?.hidesPoint == true
      if isDeleted, newest?.isNeeded(at: now) != true { continue }
      guard
        let point = listedPoint(at: path, among: stores)
          ?? newest.flatMap({ point(in: $0, at: path) })
      else {
        unknown.insert(path)
        continue
      }
      kept[path] = KeptPoint(point, isDeleted: isDeleted)
    }
    for path in removals.points(in: tier.name) where held[path] == nil {
      guard let newest = removals.newest(of: path) else {
        unknown.insert(.removal(of: path))
        continue
      }
      guard newest.isNeeded(at: now) || newest.state == .restored,
        let told = removals.newest(of: path, in: tier.name), told.document != nil
      else { continue }
      if let point = point(in: told, at: path) {
        kept[path] = KeptPoint(point, isDeleted: true)
      } else {
        unknown.insert(.removal(of: path))
      }
    }
    return (kept, unknown)
  }

  /// How a person names the point in the trash that a document is about; nil where it is about
  /// none, or the name is a secret.
  private func trashName(of document: ObjectPath) throws -> String? {
    guard protection.keys == nil, let point = document.subject?.point else { return nil }
    return "\(point.machine)@\(point.name)"
  }

  /// Ends what a tier keeps of deleted points whose time in the trash is over, and forgets those
  /// that are gone for so long that no store can still be away with them.
  package func endTrash(in tier: Tier, now: Timestamp, notices: Notices) throws {
    let removals = try removals(notices: notices)
    for path in removals.points(in: tier.name).sorted() {
      guard let newest = removals.newest(of: path) else { continue }
      if newest.state == .gone,
        let age = newest.updated.map({ now.secondsSince1970 - $0.secondsSince1970 }),
        age > Self.remembrance
      {
        try tier.delete(.removal(of: path))
        continue
      }
      guard newest.state == .removed, !newest.isNeeded(at: now),
        removals.newest(of: path, in: tier.name)?.state == .removed
      else { continue }
      let gone = newest.ended(as: .gone, updated: later(than: newest.updated, now))
      try tier.put(encoded(gone, at: path), at: .removal(of: path))
      try tier.delete(.lock(of: path))
    }
  }

  /// Seconds for which it is known of a point that it was deleted.
  private static let remembrance: Int64 = 400 * 86_400
}
