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
    var found: [String: ListedPoint] = [:]
    for tier in tiers {
      for point in try points(in: tier, of: machine, notices: notices) {
        found[point.id, default: ListedPoint(point: point, tiers: [])].tiers.append(tier.name)
      }
    }
    return found.values.sorted { ($0.point.time, $0.point.id) < ($1.point.time, $1.point.id) }
  }

  private func points(
    in tier: Tier, of machine: String?, notices: Notices
  ) throws(StoreError) -> [RecoveryPoint] {
    var points: [String: RecoveryPoint] = [:]
    for store in tier.stores {
      for object in try store.list(.points)
      where object.path.folder == machine ?? object.path.folder {
        do {
          let point = try readPoint(object.path, in: store)
          points[point.id] = point
        } catch { notices.add("\(error)") }
      }
    }
    return Array(points.values)
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
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let machine = String(parts[0])
    let all = try points(of: machine, notices: notices)
    if all.isEmpty { throw VaultError.unknownMachine(machine) }
    let wanted = parts.count > 1 && parts[1] != "latest" ? parts[1] : ""
    let matching = all.filter {
      $0.point.fileName.hasPrefix(wanted) && (tier == nil || $0.tiers.contains(tier!))
    }
    guard let newest = matching.last else { throw VaultError.unknownPoint(text) }
    return newest
  }

  /// Makes a point exist in a tier. All it names must be durable there.
  package func commit(_ point: RecoveryPoint, to tier: Tier) throws(StoreError) {
    try tier.put(
      SealedDocument.encode(point), at: .point(machine: point.machine, name: point.fileName))
  }

  /// A machine that was protected before; nil where it is new.
  package func machine(_ name: String) throws -> Machine? {
    for store in firstTier.stores {
      let path = ObjectPath.machine(name)
      guard try store.byteCount(of: path) != nil else { continue }
      let bytes = try store.readAll(path, limit: 1 << 20)
      do throws(DocumentDamage) {
        return try SealedDocument.decode(Machine.self, from: bytes)
      } catch { throw VaultError.damaged("\(path) in store \(store.name)", reason: error.reason) }
    }
    return nil
  }

  package func save(_ machine: Machine) throws(StoreError) {
    for tier in tiers {
      try tier.put(SealedDocument.encode(machine), at: .machine(machine.name))
    }
  }
}

extension ObjectPath {
  /// The directory that the object lies in, without those above it.
  fileprivate var folder: String {
    let parts = description.split(separator: "/")
    return parts.count > 1 ? String(parts[parts.count - 2]) : ""
  }
}
