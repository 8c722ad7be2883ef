internal import Hashing
package import Stores
package import Tiers

/// What the tiers of a vault tell of points that were deleted, as it was at one moment.
///
/// Only names and sizes are listed; a document is read when it is asked for, and of copies in one
/// tier that are of one size only one (``Removal/earlier`` says why that is enough).
package struct Removals {
  private let documents: DocumentCoder
  private let notices: Notices
  private var copies: [ObjectPath: [Copy]] = [:]
  /// How many stores each tier has.
  private let storeCounts: [Tier.Name: Int]

  private struct Copy {
    let tier: Tier.Name
    let store: any Store
    let byteCount: UInt64

    func isAlike(_ other: Copy) -> Bool { tier == other.tier && byteCount == other.byteCount }
  }

  /// - Parameter tiers: those that are looked at.
  init(in tiers: [Tier], _ documents: DocumentCoder, notices: Notices) throws(StoreError) {
    self.documents = documents
    self.notices = notices
    let present = tiers.filter { !$0.stores.isEmpty }
    storeCounts = Dictionary(uniqueKeysWithValues: present.map { ($0.name, $0.stores.count) })
    for tier in present {
      for (store, objects) in try list(.trash, of: tier.stores, notices: notices) {
        for object in objects {
          guard let point = object.path.subject else { continue }
          copies[point, default: []].append(
            Copy(tier: tier.name, store: store, byteCount: object.byteCount))
        }
      }
    }
  }

  /// The points of which something is told.
  var points: Set<ObjectPath> { Set(copies.keys) }

  /// Those of which something is told in a tier.
  func points(in tier: Tier.Name) -> [ObjectPath] {
    copies.filter { $0.value.contains { $0.tier == tier } }.map(\.key)
  }

  /// Whether it is told of a point that it was deleted, or brought back after that.
  package func tell(of point: ObjectPath) -> Bool { copies[point] != nil }

  /// Whether all stores tell the same of a point, as far as names and sizes say.
  ///
  /// - Parameter tier: the one whose stores are asked; nil for all.
  func areEven(on point: ObjectPath, in tier: Tier.Name? = nil) -> Bool {
    let asked = (copies[point] ?? []).filter { $0.tier == tier ?? $0.tier }
    let count = tier.map { storeCounts[$0] ?? 0 } ?? storeCounts.values.reduce(0, +)
    return asked.count == count && asked.allSatisfy { $0.byteCount == asked[0].byteCount }
  }

  /// What was told last of a point; nil where nothing is, or nothing that can be read.
  ///
  /// - Parameter tier: the one that tells it; nil for any.
  package func newest(of point: ObjectPath, in tier: Tier.Name? = nil) -> Removal? {
    let path = ObjectPath.removal(of: point)
    var newest: Removal?
    var read: [Copy] = []
    for copy in copies[point] ?? [] where copy.tier == tier ?? copy.tier {
      if read.contains(where: copy.isAlike) { continue }
      guard let bytes = try? copy.store.readAll(path, limit: documentByteLimit),
        let removal = try? documents.decode(Removal.self, from: bytes, at: path)
      else {
        notices.add(
          "\(path) in store \(copy.store.name) is damaged: `kluis scrub --repair` heals it")
        continue
      }
      read.append(copy)
      if newest.map({ removal.holds(over: $0) }) ?? true { newest = removal }
    }
    return newest
  }

  /// Whether a point whose file lies in a store is not to be listed. One of which nothing can be
  /// read is.
  package func hides(_ point: ObjectPath) -> Bool {
    copies[point] != nil && newest(of: point)?.hidesPoint == true
  }
}

/// A point that was deleted and can be brought back.
package struct DeletedPoint: Sendable {
  package let point: RecoveryPoint
  package let removal: Removal
}

extension Vault {
  /// - Parameter tiers: those that are looked at; all by default.
  package func removals(in tiers: [Tier]? = nil, notices: Notices) throws(StoreError) -> Removals {
    try Removals(in: tiers ?? self.tiers, documents, notices: notices)
  }

