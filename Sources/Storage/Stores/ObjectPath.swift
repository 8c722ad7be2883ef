package import Hashing

/// The place of an object in a store: path components joined by "/", relative to the store.
package struct ObjectPath: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let description: String

  private init(_ description: String) { self.description = description }

  package static let descriptor = ObjectPath("vault.json")

  /// The descriptor once more, since without it nothing else is found.
  package static let descriptorCopy = ObjectPath("vault.copy.json")

  /// When a secondary store was last brought up to date.
  package static let lastSync = ObjectPath("sync.json")

  /// How far a scrub came that was stopped.
  package static let scrubState = ObjectPath("scrub.json")

  package static func pack(_ id: PackID) -> ObjectPath {
    let name = id.description
    return ObjectPath("packs/\(name.prefix(2))/\(name).pack")
  }

  package static func segment(_ digest: Digest) -> ObjectPath {
    ObjectPath("index/\(digest).index")
  }

  /// - Parameters: names that were checked already: neither may hold a "/".
  package static func point(machine: String, name: String) -> ObjectPath {
    ObjectPath("points/\(machine)/\(name).json")
  }

  package static func machine(_ name: String) -> ObjectPath { ObjectPath("machines/\(name).json") }

  /// Where it is told that a point was deleted, with the point as long as it can come back.
  ///
  /// - Parameter point: where the point lies, or lay.
  package static func removal(of point: ObjectPath) -> ObjectPath { point.moved(to: .trash) }

  /// Where it is told until when a point cannot be deleted.
  package static func lock(of point: ObjectPath) -> ObjectPath { point.moved(to: .locks) }

  /// Where it is told which packs are on their way out.
  package static func tombstone(_ name: String) -> ObjectPath {
    ObjectPath("trash/\(name).tombstone")
  }

  /// Where a writer tells that it is at work.
  package static func lease(_ name: String) -> ObjectPath { ObjectPath("leases/\(name).json") }

  /// The mark of a lease that was taken for ended.
  package static func brokenLease(_ name: String) -> ObjectPath {
    ObjectPath("leases/\(name).broken.json")
  }

  /// Whether this is such a mark.
  package var isBrokenLease: Bool { isObject(in: .leases) && description.hasSuffix(".broken.json") }

  private func moved(to folder: ObjectFolder) -> ObjectPath {
    let rest = description.drop { $0 != "/" }
    return ObjectPath(folder.rawValue + rest)
  }

  /// The name without the directories and without `suffix`; nil where it does not end so.
  package func name(without suffix: String) -> Substring? {
    let name = description.split(separator: "/").last ?? ""
    return name.hasSuffix(suffix) ? name.dropLast(suffix.count) : nil
  }

  /// The pack that lies here; nil where the path is not just a pack's.
  package var pack: PackID? {
    guard let digest = name(without: ".pack").flatMap({ Digest($0) }) else { return nil }
    return self == .pack(PackID(digest)) ? PackID(digest) : nil
  }

  /// The index segment that lies here; nil where the path is not just a segment's.
  package var segment: Digest? {
    guard let digest = name(without: ".index").flatMap({ Digest($0) }) else { return nil }
    return self == .segment(digest) ? digest : nil
  }

  /// The machine and the name of the point that lies here; nil where the path is not a point's.
  package var point: (machine: String, name: String)? { nameOfPoint(in: .points) }

  /// The point that a document in `trash` or `locks` is about; nil where it is about none.
  package var subject: ObjectPath? {
    guard nameOfPoint(in: .trash) != nil || nameOfPoint(in: .locks) != nil else { return nil }
    return moved(to: .points)
  }

  /// The name of the tombstone that lies here; nil where the path is not a tombstone's.
  package var tombstone: String? {
    guard let name = name(without: ".tombstone"), self == .tombstone(String(name)) else {
      return nil
    }
    return String(name)
  }

  private func nameOfPoint(in folder: ObjectFolder) -> (machine: String, name: String)? {
    let parts = description.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == folder.rawValue, parts[2].hasSuffix(".json") else {
      return nil
    }
    return (String(parts[1]), String(parts[2].dropLast(".json".count)))
  }

  /// Whether this is where something that Kluis keeps in `folder` may lie.
  package func isObject(in folder: ObjectFolder) -> Bool {
    switch folder {
    case .packs: pack != nil
    case .index: segment != nil
    case .points: point != nil
    case .machines, .leases:
      description.hasSuffix(".json") && description.count { $0 == "/" } == 1
    case .trash: nameOfPoint(in: .trash) != nil || tombstone != nil
    case .locks: nameOfPoint(in: .locks) != nil
    }
  }

  package static func < (a: ObjectPath, b: ObjectPath) -> Bool { a.description < b.description }

  /// An object found when listing.
  package init(listed description: String) { self.init(description) }
}

/// The parts of a store, one directory each.
package enum ObjectFolder: String, CaseIterable, Sendable {
  case packs, index, points, machines, locks, trash, leases

  /// What is kept: everything but who is writing now.
  package static let kept: [ObjectFolder] = allCases.filter { $0 != .leases }
}

/// An object as a listing shows it.
package struct ListedObject: Sendable, Equatable {
  package let path: ObjectPath
  package let byteCount: UInt64

  package init(path: ObjectPath, byteCount: UInt64) {
    self.path = path
    self.byteCount = byteCount
  }
}
