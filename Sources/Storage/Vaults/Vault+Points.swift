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
    for tier in tiers where !tier.stores.isEmpty {
      let holders = try tier.holders(of: .points, notices: notices)
      for (path, stores) in holders where path.folder == machine ?? path.folder {
        guard let point = readPoint(path, from: stores, notices: notices) else {
          damaged.insert(path)
          continue
        }
        var listed = found[path] ?? ListedPoint(point: point, tiers: [])
        listed.tiers.append(tier.name)
        found[path] = listed
      }
    }
    let points = found.values.sorted {
      ($0.point.time, $0.point.id) < ($1.point.time, $1.point.id)
    }
    return (points, damaged.subtracting(found.keys))
  }

  private func readPoint(
    _ path: ObjectPath, from stores: [any Store], notices: Notices
  ) -> RecoveryPoint? {
    readDocument(RecoveryPoint.self, path, from: stores, notices: notices) { point in
      point.isSound && path == .point(machine: point.machine, name: point.fileName)
    }
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
  package func machine(_ name: String, notices: Notices) throws -> Machine? {
    var damage: (any Error)?
    for tier in tiers where !tier.stores.isEmpty {
      do {
        if let machine = try machine(name, in: tier, notices: notices) { return machine }
      } catch { damage = damage ?? error }
    }
    if let damage { throw damage }
    return nil
  }

  /// - Throws: ``VaultError``, ``StoreError``.
  package func machine(_ name: String, in tier: Tier, notices: Notices) throws -> Machine? {
    let path = ObjectPath.machine(name)
    let holders = try tier.holders(of: .machines, notices: notices)
    guard let stores = holders[path] else { return nil }
    let found = readDocument(Machine.self, path, from: stores, notices: notices) {
      $0.name == name
    }
    guard let found else {
      throw VaultError.damaged(
        "\(path) in the \(tier.name.rawValue) tier", reason: "name the disks with --disk again")
    }
    return found
  }

  /// Makes a point's machine known in another tier, unless that knows it as it was later.
  package func copyMachine(
    of point: RecoveryPoint, from source: Tier, to target: Tier, _ notices: Notices
  ) throws {
    guard let machine = try machine(point.machine, in: source, notices: notices) else { return }
    let known = try self.machine(point.machine, in: target, notices: notices)
    if let known, (known.updated ?? point.time) > (machine.updated ?? point.time) { return }
    if known != machine { try save(machine, to: target) }
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
