internal import Bytes

/// What describes the whole file system: 1,024 bytes at offset 1,024, with copies at the start of
/// some groups. Little-endian, offsets in bytes
/// (Linux, Documentation/filesystems/ext4/super.rst):
///
///     superblock := 0x00 inodes:u32, 0x04 blocks:u32, 0x14 firstDataBlock:u32, 0x18 blockSize:u32,
///                   0x1C clusterSize:u32, 0x20 blocksPerGroup:u32, 0x28 inodesPerGroup:u32,
///                   0x38 magic:u16, 0x3A state:u16, 0x4C revision:u32, 0x54 firstInode:u32,
///                   0x58 inodeSize:u16, 0x5A group:u16, 0x5C features:u32×3, 0x68 uuid:16,
///                   0xCD reservedDirectoryBlocks:u8,
///                   0xE0 journalInode:u32, 0xE4 journalDevice:u32, 0xEC hashSeed:u32×4,
///                   0xFD journalCopyType:u8, 0xFE descriptorSize:u16, 0x104 firstMetaGroup:u32,
///                   0x10C journalCopy:68, 0x150 blocksHigh:u32,
///                   0x160 flags:u32, 0x175 checksumType:u8, 0x194 errors:u32,
///                   0x24C backupGroups:u32×2, 0x270 checksumSeed:u32, 0x3FC checksum:u32
struct ExtSuperblock: Sendable {
  static let byteCount = 1024
  static let magic: UInt16 = 0xEF53

  let features: ExtFeatures
  let typeName: String
  let inodeCount: UInt32
  let blockCount: UInt64
  let firstDataBlock: UInt64
  let blockByteCount: Int
  let clusterByteCount: UInt64
  let blocksPerGroup: UInt64
  let inodesPerGroup: UInt32
  let inodeByteCount: Int
  let descriptorByteCount: Int
  let firstMetaGroup: UInt64
  let backupGroups: [UInt64]
  let firstInode: UInt32
  /// Blocks that a directory may have behind its end.
  let reservedDirectoryBlocks: UInt8
  /// The group whose copy this is.
  let group: UInt16
  let uuid: [UInt8]
  let journalInode: UInt32
  let journalDevice: UInt32
  /// What ``ExtVolume/journalInodeCopy`` is made of; nil where there is no copy.
  let journalCopy: [UInt8]?
  /// For the index of directories.
  let hashSeed: [UInt32]
  let hashesAreUnsigned: Bool
  let wasUnmounted: Bool
  let hasErrors: Bool
  /// What every checksum begins with.
  let checksumSeed: UInt32

  /// - Parameter bytes: ``byteCount`` of them, with the magic number.
  /// - Throws: ``FileSystemError`` where it is damaged or has features that are not read.
  init(_ bytes: RawSpan) throws {
    let features = ExtFeatures(
      compatible: .init(rawValue: try bytes.littleEndian(at: 0x5C)),
      incompatible: .init(rawValue: try bytes.littleEndian(at: 0x60)),
      readOnlyCompatible: .init(rawValue: try bytes.littleEndian(at: 0x64)))
    self.features = features
    typeName = features.typeName
    try checkSuperblock(bytes, features)

    inodeCount = try bytes.littleEndian(at: 0x00)
    let low: UInt32 = try bytes.littleEndian(at: 0x04)
    let high: UInt32 =
      features.incompatible.contains(.blockNumbers64) ? try bytes.littleEndian(at: 0x150) : 0
    blockCount = UInt64(high) << 32 | UInt64(low)
    firstDataBlock = UInt64(try bytes.littleEndian(at: 0x14, as: UInt32.self))
    let blockShift: UInt32 = try bytes.littleEndian(at: 0x18)
    let clusterShift: UInt32 = try bytes.littleEndian(at: 0x1C)
    guard blockShift <= 6 else { throw damaged("a block size of 2^\(blockShift) KiB", features) }
    blockByteCount = 1024 << Int(blockShift)
    if features.readOnlyCompatible.contains(.clusters) {
      guard clusterShift >= blockShift, clusterShift <= 20 else {
        throw damaged("a cluster size of 2^\(clusterShift) KiB", features)
      }
      clusterByteCount = 1024 << UInt64(clusterShift)
    } else {
      clusterByteCount = UInt64(blockByteCount)
    }
    blocksPerGroup = UInt64(try bytes.littleEndian(at: 0x20, as: UInt32.self))
    inodesPerGroup = try bytes.littleEndian(at: 0x28)
    let revision: UInt32 = try bytes.littleEndian(at: 0x4C)
    inodeByteCount = revision == 0 ? 128 : Int(try bytes.littleEndian(at: 0x58, as: UInt16.self))
    firstInode = revision == 0 ? 11 : try bytes.littleEndian(at: 0x54)
    descriptorByteCount =
      features.incompatible.contains(.blockNumbers64)
      ? Int(try bytes.littleEndian(at: 0xFE, as: UInt16.self)) : 32
    firstMetaGroup = UInt64(try bytes.littleEndian(at: 0x104, as: UInt32.self))
    backupGroups = [
      UInt64(try bytes.littleEndian(at: 0x24C, as: UInt32.self)),
      UInt64(try bytes.littleEndian(at: 0x250, as: UInt32.self)),
    ]
    reservedDirectoryBlocks = try bytes.littleEndian(at: 0xCD)
    group = try bytes.littleEndian(at: 0x5A)
    let identity = try bytes.field(at: 0x68, count: 16)
    uuid = Array(identity)
    journalInode = try bytes.littleEndian(at: 0xE0)
    journalDevice = try bytes.littleEndian(at: 0xE4)
    // Another type than that of a map says nothing of what the field holds.
    let copyType: UInt8 = try bytes.littleEndian(at: 0xFD)
    journalCopy = copyType == 1 ? Array(try bytes.field(at: 0x10C, count: 68)) : nil
    hashSeed = [
      try bytes.littleEndian(at: 0xEC), try bytes.littleEndian(at: 0xF0),
      try bytes.littleEndian(at: 0xF4), try bytes.littleEndian(at: 0xF8),
    ]
    hashesAreUnsigned = try bytes.littleEndian(at: 0x160, as: UInt32.self) & 2 != 0
    let state: UInt16 = try bytes.littleEndian(at: 0x3A)
    wasUnmounted = state & 1 != 0
    let errors: UInt32 = try bytes.littleEndian(at: 0x194)
    hasErrors = state & 2 != 0 || errors != 0
    checksumSeed =
      features.incompatible.contains(.checksumSeed)
      ? try bytes.littleEndian(at: 0x270, as: UInt32.self)
      : CyclicChecksum.castagnoli.updating(.max, with: identity)
    try checkGeometry()
  }

