internal import Bytes

/// A part of a file (btrfs_tree.h, `struct btrfs_file_extent_item`); the offset of its key is where
/// it begins in the file.
///
///     extent := generation:u64, decodedByteCount:u64, compression:u8, encryption:u8, other:u16,
///               kind:u8, (data | logical:u64, storedByteCount:u64, skipped:u64, byteCount:u64)
struct BtrfsExtent: Sendable {
  enum Kind: Sendable, Equatable {
    case data(logical: UInt64, storedByteCount: UInt64)
    /// A hole, or set aside and never written.
    case zeros
    case inline
  }

  enum Compression: UInt8, Sendable {
    case none = 0
    case zlib = 1
    case lzo = 2
    case zstd = 3
  }

  static let headByteCount = 21
  private static let wholeByteCount = 53
  /// What may be compressed at once (fs/btrfs/compression.h, `BTRFS_MAX_UNCOMPRESSED`).
  static let decodedLimit: UInt64 = 128 << 10

  /// Where it begins in the file.
  let start: UInt64
  /// Bytes of the file that it has.
  let byteCount: UInt64
  let kind: Kind
  let compression: Compression
  /// Bytes of what it decodes to, and where in these the part of the file begins.
  let decodedByteCount: UInt64
  let skipped: UInt64
  /// What stands in the item itself.
  let inline: [UInt8]

  var end: UInt64 { start + byteCount }

  /// - Parameter sector: of the file system, in bytes.
  init(_ bytes: RawSpan, of key: BtrfsKey, sector: UInt64) throws {
    func wrong(_ reason: String) -> FileSystemError {
      damagedBtrfs("the extent at \(key.offset) of inode \(key.object)", reason)
    }
    guard bytes.byteCount >= Self.headByteCount else { throw wrong("it ends too early") }
    start = key.offset
    decodedByteCount = try bytes.littleEndian(at: 8)
    let code: UInt8 = try bytes.littleEndian(at: 16)
    guard let compression = Compression(rawValue: code) else {
      throw unsupportedBtrfs("inode \(key.object)", "compression of type \(code)")
    }
    self.compression = compression
    guard try bytes.littleEndian(at: 17, as: UInt8.self) == 0 else {
      throw FileSystemError(
        .encrypted, in: "btrfs", "inode \(key.object)",
        "its bytes are encrypted, and there is no key here")
    }
    guard try bytes.littleEndian(at: 18, as: UInt16.self) == 0 else {
      throw unsupportedBtrfs("inode \(key.object)", "an encoding of its bytes")
    }
    let type: UInt8 = try bytes.littleEndian(at: 20)
    guard compression == .none || decodedByteCount <= Self.decodedLimit else {
      throw wrong("it would decode to \(decodedByteCount) bytes")
    }
    if type == 0 {
      inline = Array(bytes.extracting(Self.headByteCount..<bytes.byteCount))
      byteCount = compression == .none ? UInt64(inline.count) : decodedByteCount
      guard start <= 1 << 62, byteCount > 0 else { throw wrong("it is empty") }
      (kind, skipped) = (.inline, 0)
      return
    }
    guard type <= 2, bytes.byteCount >= Self.wholeByteCount else { throw wrong("it is none") }
    inline = []
    let logical: UInt64 = try bytes.littleEndian(at: 21)
    let stored: UInt64 = try bytes.littleEndian(at: 29)
    skipped = try bytes.littleEndian(at: 37)
    byteCount = try bytes.littleEndian(at: 45)
    let (end, overflow) = start.addingReportingOverflow(byteCount)
    guard byteCount > 0, !overflow, end <= 1 << 63,
      [start, byteCount, logical, stored, skipped].allSatisfy({ $0 % sector == 0 })
    else { throw wrong("it is not one of whole sectors") }
    if logical == 0 || type == 2 {
      kind = .zeros
      return
    }
    let has = compression == .none ? stored : decodedByteCount
    guard skipped <= has, byteCount <= has - skipped else {
      throw wrong("it has \(has) bytes, and \(byteCount) from \(skipped) on are needed")
    }
    guard compression == .none || stored <= Self.decodedLimit, stored <= 1 << 62,
      logical <= 1 << 62
    else { throw wrong("\(stored) bytes of it are stored") }
    kind = .data(logical: logical, storedByteCount: stored)
  }
}
