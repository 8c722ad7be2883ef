internal import Bytes

/// What describes the whole file system: the first sector, with a copy at the start of each
/// allocation group. Big-endian but for the checksum, offsets in bytes
/// (XFS Algorithms & Data Structures, "Superblocks"):
///
///     superblock := 0x00 "XFSB", 0x04 blockSize:u32, 0x08 blocks:u64, 0x20 uuid:16,
///                   0x30 logStart:u64, 0x38 rootInode:u64, 0x54 groupBlocks:u32, 0x58 groups:u32,
///                   0x60 logBlocks:u32, 0x64 version:u16, 0x66 sectorSize:u16, 0x68 inodeSize:u16,
///                   0x6A inodesPerBlock:u16, 0x78 log2 of blockSize, sectorSize, inodeSize,
///                   inodesPerBlock, groupBlocks:u8×5, 0x7E inProgress:u8, 0xB3 sharedVersion:u8,
///                   0xC0 log2 of the blocks of a directory's block:u8, 0xC8 more features:u32×2,
///                   and in version 5 0xD0 features:u32×4, 0xE0 checksum:u32, 0xF0 lsn:u64,
///                   0xF8 metadataUUID:16
struct XFSSuperblock: Sendable {
  /// All fields lie in so many bytes; the checksum is over the sector.
  static let byteCount = 512
  static let magic: UInt32 = 0x5846_5342

  let features: XFSFeatures
  let blockByteCount: Int
  let blockCount: UInt64
  let uuid: [UInt8]
  /// What metadata carries; differs from ``uuid`` where that was changed later.
  let metadataUUID: [UInt8]
  /// Where the log begins, as a block number with the group in its upper bits; 0 where it is on
  /// another device.
  let logStart: UInt64
  let logBlockCount: UInt32
  let rootInode: UInt64
  let blocksPerGroup: UInt32
  let groupCount: UInt32
  let sectorByteCount: Int
  let inodeByteCount: Int
  let inodesPerBlockShift: UInt64
  let groupShift: UInt64
  let directoryBlockByteCount: Int
  /// Blocks of inodes that are read and given up at once.
  let inodeClusterBlockCount: Int

  /// - Parameters:
  ///   - bytes: a whole sector, or as much of it as ``byteCount`` where its size is unknown.
  ///   - isCopy: whether it is not the first one; a copy always says that the file system is not
  ///     finished.
  /// - Throws: ``FileSystemError`` where it is damaged or has features that are not read.
  init(_ bytes: RawSpan, isCopy: Bool = false) throws {
    features = try XFSFeatures(bytes)
    guard try isCopy || bytes.bigEndian(at: 0x7E) == 0 as UInt8 else {
      throw damaged("the file system was never finished")
    }
    let sectorSize: UInt16 = try bytes.bigEndian(at: 0x66)
    guard sectorSize >= 512, sectorSize <= 32768, sectorSize.nonzeroBitCount == 1 else {
      throw damaged("a sector size of \(sectorSize) bytes")
    }
    sectorByteCount = Int(sectorSize)
    guard bytes.byteCount >= sectorByteCount else { throw damaged("it ends too early") }
    if features.hasChecksums {
      let sector = bytes.extracting(0..<sectorByteCount)
      guard try sector.littleEndian(at: 0xE0) == xfsChecksum(of: sector, fieldAt: 0xE0) else {
        throw damaged("the checksum does not match")
      }
    }
    let blockSize: UInt32 = try bytes.bigEndian(at: 0x04)
    guard blockSize >= 512, blockSize <= 65536, blockSize.nonzeroBitCount == 1 else {
      throw damaged("a block size of \(blockSize) bytes")
    }
    blockByteCount = Int(blockSize)
    blockCount = try bytes.bigEndian(at: 0x08)
    uuid = Array(try bytes.field(at: 0x20, count: 16))
    metadataUUID =
      features.incompatible.contains(.metadataUUID)
      ? Array(try bytes.field(at: 0xF8, count: 16)) : uuid
    logStart = try bytes.bigEndian(at: 0x30)
    rootInode = try bytes.bigEndian(at: 0x38)
    blocksPerGroup = try bytes.bigEndian(at: 0x54)
    groupCount = try bytes.bigEndian(at: 0x58)
    logBlockCount = try bytes.bigEndian(at: 0x60)
    let inodeSize: UInt16 = try bytes.bigEndian(at: 0x68)
    inodeByteCount = Int(inodeSize)
    inodesPerBlockShift = UInt64(try bytes.bigEndian(at: 0x7B, as: UInt8.self))
    groupShift = UInt64(try bytes.bigEndian(at: 0x7C, as: UInt8.self))
    let directoryShift: UInt8 = try bytes.bigEndian(at: 0xC0)
    guard directoryShift <= 7, blockByteCount << Int(directoryShift) <= 65536 else {
      throw damaged("directory blocks of 2^\(directoryShift) blocks")
    }
    directoryBlockByteCount = blockByteCount << Int(directoryShift)
    let alignment = Int(try bytes.bigEndian(at: 0xB4, as: UInt32.self))
    let grown = 8192 * max(inodeByteCount / 256, 1)
    let isGrown = features.hasChecksums && alignment >= max(grown / blockByteCount, 1)
    inodeClusterBlockCount = max((isGrown ? grown : 8192) / blockByteCount, 1)
    try checkGeometry()
  }

