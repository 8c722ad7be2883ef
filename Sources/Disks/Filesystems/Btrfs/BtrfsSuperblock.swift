internal import Bytes

/// The superblock (Linux, btrfs_tree.h, `struct btrfs_super_block`; 4,096 bytes, little-endian).
///
///     checksum:32, fsid:16, place:u64, flags:u64, "_BHRfS_M", generation:u64, root:u64,
///     chunkRoot:u64, logRoot:u64, … (0x90) sectorSize:u32, nodeSize:u32, …
///     (0xA0) systemChunks:u32, chunkRootGeneration:u64, … (0xBC) incompatible:u64,
///     checksumType:u16, rootLevel:u8, chunkRootLevel:u8, logRootLevel:u8, deviceItem:98,
///     label:256, … (0x23B) metadataUUID:16, … (0x32B) systemChunkArray:2048, …
struct BtrfsSuperblock: Sendable {
  static let byteCount = 4096
  /// Where it and its copies lie.
  static let places: [UInt64] = [64 << 10, 64 << 20, 256 << 30]
  private static let seedingFlag: UInt64 = 1 << 32

  let fsid: [UInt8]
  /// What the headers of nodes name, which is the fsid unless that was changed.
  let metadataUUID: [UInt8]
  let generation: UInt64
  let root: BtrfsPointer
  let chunkRoot: BtrfsPointer
  /// Nil where nothing was synced since the last commit.
  let logRoot: BtrfsPointer?
  let sectorByteCount: Int
  let nodeByteCount: Int
  let checksum: BtrfsChecksum
  let features: BtrfsFeatures
  /// Whether other file systems may lie on top of it.
  let isSeed: Bool
  let device: BtrfsDeviceItem
  let systemChunks: [UInt8]

  static func isThere(_ bytes: RawSpan) -> Bool {
    bytes.byteCount == byteCount && bytes.extracting(0x40..<0x48).starts(with: "_BHRfS_M")
  }

  /// - Parameter place: where the bytes were read.
  /// - Throws: ``FileSystemError``; `.unsupported` says that the superblock itself is good.
  init(_ bytes: RawSpan, at place: UInt64) throws {
    func wrong(_ reason: String) -> FileSystemError { damagedBtrfs("the superblock", reason) }
    guard Self.isThere(bytes) else { throw wrong("the magic number is missing") }
    let checksumType: UInt16 = try bytes.littleEndian(at: 0xC4)
    guard let checksum = BtrfsChecksum(rawValue: checksumType) else {
      throw wrong("its checksum is of type \(checksumType), which is not known here")
    }
    guard checksum.matches(bytes.extracting(0x20..<bytes.byteCount), bytes) else {
      throw wrong("the checksum does not match")
    }
    guard try bytes.littleEndian(at: 0x30) == place else {
      throw wrong("it names another place than its own")
    }
    self.checksum = checksum
    features = BtrfsFeatures(rawValue: try bytes.littleEndian(at: 0xBC))
    guard features.unknown.isEmpty else {
      throw unsupportedBtrfs("the superblock", features.unknown.joined(separator: ", "))
    }
    fsid = Array(try bytes.field(at: 0x20, count: 16))
    let hasOther = features.contains(.metadataUUID)
    metadataUUID = hasOther ? Array(try bytes.field(at: 0x23B, count: 16)) : fsid
    isSeed = try bytes.littleEndian(at: 0x38, as: UInt64.self) & Self.seedingFlag != 0
    generation = try bytes.littleEndian(at: 0x48)
    let sectorSize: UInt32 = try bytes.littleEndian(at: 0x90)
    let nodeSize: UInt32 = try bytes.littleEndian(at: 0x94)
    guard 4096...65_536 ~= sectorSize, sectorSize.nonzeroBitCount == 1,
      sectorSize...65_536 ~= nodeSize, nodeSize.nonzeroBitCount == 1
    else { throw wrong("sectors of \(sectorSize) bytes, nodes of \(nodeSize)") }
    sectorByteCount = Int(sectorSize)
    nodeByteCount = Int(nodeSize)
    root = BtrfsPointer(
      logical: try bytes.littleEndian(at: 0x50), generation: generation,
      level: try bytes.littleEndian(at: 0xC6))
    chunkRoot = BtrfsPointer(
      logical: try bytes.littleEndian(at: 0x58), generation: try bytes.littleEndian(at: 0xA4),
      level: try bytes.littleEndian(at: 0xC7))
    let log: UInt64 = try bytes.littleEndian(at: 0x60)
    // What is synced belongs to the transaction that was not committed.
    logRoot =
      log == 0
      ? nil
      : BtrfsPointer(
        logical: log, generation: generation &+ 1, level: try bytes.littleEndian(at: 0xC8))
    device = try BtrfsDeviceItem(bytes.field(at: 0xC9, count: BtrfsDeviceItem.byteCount))
    let count: UInt32 = try bytes.littleEndian(at: 0xA0)
    guard count <= 2048 else { throw wrong("\(count) bytes of system chunks") }
    systemChunks = Array(try bytes.field(at: 0x32B, count: Int(count)))
  }
}

/// A device as the superblock and the chunk tree describe it (`struct btrfs_dev_item`).
///
///     id:u64, … (0x42) uuid:16, fsid:16
struct BtrfsDeviceItem: Sendable {
  static let byteCount = 98

  let id: UInt64
  let uuid: [UInt8]

  init(_ bytes: RawSpan) throws(TruncatedInput) {
    id = try bytes.littleEndian(at: 0)
    uuid = Array(try bytes.field(at: 0x42, count: 16))
  }
}

func damagedBtrfs(
  _ structure: String, block: UInt64? = nil, _ reason: String
) -> FileSystemError {
  FileSystemError(.damaged, in: "btrfs", structure, block: block, reason)
}

func unsupportedBtrfs(_ structure: String, _ reason: String) -> FileSystemError {
  FileSystemError(.unsupported, in: "btrfs", structure, "\(reason): this is not read here")
}
