internal import Bytes

/// What the file system knows of a file. Big-endian but for the checksum, offsets in bytes
/// (XFS Algorithms & Data Structures, "On-disk Inode"):
///
///     inode := 0x00 "IN", 0x02 mode:u16, 0x04 version:u8, 0x05 format:u8, 0x06 links:u16,
///              0x08 uid:u32, 0x0C gid:u32, 0x10 links:u32, 0x18 manyExtents:u64,
///              0x20 accessed:u64, 0x28 modified:u64, 0x30 changed:u64, 0x38 size:u64,
///              0x40 blocks:u64, 0x4C extents:u32, 0x50 attributeExtents:u16, 0x52 attributesAt:u8,
///              0x53 attributeFormat:i8, 0x5A flags:u16, 0x5C generation:u32, and in version 3
///              0x64 checksum:u32, 0x70 lsn:u64, 0x78 flags:u64, 0x90 created:u64, 0x98 inode:u64,
///              0xA0 uuid:16; then the fork of data, and that of attributes in so many units of
///              8 bytes behind its start
struct XFSInode: Sendable {
  static let magic: UInt16 = 0x494E

  /// How a fork says where its bytes are.
  enum Format: UInt8 {
    case device = 0
    /// The bytes themselves.
    case local = 1
    case extents = 2
    /// The root of a tree of extents.
    case tree = 3
  }

  struct Flags: OptionSet {
    let rawValue: UInt64
    static let realTime = Flags(rawValue: 0x1)
    /// In the upper half: what version 3 has besides.
    static let bigTime = Flags(rawValue: 0x8 << 16)
    static let largeExtentCounts = Flags(rawValue: 0x10 << 16)
    static let metadata = Flags(rawValue: 0x20 << 16)
  }

  let number: UInt64
  private let bytes: [UInt8]
  let mode: UInt16
  let version: UInt8
  let kind: FileKind?
  let linkCount: UInt32
  let byteCount: UInt64
  let blockCount: UInt64
  let flags: Flags
  let data: XFSFork
  /// Nil where it has none.
  let attributes: XFSFork?

  var span: RawSpan { @_lifetime(borrow self) get { bytes.span.bytes } }

  var structure: String { "inode \(number)" }

  /// - Parameters:
  ///   - bytes: as many as an inode has.
  ///   - wrong: makes an error of a reason.
  init(
    _ number: UInt64, _ bytes: [UInt8], _ superblock: XFSSuperblock,
    wrong: (String) -> FileSystemError
  ) throws {
    self.number = number
    self.bytes = bytes
    let span = bytes.span.bytes
    guard try span.bigEndian(at: 0) == Self.magic else {
      throw wrong("the magic number is missing")
    }
    mode = try span.bigEndian(at: 0x02)
    version = try span.bigEndian(at: 0x04)
    guard superblock.features.hasChecksums ? version == 3 : version == 1 || version == 2 else {
      throw wrong("version \(version), which it cannot have here")
    }
    if version == 3 {
      guard try span.littleEndian(at: 0x64) == xfsChecksum(of: span, fieldAt: 0x64) else {
        throw wrong("the checksum does not match")
      }
      guard try span.bigEndian(at: 0x98) == number else { throw wrong("it is another inode") }
      guard try span.field(at: 0xA0, count: 16).isEqual(to: superblock.metadataUUID.span.bytes)
      else { throw wrong("it belongs to another file system") }
    }
    kind = FileKind(mode: mode)
    linkCount =
      version == 1
      ? UInt32(try span.bigEndian(at: 0x06, as: UInt16.self)) : try span.bigEndian(at: 0x10)
    byteCount = try span.bigEndian(at: 0x38)
    guard byteCount <= UInt64(Int64.max) else { throw wrong("a size of \(byteCount) bytes") }
    blockCount = try span.bigEndian(at: 0x40)
    let more: UInt64 = version == 3 ? try span.bigEndian(at: 0x78) : 0
    let first: UInt16 = try span.bigEndian(at: 0x5A)
    flags = Flags(rawValue: UInt64(first) | more << 16)

    let start = version == 3 ? 176 : 100
    let forkOffset = Int(try span.bigEndian(at: 0x52, as: UInt8.self)) * 8
    guard forkOffset < bytes.count - start else {
      throw wrong("its attributes begin \(forkOffset) bytes behind its data")
    }
    let hasMany = flags.contains(.largeExtentCounts)
    let dataEnd = forkOffset == 0 ? bytes.count : start + forkOffset
    data = XFSFork(
      format: try span.bigEndian(at: 0x05),
      bytes: start..<dataEnd,
      extentCount: hasMany
        ? try span.bigEndian(at: 0x18) : UInt64(try span.bigEndian(at: 0x4C, as: UInt32.self)))
    attributes =
      forkOffset == 0
      ? nil
      : XFSFork(
        format: try span.bigEndian(at: 0x53),
        bytes: dataEnd..<bytes.count,
        extentCount: hasMany
          ? UInt64(try span.bigEndian(at: 0x4C, as: UInt32.self))
          : UInt64(try span.bigEndian(at: 0x50, as: UInt16.self)))
  }
}

/// One of the two things that an inode may be the root of: its data, or its attributes.
struct XFSFork: Sendable {
  /// As it is written; see ``XFSInode/Format``.
  let format: UInt8
  /// Where it lies in its inode.
  let bytes: Range<Int>
  let extentCount: UInt64
}

extension XFSInode {
  @_lifetime(borrow self)
  func span(of fork: XFSFork) -> RawSpan { bytes.span.bytes.extracting(fork.bytes) }
}

extension XFSVolume {
  /// An inode that a directory may name.
  func inode(_ number: UInt64) throws -> XFSInode {
    let structure = "inode \(number)"
    guard let (block, offset) = superblock.inodePlace(number) else {
      throw damaged(structure, "there is no such inode")
    }
    let bytes = try self.block(block, of: structure)
    let inode = try XFSInode(
      number, Array(bytes[offset..<offset + superblock.inodeByteCount]), superblock
    ) { damaged(structure, block: block, $0) }
    guard inode.linkCount > 0, inode.mode != 0 else {
      throw damaged(structure, block: block, "a directory names it, but it is not in use")
    }
    guard !inode.flags.contains(.metadata) else {
      throw damaged(
        structure, block: block, "a directory names it, but it is the file system's own")
    }
    return inode
  }
}