  private func checkGeometry() throws {
    guard inodeByteCount >= 256, inodeByteCount <= 2048, inodeByteCount.nonzeroBitCount == 1,
      inodeByteCount <= blockByteCount,
      inodesPerBlockShift < 16, inodeByteCount << Int(inodesPerBlockShift) == blockByteCount
    else { throw damaged("inodes of \(inodeByteCount) bytes, 2^\(inodesPerBlockShift) a block") }
    guard blocksPerGroup >= 2, blocksPerGroup <= 1 << 31, groupShift <= 31,
      UInt64(blocksPerGroup) <= 1 << groupShift, groupCount > 0
    else { throw damaged("\(groupCount) groups of \(blocksPerGroup) blocks") }
    let before = UInt64(groupCount - 1) * UInt64(blocksPerGroup)
    guard blockCount > before, blockCount - before <= UInt64(blocksPerGroup),
      blockCount <= UInt64(Int64.max) / UInt64(blockByteCount)
    else { throw damaged("\(blockCount) blocks in \(groupCount) groups of \(blocksPerGroup)") }
    if logStart != 0 {
      guard logBlockCount > 0, let start = block(logStart),
        holds(UInt64(logBlockCount), from: start)
      else { throw damaged("a log that is not in the file system") }
    }
  }

}

private func damaged(_ reason: String) -> FileSystemError {
  FileSystemError(.damaged, in: xfsTypeName, "the superblock", reason)
}

/// Numbers that name a place by its allocation group in the upper bits.
extension XFSSuperblock {
  /// The block that a number names, counted from the start of the device; nil where there is none.
  func block(_ number: UInt64) -> UInt64? {
    let (group, within) = (number >> groupShift, number & (1 << groupShift - 1))
    guard group < UInt64(groupCount), within < UInt64(blocksPerGroup) else { return nil }
    let block = group * UInt64(blocksPerGroup) + within
    return block < blockCount ? block : nil
  }

  /// The block, counted from the start of the device, where an inode lies, and the offset of the
  /// inode there in bytes; nil where there is none.
  func inodePlace(_ inode: UInt64) -> (block: UInt64, offset: Int)? {
    let index = Int(inode & (1 << inodesPerBlockShift - 1))
    guard let block = block(inode >> inodesPerBlockShift), !isGroupHeader(block) else { return nil }
    return (block, index * inodeByteCount)
  }

  /// Whether `count` blocks from `block` on are within the file system.
  func holds(_ count: UInt64, from block: UInt64) -> Bool {
    block < blockCount && count <= blockCount - block
  }

  /// Whether `count` blocks from `block` on may belong to a file: they lie in one group, outside of
  /// its four sectors of headers and of the log.
  func canHoldFile(_ count: UInt64, from block: UInt64) -> Bool {
    guard count > 0, holds(count, from: block) else { return false }
    let size = UInt64(blocksPerGroup)
    guard block / size == (block + count - 1) / size, !isGroupHeader(block) else { return false }
    guard logStart != 0, let log = self.block(logStart) else { return true }
    return block >= log + UInt64(logBlockCount) || block + count <= log
  }

  private func isGroupHeader(_ block: UInt64) -> Bool {
    block % UInt64(blocksPerGroup) * UInt64(blockByteCount) < 4 * UInt64(sectorByteCount)
  }
}

extension XFSFeatures {
  /// - Parameter bytes: of a superblock, ``XFSSuperblock/byteCount`` or more.
  init(_ bytes: RawSpan) throws {
    let word: UInt16 = try bytes.bigEndian(at: 0x64)
    let flags = Version(rawValue: word)
    version = UInt8(word & 0xF)
    guard version == 4 || version == 5 else {
      throw unsupported("version \(version) of the format")
    }
    guard flags.contains(.directories2) else { throw unsupported("directories of version 1") }
    guard try bytes.bigEndian(at: 0xB3) == 0 as UInt8 else {
      throw unsupported("that it is shared by several machines")
    }
    let stored: UInt32 = try bytes.bigEndian(at: 0xC8)
    let misplaced: UInt32 = try bytes.bigEndian(at: 0xCC)
    let more = More(rawValue: flags.contains(.hasMore) ? stored | misplaced : 0)
    ignoresCase = flags.contains(.ignoresCase)
    guard version == 5 else {
      incompatible = []
      log = []
      hasLog2 = flags.contains(.log2)
      hasFileTypes = more.contains(.fileType)
      return
    }
    incompatible = Incompatible(rawValue: try bytes.bigEndian(at: 0xD8))
    log = Log(rawValue: try bytes.bigEndian(at: 0xDC))
    hasLog2 = true
    hasFileTypes = incompatible.contains(.fileType)
    let unknown = incompatible.subtracting(.read).rawValue
    guard unknown == 0 else {
      let known = Incompatible.names.filter { unknown & $0.0 != 0 }.map(\.1)
      throw unsupported(
        known.isEmpty
          ? "the unknown features 0x\(String(unknown, radix: 16))"
          : known.joined(separator: ", "))
    }
  }
}

private func unsupported(_ feature: String) -> FileSystemError {
  FileSystemError(
    .unsupported, in: xfsTypeName, "the superblock", "\(feature): it is used, and not read here")
}
