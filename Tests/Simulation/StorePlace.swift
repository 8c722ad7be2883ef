import Files
import Stores
import SystemPackage
import TestSupport

/// Where a store lies, as faults get at it: past the store's own interface.
protocol StorePlace: AnyObject {
  var name: String { get }

  /// The store, opened as a new process does.
  func open() -> any Store

  func paths(in folder: ObjectFolder) throws -> [ObjectPath]

  /// Everything in the store's folders.
  func contents() throws -> [ObjectPath: [UInt8]]
  func place(_ bytes: [UInt8], at path: ObjectPath) throws
  func drop(_ path: ObjectPath) throws

  /// Takes the store out of reach, or brings it back as it was.
  func setAway(_ isAway: Bool) throws
}

extension StorePlace {
  func replaceContents(with objects: [ObjectPath: [UInt8]]) throws {
    for path in try contents().keys where objects[path] == nil { try drop(path) }
    for (path, bytes) in objects { try place(bytes, at: path) }
  }
}

/// A store in memory. Whether it is away is for the world to know.
final class MemoryPlace: StorePlace {
  let store: MemoryStore

  init(name: String) { store = MemoryStore(name: name) }

  var name: String { store.name }

  func open() -> any Store { store }

  func paths(in folder: ObjectFolder) -> [ObjectPath] { store.paths(in: folder) }

  func contents() -> [ObjectPath: [UInt8]] {
    var contents = store.contents
    for path in [ObjectPath.scrubState, .lastSync] { contents[path] = nil }
    // Who writes is no part of what is kept.
    return contents.filter { !$0.key.description.hasPrefix("\(ObjectFolder.leases.rawValue)/") }
  }

  func place(_ bytes: [UInt8], at path: ObjectPath) { store.place(bytes, at: path) }
  func drop(_ path: ObjectPath) { store.drop(path) }
  func setAway(_ isAway: Bool) {}
}

/// A store in a directory.
final class DirectoryPlace: StorePlace {
  let directory: FilePath
  private var isAway = false

  init(_ directory: FilePath) { self.directory = directory }

  var name: String { directory.string }
  private var aside: FilePath { FilePath(directory.string + ".away") }
  private var current: FilePath { isAway ? aside : directory }

  func open() -> any Store { DirectoryStore(directory) }

  func paths(in folder: ObjectFolder) throws -> [ObjectPath] {
    try DirectoryStore(current).list(folder).map(\.path)
  }

  func contents() throws -> [ObjectPath: [UInt8]] {
    var found: [ObjectPath: [UInt8]] = [:]
    for path in try ObjectFolder.kept.flatMap(paths) {
      found[path] = try readFile(current.appending(path.description))
    }
    return found
  }

  func place(_ bytes: [UInt8], at path: ObjectPath) throws {
    let file = current.appending(path.description)
    try makeDirectory(parent(of: file))
    try writeFile(bytes, to: file)
  }

  func drop(_ path: ObjectPath) throws { try removeFile(current.appending(path.description)) }

  func setAway(_ isAway: Bool) throws {
    if isAway == self.isAway { return }
    if !isAway { try removeTree(directory) }
    try renameFile(
      isAway ? directory : aside, to: isAway ? aside : directory, replacing: false)
    self.isAway = isAway
  }
}
