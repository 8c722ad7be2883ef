package import Stores
package import Tiers

/// What reclaim has to know of points.
extension Vault {
  /// Every point whose contents a tier has to keep, by the place of its file: those that are
  /// listed, and those in the trash that can come back.
  ///
  /// - Throws: ``VaultError/damaged(_:reason:)`` where it is not known what a point needs;
  ///   ``LockedError``, ``StoreError``.
  package func keptPoints(
    in tier: Tier, now: Timestamp, notices: Notices
  ) throws -> [ObjectPath: RecoveryPoint] {
    try requireKey()
    let everywhere = try removals(notices: notices)
    let own = try removals(in: [tier], notices: notices)
    let stores = tier.stores + tiers(besides: tier).flatMap(\.stores)
    var kept: [ObjectPath: RecoveryPoint] = [:]
    for path in try tier.holders(of: .points, notices: notices).keys.sorted() {
      if everywhere.tell(of: path) {
        let newest = try require(everywhere.newest(of: path), at: .removal(of: path))
        if newest.hidesPoint, !newest.isNeeded(at: now) { continue }
      }
      let document = goodDocument(path, among: stores, documents)
      let found = document.flatMap {
        try? documents.decode(RecoveryPoint.self, from: $0.bytes, at: path)
      }
      kept[path] = try require(
        found ?? everywhere.newest(of: path).flatMap { point(in: $0, at: path) }, at: path)
    }
    for path in own.points.sorted() where kept[path] == nil {
      let newest = try require(everywhere.newest(of: path), at: .removal(of: path))
      guard newest.isNeeded(at: now) || newest.state == .restored,
        let held = own.newest(of: path), held.document != nil
      else { continue }
      kept[path] = try require(point(in: held, at: path), at: .removal(of: path))
    }
    return kept
  }

  private func require<Value>(
    _ value: Value?, at path: ObjectPath
  ) throws(VaultError) -> Value {
    if let value { return value }
    throw .damaged(
      path.description,
      reason: "no copy of it is good, so what it needs is not known: run `kluis scrub --repair`")
  }

  /// Ends what a tier keeps of deleted points whose time in the trash is over, and forgets those
  /// that are gone for so long that no store can still be away with them.
  package func endTrash(in tier: Tier, now: Timestamp, notices: Notices) throws {
    let everywhere = try removals(notices: notices)
    let own = try removals(in: [tier], notices: notices)
    for path in own.points.sorted() {
      guard let newest = everywhere.newest(of: path) else { continue }
      if newest.state == .gone,
        let age = newest.updated.map({ now.secondsSince1970 - $0.secondsSince1970 }),
        age > Self.remembrance
      {
        try tier.delete(.removal(of: path))
        continue
      }
      guard newest.state == .removed, !newest.isNeeded(at: now),
        own.newest(of: path)?.state == .removed
      else { continue }
      let gone = newest.ended(as: .gone, updated: later(than: newest.updated, now))
      try tier.put(encoded(gone, at: path), at: .removal(of: path))
      try tier.delete(.lock(of: path))
    }
  }

  /// Seconds for which it is known of a point that it was deleted.
  private static let remembrance: Int64 = 400 * 86_400
}
