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
  ///
  /// - Parameter healing: whether files that turn out damaged are repaired from good ones at once.
  package func points(
    of machine: String? = nil, notices: Notices, healing: Bool = true
  ) throws(StoreError) -> [ListedPoint] {
    try scan(of: machine, notices: notices, healing: healing).points
  }

  /// The time of a machine's newest point, as the names of the files tell: that of one whose file
  /// is damaged counts as well.
  package func newestTime(
    of machine: String, notices: Notices
  ) throws(StoreError) -> Timestamp? {
    var newest: Timestamp?
    for tier in tiers where !tier.stores.isEmpty {
      for path in try tier.holders(of: .points, notices: notices).keys {
        guard let point = path.point, point.machine == machine else { continue }
        let text = point.name.split(separator: "-").dropLast().joined(separator: "-")
        if let time = Timestamp(text) { newest = max(newest ?? time, time) }
      }
    }
    return newest
  }

  /// The points whose files are good, oldest first, and the names of those that no store gives.
  private func scan(
    of machine: String?, notices: Notices, healing: Bool = true
  ) throws(StoreError) -> (points: [ListedPoint], damaged: Set<ObjectPath>) {
    var found: [ObjectPath: ListedPoint] = [:]
    var damaged: Set<ObjectPath> = []
    for tier in tiers where !tier.stores.isEmpty {
      let holders = try tier.holders(of: .points, notices: notices)
      for (path, stores) in holders where path.folder == machine ?? path.folder {
        guard let point = readPoint(path, from: stores, notices: notices, healing: healing) else {
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
    _ path: ObjectPath, from stores: [any Store], notices: Notices, healing: Bool
  ) -> RecoveryPoint? {
    readDocument(
      RecoveryPoint.self, path, from: stores, notices: notices, healing: healing
    ) { point in
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
  ///
  /// A document that is damaged is no reason not to copy the point.
  package func copyMachine(
    of point: RecoveryPoint, from source: Tier, to target: Tier, _ notices: Notices
  ) throws {
    guard let machine = try goodMachine(point.machine, in: source, notices) else { return }
    let known = try goodMachine(point.machine, in: target, notices)
    if let known, (known.updated ?? point.time) > (machine.updated ?? point.time) { return }
    if known != machine { try save(machine, to: target) }
  }

  private func goodMachine(
    _ name: String, in tier: Tier, _ notices: Notices
  ) throws -> Machine? {
    do { return try machine(name, in: tier, notices: notices) } catch let error as VaultError {
      notices.add("\(error)")
      return nil
    }
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