  /// The points in the trash, oldest first.
  ///
  /// - Parameter machine: only this one's.
  /// - Throws: ``StoreError``, ``LockedError``.
  package func deletedPoints(
    of machine: String? = nil, now: Timestamp, notices: Notices
  ) throws -> [DeletedPoint] {
    let folder = try machine.map { try folderName(of: $0) }
    try requireKey()
    let removals = try removals(notices: notices)
    let listed = Set(try pointFiles(notices: notices).map(\.path))
    var found: [DeletedPoint] = []
    for path in removals.points where path.point?.machine == folder ?? path.point?.machine {
      guard let removal = removals.newest(of: path),
        // One that was to come back may have been cut off on the way.
        removal.isKept(at: now) || removal.state == .restored && !listed.contains(path),
        let point = point(in: removal, at: path) ?? pointOfAnyTier(path, removals)
      else { continue }
      found.append(DeletedPoint(point: point, removal: removal))
    }
    return found.sorted { ($0.point.time, $0.point.id) < ($1.point.time, $1.point.id) }
  }

  /// The point that lies in the trash; nil where there is none that can be read.
  func point(in removal: Removal, at path: ObjectPath) -> RecoveryPoint? {
    guard let document = removal.document,
      let point = try? documents.decode(RecoveryPoint.self, from: Array(document), at: path),
      point.isSound, (try? self.path(of: point)) == path
    else { return nil }
    return point
  }

  /// The point as any tier has it, in its trash or in its list: one that was cut off while it was
  /// deleted is still in both.
  private func pointOfAnyTier(_ path: ObjectPath, _ removals: Removals) -> RecoveryPoint? {
    for tier in tiers {
      if let own = removals.newest(of: path, in: tier.name), let point = point(in: own, at: path) {
        return point
      }
    }
    return listedPoint(at: path, among: tiers.flatMap(\.stores))
  }

  /// The point whose file lies in one of the stores; nil where none has it undamaged.
  func listedPoint(at path: ObjectPath, among stores: [any Store]) -> RecoveryPoint? {
    goodDocument(path, among: stores, documents).flatMap {
      try? documents.decode(RecoveryPoint.self, from: $0.bytes, at: path)
    }
  }

  // MARK: deleting

  /// Takes a point out of the list; until its time in the trash is over it can be brought back.
  ///
  /// Tells every tier but the secondary one, which follows with the next replication.
  /// - Parameter isExpiry: whether a policy does it.
  /// - Throws: ``RemovalError/locked(_:until:)``, ``TierError``, ``StoreError``.
  package func delete(
    _ point: RecoveryPoint, isExpiry: Bool, trashDays: Int, now: Timestamp, notices: Notices
  ) throws {
    let path = try path(of: point)
    if let lock = try lock(of: point, notices: notices), lock.until > now {
      throw RemovalError.locked(point.id, until: lock.until)
    }
    let present = try removals(notices: notices)
    let known = present.newest(of: path)
    var removal = Removal(
      removed: now,
      until: Timestamp(secondsSince1970: now.secondsSince1970 + Int64(trashDays) * 86_400),
      isExpiry: isExpiry, updated: later(than: known?.updated, now))
    removal.earlier = known?.history
    // Before anything is told, since others follow at once.
    let told = try tiersToTell(notices: notices).map { tier in
      let document = document(of: path, in: tier, present, now: now)
      return (tier, bytes: try encoded(removal.holding(document), at: path))
    }
    // The trash first: a point that is nowhere cannot be brought back.
    for (tier, bytes) in told { try tier.put(bytes, at: .removal(of: path)) }
    for (tier, _) in told { try tier.delete(path) }
  }

  /// The point as a tier has it: in its list, where it may be damaged while another tier's is good,
  /// or in its trash, if the tier was away when it was brought back.
  private func document(
    of path: ObjectPath, in tier: Tier, _ removals: Removals, now: Timestamp
  ) -> [UInt8]? {
    let isListed = !tier.isGone(path)
    let stores = tier.stores + (isListed ? tiers(besides: tier).flatMap(\.stores) : [])
    if let found = goodDocument(path, among: stores, documents) { return found.bytes }
    guard let own = removals.newest(of: path, in: tier.name),
      own.isKept(at: now) || own.state == .restored
    else { return nil }
    return own.document.map { Array($0) }
  }

