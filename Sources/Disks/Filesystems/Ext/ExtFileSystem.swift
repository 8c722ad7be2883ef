package import BlockDevices
internal import Bytes

/// ext2, ext3 and ext4, as Linux has them.
package final class ExtFileSystem: FileSystem {
  package let state: FileSystemState
  package let root = ItemID(2)
  private let volume: ExtVolume

  private init(_ volume: ExtVolume, _ state: FileSystemState) {
    self.volume = volume
    self.state = state
  }

  package static func open(_ device: any BlockDevice) throws -> ExtFileSystem? {
    guard let opening = try ExtOpening(device) else { return nil }
    return ExtFileSystem(opening.volume, opening.state)
  }

  package static func openByCopies(_ device: any BlockDevice) throws -> ExtFileSystem? {
    guard let opening = try ExtOpening(device, isLost: true) else { return nil }
    let fileSystem = ExtFileSystem(opening.volume, opening.state)
    // A copy may be all that is left.
    guard (try? fileSystem.attributes(of: fileSystem.root))?.kind == .directory else { return nil }
    return fileSystem
  }

  package var typeName: String { volume.superblock.typeName }

  package func attributes(of item: ItemID) throws -> FileAttributes {
    try inode(item).attributes(on: volume)
  }

  package func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    let inode = try inode(directory)
    // Where checksums do not tell: a directory that is listed as a file is not looked into.
    let isChecked = volume.superblock.hasMetadataChecksums
    var problem: FileSystemError?
    try volume.forEachEntry(of: inode) { raw in
      var entry = volume.directoryEntry(raw, named: FileName(Array(raw.name)))
      if !isChecked, let kind = entry.kind, let actual = actualKind(of: entry), actual != kind {
        entry = DirectoryEntry(name: entry.name, item: entry.item, kind: nil)
        problem =
          problem
          ?? volume.damaged(
            "the directory of \(inode.structure)",
            "\(entry.name) is another kind of file to it than to inode \(raw.inode)")
      }
      return try visit(entry)
    }
    if let problem { throw problem }
  }

  /// What the inode says; nil where it cannot be had, which shows when the item is asked for.
  private func actualKind(of entry: DirectoryEntry) -> FileKind? {
    do { return try inode(entry.item).kind } catch { return nil }
  }

  package func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    try volume.entry(named: name, in: try inode(directory))
  }

  package func content(of file: ItemID) throws -> any FileContent {
    let inode = try inode(file)
    guard inode.kind == .regular else { throw wrongKind(inode, "it is not a regular file") }
    try refuseEncrypted(inode)
    if inode.flags.contains(.inlineData) {
      return InlineContent(try volume.inlineBytes(of: inode))
    }
    return volume.content(of: inode)
  }

  package func target(ofSymbolicLink link: ItemID) throws -> FileName {
    let inode = try inode(link)
    guard inode.kind == .symbolicLink else { throw wrongKind(inode, "it is not a symbolic link") }
    try refuseEncrypted(inode)
    return FileName(try volume.target(ofSymbolicLink: inode))
  }

  package func extendedAttributes(of item: ItemID) throws -> [ExtendedAttribute] {
    try volume.extendedAttributes(of: try inode(item))
  }

  /// An inode that a directory may name.
  private func inode(_ item: ItemID) throws -> ExtInode {
    guard let number = UInt32(exactly: item.number),
      number == root.number || number >= volume.superblock.firstInode
    else {
      throw volume.damaged("inode \(item.number)", "no directory may name it")
    }
    let inode = try volume.inode(number)
    guard inode.linkCount > 0, inode.mode != 0 else {
      throw volume.damaged(inode.structure, "a directory names it, but it is not in use")
    }
    return inode
  }

  private func wrongKind(_ inode: ExtInode, _ reason: String) -> FileSystemError {
    FileSystemError(.wrongKind, in: typeName, inode.structure, reason)
  }

  private func refuseEncrypted(_ inode: ExtInode) throws {
    guard inode.flags.contains(.encrypted) else { return }
    throw FileSystemError(
      .encrypted, in: typeName, inode.structure,
      "its bytes are encrypted, and there is no key here")
  }
}
