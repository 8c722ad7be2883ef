package import BlockDevices

/// A file system on a device, opened for reading; the device is never written.
///
/// Nothing on the disk is trusted: every call throws where a structure is damaged, and none traps
/// or goes on without end. A journal that the machine left unfinished is replayed into an
/// ``Overlay`` when the file system is opened. Calls may come from several threads at once.
package protocol FileSystem: AnyObject, Sendable {
  /// Opens the file system on `device`; nil where it holds another one or none.
  ///
  /// - Throws: ``FileSystemError`` where it is this one but cannot be read.
  static func open(_ device: any BlockDevice) throws -> Self?

  /// Opens a file system that may lie on further devices as well; nil as with ``open(_:)``.
  ///
  /// - Parameters:
  ///   - device: the one that ``FileExtent/Storage/volume(offset:)`` counts on.
  ///   - others: where the rest of it may be, among others.
  /// - Throws: ``FileSystemError``.
  static func open(_ device: any BlockDevice, beside others: [any BlockDevice]) throws -> Self?

  /// Opens a file system whose beginning is gone, by copies that it keeps elsewhere; nil where
  /// there are none. Only for a device on which nothing else is recognised: what was there before
  /// another file system was made leaves copies as well.
  ///
  /// - Throws: ``FileSystemError``.
  static func openByCopies(_ device: any BlockDevice) throws -> Self?

  /// The name of its kind as `mount -t` and blkid have it: "ext4", "vfat", "exfat".
  var typeName: String { get }

  /// What was found and done when it was opened.
  var state: FileSystemState { get }

  /// The directory at the top.
  var root: ItemID { get }

  /// Which of the other devices that it was opened beside belong to it, by their places among them.
  var memberIndices: [Int] { get }

  /// The trees of their own that it holds below the one at the very top, by their paths from there;
  /// empty where a file system is one tree.
  func subvolumes() throws -> [[FileName]]

  /// The directory that is at the top when the file system is mounted with these options: of btrfs
  /// `subvol=` and `subvolid=` choose.
  ///
  /// - Throws: ``FileSystemError`` where there is none such.
  func root(mountedWith options: [String]) throws -> ItemID

  func attributes(of item: ItemID) throws -> FileAttributes

  /// Calls `visit` with each entry of a directory in the order of the disk, without "." and "..",
  /// until it returns false.
  func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws

  /// The entry of that name, by the file system's own rule of equal names; nil where there is none.
  func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry?

  /// The bytes of a regular file.
  func content(of file: ItemID) throws -> any FileContent

  /// Where a symbolic link points to, as it is written there.
  func target(ofSymbolicLink link: ItemID) throws -> FileName

  /// Extended attributes with their full names ("user.mime_type"), in the order of the disk.
  ///
  /// Access control lists are among them, as the kernel shows them: `system.posix_acl_access` and
  /// `system.posix_acl_default` in the layout that getxattr(2) gives.
  func extendedAttributes(of item: ItemID) throws -> [ExtendedAttribute]

  /// Streams of bytes that an item has besides its own, as NTFS knows them. Those that are small
  /// enough for Linux are among the extended attributes as well, as `user.NAME`.
  func namedStreams(of item: ItemID) throws -> [NamedStream]

  /// The bytes of a stream.
  ///
  /// - Throws: ``FileSystemError`` where there is none of that name.
  func content(ofStream name: FileName, of item: ItemID) throws -> any FileContent
}

extension FileSystem {
  package static func open(
    _ device: any BlockDevice, beside others: [any BlockDevice]
  ) throws -> Self? {
    try open(device)
  }

  package static func openByCopies(_ device: any BlockDevice) throws -> Self? { nil }

  package var memberIndices: [Int] { [] }

  package func subvolumes() throws -> [[FileName]] { [] }

  package func root(mountedWith options: [String]) throws -> ItemID { root }

  package func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    var found: DirectoryEntry?
    try forEachEntry(of: directory) { entry in
      if entry.name == name { found = entry }
      return found == nil
    }
    return found
  }

  package func extendedAttributes(of item: ItemID) throws -> [ExtendedAttribute] { [] }

  package func namedStreams(of item: ItemID) throws -> [NamedStream] { [] }

  package func content(ofStream name: FileName, of item: ItemID) throws -> any FileContent {
    throw FileSystemError(
      .unsupported, in: typeName, "stream \(name)",
      "files in a file system of this type have one stream each")
  }
}

/// A file or directory of a file system, by the number that is its own there.
package struct ItemID: Hashable, Sendable {
  /// Which tree of the file system, where it has several.
  package let tree: UInt64
  /// The inode, the record, or where its directory entry lies.
  package let number: UInt64

  package init(_ number: UInt64, tree: UInt64 = 0) {
    self.number = number
    self.tree = tree
  }
}

/// A name that a directory gives to an item.
package struct DirectoryEntry: Sendable {
  package let name: FileName
  package let item: ItemID
  /// What the directory says that it is; nil where only the item's attributes tell.
  package let kind: FileKind?

  package init(name: FileName, item: ItemID, kind: FileKind?) {
    self.name = name
    self.item = item
    self.kind = kind
  }
}

/// A stream of an item besides its own bytes.
package struct NamedStream: Sendable, Equatable {
  package let name: FileName
  package let byteCount: UInt64
  /// Whether it is an extended attribute as well.
  package let isAttribute: Bool

  package init(name: FileName, byteCount: UInt64, isAttribute: Bool) {
    self.name = name
    self.byteCount = byteCount
    self.isAttribute = isAttribute
  }
}

/// A name and a value that an item carries besides its bytes.
package struct ExtendedAttribute: Sendable, Equatable {
  package let name: FileName
  package let value: [UInt8]

  package init(name: FileName, value: [UInt8]) {
    self.name = name
    self.value = value
  }
}
