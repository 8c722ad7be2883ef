package import BlockDevices
internal import Bytes

/// btrfs, as Linux has it, on one device or several.
///
/// Its root is the default subvolume, as it is when the file system is mounted without naming
/// another one. Subvolumes and snapshots that stand in it are directories.
package final class BtrfsFileSystem: FileSystem {
  package let state: FileSystemState
  package let root: ItemID
  package let memberIndices: [Int]
  private let volume: BtrfsVolume

  private init(_ opening: BtrfsOpening) {
    volume = opening.volume
    state = opening.state
    memberIndices = opening.memberIndices
    root = ItemID(BtrfsVolume.subvolumeDirectory, tree: opening.subvolume)
  }

  package static func open(_ device: any BlockDevice) throws -> BtrfsFileSystem? {
    try open(device, beside: [])
  }

  package static func open(
    _ device: any BlockDevice, beside others: [any BlockDevice]
  ) throws -> BtrfsFileSystem? {
    try BtrfsOpening(device, beside: others).map { BtrfsFileSystem($0) }
  }

  package static func openByCopies(_ device: any BlockDevice) throws -> BtrfsFileSystem? {
    guard let opening = try BtrfsOpening(device, isLost: true) else { return nil }
    let fileSystem = BtrfsFileSystem(opening)
    // A copy may be all that is left.
    guard (try? fileSystem.attributes(of: fileSystem.root))?.kind == .directory else { return nil }
    return fileSystem
  }

  package var typeName: String { "btrfs" }

  package func attributes(of item: ItemID) throws -> FileAttributes {
    if BtrfsVolume.isPlaceholder(item) { return try volume.attributes(ofPlaceholder: item) }
    return try inode(item).inode.attributes()
  }

  package func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    try volume.forEachEntry(of: directory, visit)
  }

  package func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    try volume.entry(named: name, in: directory)
  }

  package func content(of file: ItemID) throws -> any FileContent {
    let (inode, tree) = try inode(file)
    guard inode.kind == .regular else { throw wrongKind(inode, "it is not a regular file") }
    return BtrfsContent(inode, in: tree, on: volume)
  }

  /// Linux keeps no more than that of a target.
  private static let targetByteLimit = 65_536

  package func target(ofSymbolicLink link: ItemID) throws -> FileName {
    let (inode, tree) = try inode(link)
    guard inode.kind == .symbolicLink else { throw wrongKind(inode, "it is not a symbolic link") }
    guard inode.byteCount > 0 else {
      throw damagedBtrfs("inode \(inode.number) of tree \(tree.id)", "its target is empty")
    }
    let content = BtrfsContent(inode, in: tree, on: volume)
    return FileName(try content.bytes(limit: Self.targetByteLimit))
  }

  package func extendedAttributes(of item: ItemID) throws -> [ExtendedAttribute] {
    if BtrfsVolume.isPlaceholder(item) { return [] }
    let (inode, tree) = try inode(item)
    var found: [ExtendedAttribute] = []
    try volume.forEachItem(
      from: BtrfsKey(inode.number, .extendedAttribute, 0),
      through: BtrfsKey(inode.number, .extendedAttribute, .max), in: tree
    ) { _, data in
      let structure = "the attributes of inode \(inode.number) of tree \(tree.id)"
      for named in try BtrfsNamedItem.all(in: data, of: structure) {
        found.append(ExtendedAttribute(name: FileName(named.name), value: named.data))
      }
      return true
    }
    return found
  }

  package func subvolumes() throws -> [[FileName]] { try volume.subvolumes().map(\.path) }

  package func root(mountedWith options: [String]) throws -> ItemID {
    let named = options.last { $0.hasPrefix("subvol=") }.map { String($0.dropFirst(7)) }
    let number = options.last { $0.hasPrefix("subvolid=") }.map { String($0.dropFirst(9)) }
    var item = root
    if let number {
      guard let id = UInt64(number), id == 0 || BtrfsObject.isSubvolume(id) else {
        throw noSubvolume(number)
      }
      let tree = id == 0 ? BtrfsObject.topLevelSubvolume : id
      guard try volume.rootItem(of: tree) != nil else { throw noSubvolume(number) }
      item = ItemID(BtrfsVolume.subvolumeDirectory, tree: tree)
    }
    guard let named else { return item }
    let found = try subvolume(at: named)
    guard number == nil || found == item else {
      throw FileSystemError(
        .damaged, in: "btrfs", "subvolume \(FileName(named))", "it is not number \(number!)")
    }
    return found
  }

  /// - Parameter path: from the subvolume at the top on, as `mount -o subvol=` takes it.
  private func subvolume(at path: String) throws -> ItemID {
    var item = ItemID(BtrfsVolume.subvolumeDirectory, tree: BtrfsObject.topLevelSubvolume)
    for name in path.split(separator: "/") {
      guard try attributes(of: item).kind == .directory,
        let entry = try entry(named: FileName(String(name)), in: item)
      else { throw noSubvolume(path) }
      item = entry.item
    }
    guard item.number == BtrfsVolume.subvolumeDirectory else { throw noSubvolume(path) }
    return item
  }

  private func noSubvolume(_ name: String) -> FileSystemError {
    damagedBtrfs("subvolume \(FileName(name))", "there is none")
  }

  private func inode(_ item: ItemID) throws -> (inode: BtrfsInode, tree: BtrfsTree) {
    guard BtrfsObject.isSubvolume(item.tree) else {
      throw damagedBtrfs("tree \(item.tree)", "no directory may name it")
    }
    let tree = try volume.tree(item.tree)
    return (try volume.inode(item.number, in: tree), tree)
  }

  private func wrongKind(_ inode: BtrfsInode, _ reason: String) -> FileSystemError {
    FileSystemError(.wrongKind, in: "btrfs", "inode \(inode.number)", reason)
  }
}
