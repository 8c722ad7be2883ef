internal import Glibc
internal import SystemPackage

/// What the system knows of a file.
package struct FileStatus: Sendable {
  package enum Kind: Sendable { case regular, directory, blockDevice, other }

  package let kind: Kind
  /// Bytes; 0 for a block device.
  package let byteCount: UInt64
  /// Bytes that the file system has set aside for it.
  package let allocatedByteCount: UInt64
  /// The file system it lies on.
  package let device: UInt64
  /// Its number on that file system: the same pair, the same file.
  package let inode: UInt64
  /// When its bytes changed last, and when anything about it did, since 1970.
  private let bytesChanged: Moment
  private let changed: Moment

  private struct Moment: Sendable, Equatable {
    let seconds: Int64
    let nanoseconds: Int64

    init(_ time: timespec) {
      seconds = Int64(time.tv_sec)
      nanoseconds = Int64(time.tv_nsec)
    }
  }

  /// Negative where the clock was set back.
  package var secondsSinceChange: Int64 { Int64(time(nil)) - bytesChanged.seconds }

  /// Whether it is the same file with the same bytes, as far as the system tells.
  package func isUnchanged(since earlier: FileStatus) -> Bool {
    device == earlier.device && inode == earlier.inode && byteCount == earlier.byteCount
      && bytesChanged == earlier.bytesChanged && changed == earlier.changed
  }

  /// Whether nobody has written to it since, as far as the system tells; its name may be another.
  package func hasSameBytes(as earlier: FileStatus) -> Bool {
    byteCount == earlier.byteCount && bytesChanged == earlier.bytesChanged
  }

  init(_ stat: Stat) {
    switch stat.type {
    case .regular: kind = .regular
    case .directory: kind = .directory
    case .blockSpecial: kind = .blockDevice
    default: kind = .other
    }
    byteCount = UInt64(max(0, stat.size))
    allocatedByteCount = UInt64(max(0, stat.blocksAllocated)) * 512
    device = UInt64(stat.deviceID.rawValue)
    inode = UInt64(stat.inode.rawValue)
    bytesChanged = Moment(stat.st_mtim)
    changed = Moment(stat.st_ctim)
  }
}
