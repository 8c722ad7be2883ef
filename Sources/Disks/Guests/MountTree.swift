package import Filesystems

/// File systems joined to one tree, as a machine mounts them.
///
/// A path is resolved as the machine's kernel would: symbolic links lead from the machine's own
/// root, and a directory on which something is mounted shows what is mounted.
package struct MountTree: Sendable {
  /// A file or directory in the tree.
  package struct Place: Sendable {
    package let fileSystem: any FileSystem
    package let item: ItemID

    package init(fileSystem: any FileSystem, item: ItemID) {
      self.fileSystem = fileSystem
      self.item = item
    }

    package func attributes() throws -> FileAttributes { try fileSystem.attributes(of: item) }
  }

  private struct MountPoint: Hashable {
    let fileSystem: ObjectIdentifier
    let item: ItemID

    init(_ place: Place) {
      fileSystem = ObjectIdentifier(place.fileSystem)
      item = place.item
    }
  }

  package let root: Place
  private var mounted: [MountPoint: Place] = [:]
  /// Where what is shown in a second place has its first one, by the second.
  private var origins: [MountPoint: GuestPath] = [:]

  /// Links that are followed on one path before it counts as a circle, as in the kernel.
  private static let linkLimit = 40
  /// Components that a path may come to with all its links.
  private static let componentLimit = 4096

  /// - Parameter directory: what is at the top, where that is not the root of the file system.
  package init(root: any FileSystem, at directory: ItemID? = nil) {
    self.root = Place(fileSystem: root, item: directory ?? root.root)
  }

  /// Mounts a file system on a directory, which then shows that.
  ///
  /// - Parameter options: by which a file system of several trees says what it shows.
  /// - Throws: ``PathError`` where there is no such directory; ``FileSystemError``.
  package mutating func mount(
    _ fileSystem: any FileSystem, options: [String] = [], at path: GuestPath
  ) throws {
    let place = try self.place(at: path)
    guard try place.attributes().kind == .directory else {
      throw PathError(.notADirectory, path)
    }
    let top = try fileSystem.root(mountedWith: options)
    mount(Place(fileSystem: fileSystem, item: top), at: place)
  }

  /// Shows what is at `origin` where `point` is, too.
  ///
  /// - Throws: ``PathError`` where one of both is not there.
  package mutating func bind(_ origin: GuestPath, at point: GuestPath) throws {
    let (place, path) = try resolve(origin)
    let point = try self.place(at: point)
    mount(place, at: point)
    origins[MountPoint(point)] = path
  }

  private mutating func mount(_ place: Place, at point: Place) {
    mounted[MountPoint(point)] = place
    origins[MountPoint(point)] = nil
  }

  /// The first place of what an entry of `directory` shows in a second one; nil where it has no
  /// other, or where that can no longer be seen.
  package func origin(of entry: DirectoryEntry, in directory: Place) -> GuestPath? {
    let point = MountPoint(Place(fileSystem: directory.fileSystem, item: entry.item))
    guard let origin = origins[point], let place = mounted[point],
      let seen = try? self.place(at: origin), MountPoint(seen) == MountPoint(place)
    else { return nil }
    return origin
  }

  /// Whether a file system is the root's or mounted somewhere.
  package func shows(_ fileSystem: any FileSystem) -> Bool {
    root.fileSystem === fileSystem || mounted.values.contains { $0.fileSystem === fileSystem }
  }

  /// What is at `path`.
  ///
  /// - Parameter followingLast: whether a link at the very end is followed as well.
  /// - Throws: ``PathError``, and what the file system throws.
  package func place(at path: GuestPath, followingLast: Bool = true) throws -> Place {
    try resolve(path, followingLast: followingLast).place
  }

  /// What is at `path`, and the path without links, "." and "..".
  package func resolve(
    _ path: GuestPath, followingLast: Bool = true
  ) throws -> (place: Place, path: GuestPath) {
    // What is still to walk, the next component last.
    var rest = Array(path.components.reversed())
    var walked: [(name: FileName, place: Place)] = []
    var links = 0
    var steps = 0
    while let name = rest.popLast() {
      steps += 1
      guard steps <= Self.componentLimit else { throw PathError(.tooLong, path) }
      if name == "." { continue }
      if name == ".." {
        _ = walked.popLast()
        continue
      }
      let directory = walked.last?.place ?? root
      let attributes = try directory.attributes()
      guard attributes.kind == .directory else { throw PathError(.notADirectory, path) }
      guard let entry = try directory.fileSystem.entry(named: name, in: directory.item) else {
        throw PathError(.notFound, path)
      }
      let place = self.place(of: entry, in: directory)
      if !rest.isEmpty || followingLast, try place.attributes().kind == .symbolicLink {
        links += 1
        guard links <= Self.linkLimit else { throw PathError(.circle, path) }
        let target = GuestPath(try place.fileSystem.target(ofSymbolicLink: place.item).bytes)
        if target.isAbsolute { walked = [] }
        rest += target.components.reversed()
        continue
      }
      walked.append((entry.name, place))
    }
    return (walked.last?.place ?? root, GuestPath(components: walked.map(\.name)))
  }

  /// What an entry of `directory` leads to: what is mounted there, if anything is.
  package func place(of entry: DirectoryEntry, in directory: Place) -> Place {
    let place = Place(fileSystem: directory.fileSystem, item: entry.item)
    return mounted.isEmpty ? place : mounted[MountPoint(place)] ?? place
  }
}
