package import BlockDevices
internal import Bytes

/// XFS, versions 4 and 5.
package final class XFSFileSystem: FileSystem {
  package let state: FileSystemState
  package let root: ItemID
  private let volume: XFSVolume

  private init(_ opening: XFSOpening) {
    volume = opening.volume
    state = opening.state
    root = ItemID(opening.volume.superblock.rootInode)
  }

  package static func open(_ device: any BlockDevice) throws -> XFSFileSystem? {
    try XFSOpening(device).map { XFSFileSystem($0) }
  }

  package static func openByCopies(_ device: any BlockDevice) throws -> XFSFileSystem? {
    guard let opening = try XFSOpening(device, isLost: true) else { return nil }
    let fileSystem = XFSFileSystem(opening)
    // A copy may be all that is left.
    guard (try? fileSystem.attributes(of: fileSystem.root))?.kind == .directory else { return nil }
    return fileSystem
  }

  package var typeName: String { xfsTypeName }

  package func attributes(of item: ItemID) throws -> FileAttributes {
    try inode(item).attributes(on: volume)
  }

  package func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    let inode = try directoryInode(directory)
    try volume.forEachEntry(of: inode) { entry in
      try visit(volume.directoryEntry(entry, named: FileName(Array(entry.name))))
    }
  }

  package func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    try volume.entry(named: name, in: try directoryInode(directory))
  }

  package func content(of file: ItemID) throws -> any FileContent {
    let inode = try inode(file)
    guard inode.kind == .regular else { throw wrongKind(inode, "it is not a regular file") }
    return try volume.content(of: inode)
  }

  package func target(ofSymbolicLink link: ItemID) throws -> FileName {
    let inode = try inode(link)
    guard inode.kind == .symbolicLink else { throw wrongKind(inode, "it is not a symbolic link") }
    return FileName(try volume.target(ofSymbolicLink: inode))
  }

  package func extendedAttributes(of item: ItemID) throws -> [ExtendedAttribute] {
    try volume.extendedAttributes(of: try inode(item))
  }

  private func inode(_ item: ItemID) throws -> XFSInode { try volume.inode(item.number) }

  private func directoryInode(_ item: ItemID) throws -> XFSInode {
    let inode = try inode(item)
    guard inode.kind == .directory else { throw wrongKind(inode, "it is not a directory") }
    return inode
  }

  private func wrongKind(_ inode: XFSInode, _ reason: String) -> FileSystemError {
    FileSystemError(.wrongKind, in: typeName, inode.structure, reason)
  }
}
