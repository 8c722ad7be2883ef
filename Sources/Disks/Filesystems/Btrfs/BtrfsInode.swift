internal import Bytes

/// An inode (btrfs_tree.h, `struct btrfs_inode_item`, 160 bytes).
///
///     generation:u64, transaction:u64, byteCount:u64, allocated:u64, group:u64, links:u32,
///     owner:u32, group:u32, mode:u32, device:u64, flags:u64, sequence:u64, 0:32, accessed:12,
///     changed:12, modified:12, created:12
///     time := seconds:i64, nanoseconds:u32
struct BtrfsInode: Sendable {
  static let byteCount = 160
  private static let withoutChecksums: UInt64 = 1

  let number: UInt64
  let byteCount: UInt64
  let linkCount: UInt32
  let mode: UInt32
  /// Whether its data has no checksums.
  let hasNoChecksums: Bool
  private let bytes: [UInt8]

  init(_ number: UInt64, _ bytes: [UInt8]) throws {
    guard bytes.count >= Self.byteCount else {
      throw damagedBtrfs("inode \(number)", "its item has \(bytes.count) bytes")
    }
    let span = bytes.span.bytes
    self.number = number
    self.bytes = bytes
    byteCount = try span.littleEndian(at: 16)
    linkCount = try span.littleEndian(at: 40)
    mode = try span.littleEndian(at: 52)
    hasNoChecksums = try span.littleEndian(at: 64, as: UInt64.self) & Self.withoutChecksums != 0
    guard byteCount <= UInt64(Int64.max) else {
      throw damagedBtrfs("inode \(number)", "a size of \(byteCount) bytes")
    }
  }

  var kind: FileKind? {
    switch mode >> 12 {
    case 0x1: .pipe
    case 0x2: .characterDevice
    case 0x4: .directory
    case 0x6: .blockDevice
    case 0x8: .regular
    case 0xA: .symbolicLink
    case 0xC: .socket
    default: nil
    }
  }

  /// What a listing shows of it.
  func attributes() throws -> FileAttributes {
    guard let kind else {
      throw damagedBtrfs(
        "inode \(number)", "mode 0o\(String(mode, radix: 8)) is of no known kind")
    }
    let span = bytes.span.bytes
    let hasBytes = kind == .regular || kind == .directory || kind == .symbolicLink
    let device: UInt64 = try span.littleEndian(at: 56)
    let isDevice = kind == .blockDevice || kind == .characterDevice
    return FileAttributes(
      kind: kind, permissions: UInt16(mode & 0xFFF), owner: try span.littleEndian(at: 44),
      group: try span.littleEndian(at: 48), byteCount: hasBytes ? byteCount : 0,
      allocatedByteCount: try span.littleEndian(at: 24), linkCount: linkCount,
      modified: try btrfsTime(span, at: 136), accessed: try btrfsTime(span, at: 112),
      changed: try btrfsTime(span, at: 124), created: try btrfsTime(span, at: 148),
      device: isDevice
        ? DeviceNumber(
          major: UInt32(truncatingIfNeeded: device >> 20), minor: UInt32(device & 0xF_FFFF)) : nil)
  }
}

/// A time as all items have it (`struct btrfs_timespec`).
func btrfsTime(_ bytes: RawSpan, at place: Int) throws(TruncatedInput) -> FileTime {
  FileTime(
    secondsSince1970: try bytes.littleEndian(at: place),
    nanoseconds: try bytes.littleEndian(at: place + 8))
}

extension BtrfsVolume {
  /// - Throws: ``FileSystemError`` where there is no such inode.
  func inode(_ number: UInt64, in tree: BtrfsTree) throws -> BtrfsInode {
    guard let bytes = try item(BtrfsKey(number, .inode, 0), in: tree) else {
      throw damagedBtrfs("inode \(number) of tree \(tree.id)", "there is no such inode")
    }
    return try BtrfsInode(number, bytes)
  }
}
