package import Encryption
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
  /// - Throws: ``StoreError``; ``LockedError`` where the vault's key is not at hand.
  package func points(
    of machine: String? = nil, notices: Notices, healing: Bool = true
  ) throws -> [ListedPoint] {
    try scan(of: machine, notices: notices, healing: healing).points
  }

  /// The time of a machine's newest point, as the names of the files tell: that of one whose file
  /// is damaged counts as well.
  package func newestTime(of machine: String, notices: Notices) throws -> Timestamp? {
    let folder = try folderName(of: machine)
    return try pointFiles(notices: notices).filter { $0.path.point?.machine == folder }
      .compactMap(\.time).max()
  }

  /// The files of all points, oldest first, as the stores list them: none is read, so this needs no
  /// key.
  package func pointFiles(notices: Notices) throws(StoreError) -> [PointFile] {
    var found: [ObjectPath: PointFile] = [:]
    for tier in tiers where !tier.stores.isEmpty {
      for path in try tier.holders(of: .points, notices: notices).keys {
        found[path, default: PointFile(path: path, tiers: [])].tiers.append(tier.name)
      }
    }
    if !protection.isLocked {
      let removals = try removals(notices: notices)
      found = found.filter { !removals.hides($0.key) }
    }
    return found.values.sorted { a, b in
      a.time == b.time ? a.path < b.path : b.time.isLater(than: a.time)
    }
  }

  /// The points whose files are good, oldest first, and the names of those that no store gives.
  private func scan(
    of machine: String?, notices: Notices, healing: Bool = true
  ) throws -> (points: [ListedPoint], damaged: Set<ObjectPath>) {
    try requireKey()
    let folder = try machine.map { try folderName(of: $0) }
    var found: [ObjectPath: ListedPoint] = [:]
    var damaged: Set<ObjectPath> = []
    let removals = try removals(notices: notices)
    for tier in tiers where !tier.stores.isEmpty {
      let holders = try tier.holders(of: .points, notices: notices)
      for (path, stores) in holders where path.point?.machine == folder ?? path.point?.machine {
        if removals.hides(path) { continue }
        guard let point = readPoint(path, from: stores, notices: notices, healing: healing) else {
          if !tier.isGone(path) { damaged.insert(path) }
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
    readDocument(path, from: stores, notices: notices, healing: healing) {
      bytes throws(DocumentDamage) in
      let point = try documents.decode(RecoveryPoint.self, from: bytes, at: path)
      guard point.isSound, (try? self.path(of: point)) == path else { throw .misplaced }
      return point
    }
  }

  /// Whether a point was deleted from a tier since it was listed there.
  package func isGone(_ point: RecoveryPoint, from tier: Tier) throws(LockedError) -> Bool {
    tier.isGone(try path(of: point))
  }

  /// Where a point lies in each of its stores.
  package func path(of point: RecoveryPoint) throws(LockedError) -> ObjectPath {
    .point(machine: try folderName(of: point.machine), name: point.fileName)
  }

  /// How a machine is called in the paths of the stores: by its name, which an encrypted vault
  /// hides.
  func folderName(of machine: String) throws(LockedError) -> String {
    try requireKey()
    return protection.keys?.pseudonym(of: machine) ?? machine
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
  package func commit(_ point: RecoveryPoint, to tier: Tier) throws {
    let path = try path(of: point)
    let bytes = try documents.encode(point, at: path)
    try commit {
      try tier.put(bytes, at: path)
    } undo: {
      try tier.delete(path)
    }
  }

  /// Puts a document that one tier has into another as it is, sealed or not.
  ///
  /// - Returns: false where it was deleted from `source` since it was listed there.
  /// - Throws: ``VaultError/damaged(_:reason:)`` where no store of `source` has it undamaged.
  @discardableResult
  package func copyDocument(
    _ path: ObjectPath, from source: Tier, to target: Tier
  ) throws -> Bool {
    guard let found = goodDocument(path, among: source.stores, documents) else {
      if source.isGone(path) { return false }
      throw VaultError.damaged(
        "\(path) in the \(source.name.rawValue) tier", reason: "no copy of it is good")
    }
    guard path.point != nil else {
      try target.put(found.bytes, at: path)
      return true
    }
    try commit {
      try target.put(found.bytes, at: path)
    } undo: {
      try target.delete(path)
    }
    return true
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
    let path = ObjectPath.machine(try folderName(of: name))
    let holders = try tier.holders(of: .machines, notices: notices)
    guard let stores = holders[path] else { return nil }
    let found = readDocument(path, from: stores, notices: notices) {
      bytes throws(DocumentDamage) in
      let machine = try documents.decode(Machine.self, from: bytes, at: path)
      guard machine.name == name else { throw .misplaced }
      return machine
    }
    guard let found else {
      throw VaultError.damaged(
        "\(path) in the \(tier.name.rawValue) tier",
        reason: "`kluis backup` with --disk or --definition, as at first, makes it anew")
    }
    return found
  }

  /// Where a tier keeps its machines. Takes no key.
  package func machinePaths(
    in tier: Tier, notices: Notices
  ) throws(StoreError) -> Set<ObjectPath> {
    Set(try tier.holders(of: .machines, notices: notices).keys)
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
    if known != machine {
      try copyDocument(
        .machine(try folderName(of: point.machine)), from: source, to: target)
    }
  }

  private func goodMachine(
    _ name: String, in tier: Tier, _ notices: Notices
  ) throws -> Machine? {
    do { return try machine(name, in: tier, notices: notices) } catch let error as VaultError {
      notices.add("\(error)")
      return nil
    }
  }

  package func save(_ machine: Machine, to tier: Tier) throws {
    let path = ObjectPath.machine(try folderName(of: machine.name))
    try tier.put(documents.encode(machine, at: path, updated: machine.updated), at: path)
  }
}

/// The file of a recovery point, and the tiers it is in.
package struct PointFile: Sendable {
  package let path: ObjectPath
  /// From the nearest to the farthest.
  package var tiers: [Tier.Name]

  /// When the point was taken, as the file's name tells.
  package var time: Timestamp? {
    let name = path.point?.name ?? ""
    return Timestamp(name.split(separator: "-").dropLast().joined(separator: "-"))
  }
}

extension DocumentDamage {
  /// A good document of something else.
  fileprivate static let misplaced = DocumentDamage("it does not belong to the name of its file")
}
