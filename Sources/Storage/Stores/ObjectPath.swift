package import Hashing

/// The place of an object in a store: path components joined by "/", relative to the store.
package struct ObjectPath: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  private init(_ description: String) { self.description = description }

  package static let descriptor = ObjectPath("vault.json")

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

  /// The name without the directories and without `suffix`; nil where it does not end so.
  package func name(without suffix: String) -> Substring? {
    let name = description.split(separator: "/").last ?? ""
    return name.hasSuffix(suffix) ? name.dropLast(suffix.count) : nil
  }

  /// An object found when listing.
  init(listed description: String) { self.init(description) }
}

/// The parts of a store, one directory each.
package enum ObjectFolder: String, CaseIterable, Sendable {
  case packs, index, points, machines
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
