/// What an item is.
package enum FileKind: Sendable, Equatable {
  case regular
  case directory
  case symbolicLink
  case characterDevice
  case blockDevice
  case pipe
  case socket
}

/// What a file system records of an item besides its bytes and its names.
package struct FileAttributes: Sendable, Equatable {
  package var kind: FileKind
  /// The lower twelve bits of a mode: set-id bits, sticky bit, and permissions for owner, group,
  /// others.
  package var permissions: UInt16
  package var owner: UInt32
  package var group: UInt32
  /// Bytes of a regular file or of a symbolic link's target.
  package var byteCount: UInt64
  /// Bytes that are set aside for it on the disk.
  package var allocatedByteCount: UInt64
  /// Names that it has; 1 where the file system knows no more than one.
  package var linkCount: UInt32
  package var modified: FileTime
  package var accessed: FileTime?
  /// When the attributes changed last.
  package var changed: FileTime?
  package var created: FileTime?
  /// Major and minor number of a device.
  package var device: DeviceNumber?

  package init(
    kind: FileKind, permissions: UInt16, owner: UInt32 = 0, group: UInt32 = 0,
    byteCount: UInt64, allocatedByteCount: UInt64, linkCount: UInt32 = 1, modified: FileTime,
    accessed: FileTime? = nil, changed: FileTime? = nil, created: FileTime? = nil,
    device: DeviceNumber? = nil
  ) {
    self.kind = kind
    self.permissions = permissions
    self.owner = owner
    self.group = group
    self.byteCount = byteCount
    self.allocatedByteCount = allocatedByteCount
    self.linkCount = linkCount
    self.modified = modified
    self.accessed = accessed
    self.changed = changed
    self.created = created
    self.device = device
  }
}

/// A moment, as file systems count it.
package struct FileTime: Sendable, Hashable, Comparable {
  package let secondsSince1970: Int64
  /// From 0 to 999,999,999.
  package let nanoseconds: UInt32

  /// - Parameter nanoseconds: what is over a second is cut off, for it was read from a disk.
  package init(secondsSince1970: Int64, nanoseconds: UInt32 = 0) {
    self.secondsSince1970 = secondsSince1970
    self.nanoseconds = min(nanoseconds, 999_999_999)
  }

  package static func < (a: FileTime, b: FileTime) -> Bool {
    (a.secondsSince1970, a.nanoseconds) < (b.secondsSince1970, b.nanoseconds)
  }
}

package struct DeviceNumber: Sendable, Hashable {
  package let major: UInt32
  package let minor: UInt32

  package init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }
}

extension FileKind {
  /// By the upper bits of a mode as Unix writes it; nil where they say nothing that is known.
  init?(mode: UInt16) {
    switch mode & 0xF000 {
    case 0x1000: self = .pipe
    case 0x2000: self = .characterDevice
    case 0x4000: self = .directory
    case 0x6000: self = .blockDevice
    case 0x8000: self = .regular
    case 0xA000: self = .symbolicLink
    case 0xC000: self = .socket
    default: return nil
    }
  }

  /// By the number that ext4, XFS and btrfs write in a directory's entry; nil where it does not
  /// tell.
  init?(entryKind kind: UInt8) {
    switch kind {
    case 1: self = .regular
    case 2: self = .directory
    case 3: self = .characterDevice
    case 4: self = .blockDevice
    case 5: self = .pipe
    case 6: self = .socket
    case 7: self = .symbolicLink
    default: return nil
    }
  }
}
