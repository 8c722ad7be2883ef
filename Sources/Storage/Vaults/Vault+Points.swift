package import Stores
package import Tiers

/// A recovery point and the tiers it is in.
package struct ListedPoint: Sendable {
  package let point: RecoveryPoint
  /// From the nearest to the farthest.
  package var tiers: [Tier.Name]

  package init(point: RecoveryPoint, tiers: [Tier.Name]) {
    self.point = point
    self.tiers = tiers
  }
}

extension Vault {
  /// All points of a machine, or of all machines, oldest first.
  ///
  /// A point whose file is damaged is left out and noted.
  package func points(
    of machine: String? = nil, notices: Notices
  ) throws(StoreError) -> [ListedPoint] {
    try scan(of: machine, notices: notices).points
  }

  /// The points whose files are good, oldest first, and the names of those that no store gives.
  private func scan(
    of machine: String?, notices: Notices
  ) throws(StoreError) -> (points: [ListedPoint], damaged: Set<ObjectPath>) {
    var found: [ObjectPath: ListedPoint] = [:]
    var damaged: Set<ObjectPath> = []
    for tier in tiers {
      for store in tier.stores {
        for object in try store.list(.points)
        where object.path.folder == machine ?? object.path.folder {
          do {
            let point = try readPoint(object.path, in: store)
            var listed = found[object.path] ?? ListedPoint(point: point, tiers: [])
            if listed.tiers.last != tier.name { listed.tiers.append(tier.name) }
            found[object.path] = listed
          } catch {
            notices.add("\(error)")
            damaged.insert(object.path)
          }
        }
      }
    }
    let points = found.values.sorted {
      ($0.point.time, $0.point.id) < ($1.point.time, $1.point.id)
    }
    return (points, damaged.subtracting(found.keys))
  }

  private func readPoint(_ path: ObjectPath, in store: any Store) throws -> RecoveryPoint {
    let place = "\(path) in store \(store.name)"
    let bytes = try store.readAll(path, limit: 16 << 20)
    do throws(DocumentDamage) {
      let point = try SealedDocument.decode(RecoveryPoint.self, from: bytes)
      guard point.isSound, path == .point(machine: point.machine, name: point.fileName) else {
        throw DocumentDamage("it does not belong to the name of its file")
      }
      return point
    } catch { throw VaultError.damaged(place, reason: error.reason) }
  }

  /// The point that `text` means: a machine's newest (`web01`, `web01@latest`), its newest whose
  /// time begins so (`web01@2026-11-22`), or a point's id.
  ///
  /// - Parameter tier: where it has to be; nil for anywhere.
  package func point(
    _ text: String, in tier: Tier.Name? = nil, notices: Notices
  ) throws -> ListedPoint {
    if let tier, self.tier(tier) == nil { throw VaultError.tierMissing(tier.rawValue) }
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let machine = String(parts[0])
    let (points, damaged) = try scan(of: machine, notices: notices)
    if points.isEmpty, damaged.isEmpty { throw VaultError.unknownMachine(machine) }
    let wanted = parts.count > 1 && parts[1] != "latest" ? parts[1] : ""
    let newest = points.last {
      $0.point.fileName.hasPrefix(wanted) && (tier == nil || $0.tiers.contains(tier!))
    }
    // An older point must not be taken for the one that was meant.
    let newestDamaged = damaged.compactMap { $0.name(without: ".json") }
      .filter { $0.hasPrefix(wanted) }.max()
    if let newestDamaged, newestDamaged > newest?.point.fileName ?? "" {
      throw VaultError.damaged(
        "point \(machine)@\(newestDamaged)", reason: "name another one (see `kluis points`)")
    }
    guard let newest else { throw VaultError.unknownPoint(text) }
    return newest
  }

  /// Makes a point exist in a tier. All it names must be durable there.
  package func commit(_ point: RecoveryPoint, to tier: Tier) throws(StoreError) {
    try tier.put(
      SealedDocument.encode(point), at: .point(machine: point.machine, name: point.fileName))
  }

  /// A machine that was protected before, as the nearest tier knows it; nil where it is new.
  package func machine(_ name: String) throws -> Machine? {
    for tier in tiers {
      if let machine = try machine(name, in: tier) { return machine }
    }
    return nil
  }

  /// - Throws: ``VaultError``, ``StoreError``.
  package func machine(_ name: String, in tier: Tier) throws -> Machine? {
    for store in tier.stores {
      let path = ObjectPath.machine(name)
      guard try store.byteCount(of: path) != nil else { continue }
      let bytes = try store.readAll(path, limit: 1 << 20)
      do throws(DocumentDamage) {
        return try SealedDocument.decode(Machine.self, from: bytes)
      } catch { throw VaultError.damaged("\(path) in store \(store.name)", reason: error.reason) }
    }
    return nil
  }

  package func save(_ machine: Machine, to tier: Tier) throws(StoreError) {
    try tier.put(SealedDocument.encode(machine), at: .machine(machine.name))
  }
}

extension ObjectPath {
  /// The directory that the object lies in, without those above it.
  fileprivate var folder: String {
    let parts = description.split(separator: "/")
    return parts.count > 1 ? String(parts[parts.count - 2]) : ""
  }
}