  /// Takes a point out of the trash for good: what only it needs is free from now on.
  ///
  /// Where no copy tells any more what lies in the trash, its id is enough. Tells every tier but
  /// the secondary one, which follows with the next replication.
  /// - Parameter id: as ``RecoveryPoint/id``.
  /// - Throws: ``RemovalError/notInTrash(_:)``, ``RemovalError/locked(_:until:)``, ``TierError``,
  ///   ``StoreError``, ``LockedError``.
  package func purge(_ id: String, now: Timestamp, notices: Notices) throws {
    let path = try path(ofPoint: id)
    if let lock = newestLock(at: .lock(of: path), in: tiers), lock.until > now {
      throw RemovalError.locked(id, until: lock.until)
    }
    let isListed = try pointFiles(notices: notices).contains { $0.path == path }
    let removals = try removals(notices: notices)
    let known = removals.newest(of: path)
    guard removals.tell(of: path), !isListed, known?.state != .gone else {
      throw RemovalError.notInTrash(id)
    }
    let updated = later(than: known?.updated, now)
    let last = known ?? Removal(removed: now, until: now, isExpiry: false, updated: updated)
    let bytes = try encoded(last.ended(as: .gone, updated: updated), at: path)
    for tier in try tiersToTell(notices: notices) {
      try tier.put(bytes, at: .removal(of: path))
      try tier.delete(.lock(of: path))
    }
  }

  /// Where the point with this id lies, or lay.
  private func path(ofPoint id: String) throws -> ObjectPath {
    let parts = id.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw RemovalError.notInTrash(id) }
    try checkName(String(parts[0]), of: "machine")
    try checkFileName(String(parts[1]))
    return .point(machine: try folderName(of: String(parts[0])), name: String(parts[1]))
  }

  /// Brings a point back into the list, in the tiers that had it.
  ///
  /// - Throws: ``RemovalError``, ``TierError``, ``StoreError``.
  package func undelete(_ deleted: DeletedPoint, now: Timestamp, notices: Notices) throws {
    let path = try path(of: deleted.point)
    let told = try tiersToTell(notices: notices)
    // What the point needs is on all copies then, and stays, whoever reclaims meanwhile.
    for tier in told { _ = try openForWriting(tier, notices: notices) }
    let newest = try removals(notices: notices).newest(of: path)
    let isListed = try pointFiles(notices: notices).contains { $0.path == path }
    // Where bringing it back had been cut off, that was made up for just now.
    if isListed, newest?.state == .restored, deleted.removal.state == .restored { return }
    guard let known = newest, !isListed, known.state != .gone else {
      throw RemovalError.notDeleted(deleted.point.id)
    }
    guard known.isKept(at: now) || known.state == .restored else {
      throw RemovalError.over(deleted.point.id)
    }
    let updated = later(than: known.updated, now)
    var restored: [(tier: Tier, document: [UInt8], bytes: [UInt8])] = []
    for tier in told {
      let document = try removals(in: [tier], notices: notices).newest(of: path)?.document
      let bytes = try encoded(
        known.holding(document.map { Array($0) }).ended(as: .restored, updated: updated), at: path)
      restored.append((tier, document.map { Array($0) } ?? [], bytes))
    }
    try checkLeases()
    // With the point in it, so that whoever comes next puts it back where this is cut off.
    for entry in restored { try entry.tier.put(entry.bytes, at: .removal(of: path)) }
    for entry in restored where !entry.document.isEmpty {
      try entry.tier.put(entry.document, at: path)
    }
  }

  func encoded(_ removal: Removal, at path: ObjectPath) throws -> [UInt8] {
    let place = ObjectPath.removal(of: path)
    return try documents.encode(removal, at: place, updated: removal.updated)
  }
}