  var hasMetadataChecksums: Bool { features.readOnlyCompatible.contains(.metadataChecksums) }

  var groupCount: UInt64 {
    (blockCount - firstDataBlock + blocksPerGroup - 1) / blocksPerGroup
  }

  /// Blocks of a group's table of inodes.
  var inodeTableBlockCount: UInt64 {
    (UInt64(inodesPerGroup) + UInt64(inodesPerBlock) - 1) / UInt64(inodesPerBlock)
  }

  var inodesPerBlock: UInt32 { UInt32(blockByteCount / inodeByteCount) }

  /// The block of the first superblock, from which the group descriptors are counted.
  var superblockBlock: UInt64 { blockByteCount == 1024 ? 1 : 0 }

  func firstBlock(ofGroup group: UInt64) -> UInt64 { firstDataBlock + group * blocksPerGroup }

  /// Whether a group begins with a superblock.
  func hasSuperblock(_ group: UInt64) -> Bool {
    if group == 0 { return true }
    if features.compatible.contains(.sparseSuperblocks2) { return backupGroups.contains(group) }
    if group == 1 || !features.readOnlyCompatible.contains(.sparseSuperblocks) { return true }
    return [UInt64(3), 5, 7].contains { base in
      var power = base
      while power < group { power *= base }
      return power == group
    }
  }

  /// Whether `count` blocks from `block` on can hold something: the first block of all never does.
  func holds(_ count: UInt64, from block: UInt64) -> Bool {
    block > firstDataBlock && block < blockCount && count <= blockCount - block
  }

  private func checkGeometry() throws {
    let bitsPerBlock = UInt64(blockByteCount) * 8
    let blocksPerCluster = clusterByteCount / UInt64(blockByteCount)
    guard blocksPerGroup > 0, blocksPerGroup <= bitsPerBlock * blocksPerCluster else {
      throw damaged("\(blocksPerGroup) blocks in a group", features)
    }
    guard inodeByteCount >= 128, inodeByteCount <= blockByteCount,
      inodeByteCount & (inodeByteCount - 1) == 0
    else { throw damaged("an inode size of \(inodeByteCount)", features) }
    guard inodesPerGroup >= inodesPerBlock, UInt64(inodesPerGroup) <= bitsPerBlock else {
      throw damaged("\(inodesPerGroup) inodes in a group", features)
    }
    guard
      descriptorByteCount == 32
        || descriptorByteCount >= 64 && descriptorByteCount <= 1024
          && descriptorByteCount & (descriptorByteCount - 1) == 0
    else { throw damaged("a descriptor size of \(descriptorByteCount)", features) }
    guard firstDataBlock <= 1, blockCount > firstDataBlock, blockCount <= 1 << 48 else {
      throw damaged("\(blockCount) blocks from \(firstDataBlock) on", features)
    }
    guard groupCount <= UInt64(UInt32.max),
      groupCount * UInt64(inodesPerGroup) == UInt64(inodeCount)
    else {
      throw damaged("\(inodeCount) inodes in \(groupCount) groups", features)
    }
  }
}

/// Checks what must hold before any other field is believed.
private func checkSuperblock(_ bytes: RawSpan, _ features: ExtFeatures) throws {
  if features.readOnlyCompatible.contains(.metadataChecksums) {
    let type: UInt8 = try bytes.littleEndian(at: 0x175)
    let stored: UInt32 = try bytes.littleEndian(at: 0x3FC)
    let computed = CyclicChecksum.castagnoli.updating(
      .max, with: bytes.extracting(0..<0x3FC))
    guard stored == computed else { throw damaged("its checksum does not match", features) }
    guard type == 1 else {
      throw FileSystemError(
        .unsupported, in: features.typeName, "the superblock", "checksum type \(type) is unknown")
    }
  }
  let unknown = features.unknown
  guard unknown.isEmpty else {
    throw FileSystemError(
      .unsupported, in: features.typeName, "the superblock",
      "it uses what cannot be read here: \(unknown.joined(separator: ", "))")
  }
}

private func damaged(_ what: String, _ features: ExtFeatures) -> FileSystemError {
  FileSystemError(.damaged, in: features.typeName, "the superblock", what)
}
