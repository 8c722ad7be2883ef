internal import Bytes

/// What the file system keeps of a file besides its names
/// (Linux, Documentation/filesystems/ext4/inodes.rst):
///
///     inode := 0x00 mode:u16, 0x02 owner:u16, 0x04 size:u32, 0x08 accessed:u32, 0x0C changed:u32,
///              0x10 modified:u32, 0x14 deleted:u32, 0x18 group:u16, 0x1A links:u16,
///              0x1C blocks:u32, 0x20 flags:u32, 0x28 map:60, 0x64 generation:u32,
///              0x68 attributes:u32, 0x6C sizeHigh:u32, 0x74 blocksHigh:u16,
///              0x76 attributesHigh:u16, 0x78 ownerHigh:u16, 0x7A groupHigh:u16,
///              0x7C checksum:u16,
///              0x80 extraByteCount:u16, 0x82 checksumHigh:u16, 0x84 changedExtra:u32,
///              0x88 modifiedExtra:u32, 0x8C accessedExtra:u32, 0x90 created:u32,
///              0x94 createdExtra:u32
///
/// The fields from 0x80 on are there in inodes of more than 128 bytes, as far as their own
/// extraByteCount says.
struct ExtInode: Sendable {
  struct Flags: OptionSet, Sendable {
    let rawValue: UInt32
    static let encrypted = Flags(rawValue: 0x800)
    static let indexed = Flags(rawValue: 0x1000)
    static let countedInBlocks = Flags(rawValue: 0x4_0000)
    static let extents = Flags(rawValue: 0x8_0000)
    static let attributeValue = Flags(rawValue: 0x20_0000)
    static let inlineData = Flags(rawValue: 0x1000_0000)
    static let caseFolded = Flags(rawValue: 0x4000_0000)
  }

  static let mapByteCount = 60

  let number: UInt32
  let mode: UInt16
  let flags: Flags
  let generation: UInt32
  let linkCount: UInt16
  let byteCount: UInt64
  /// Blocks of 512 bytes, or of the file system with ``Flags/countedInBlocks``.
  let allocated: UInt64
  /// The block of extended attributes; 0 where there is none.
  let attributeBlock: UInt64
  /// Bytes from 128 on that are fields; what follows them in the inode are extended attributes.
  let extraByteCount: Int
  /// Whether extended attributes may follow the fields.
  let hasRoomForAttributes: Bool
  /// What the checksums of its blocks begin with.
  let checksumSeed: UInt32
  /// The block that it lies in, from where.
  let block: [UInt8]
  let place: Int
  let inodeByteCount: Int

  var span: RawSpan {
    @_lifetime(borrow self)
    borrowing get { block.span.bytes.extracting(place..<place + inodeByteCount) }
  }

  /// Where its bytes are, or its bytes.
  var map: RawSpan {
    @_lifetime(borrow self)
    borrowing get { block.span.bytes.extracting(place + 0x28..<place + 0x28 + Self.mapByteCount) }
  }

  /// The kind that the mode names; nil where it names none.
  var kind: FileKind? { FileKind(mode: mode) }

  /// How errors call it.
  var structure: String { "inode \(number)" }
}

extension ExtVolume {
  /// Reads an inode and checks that it is one.
  func inode(_ number: UInt32) throws -> ExtInode {
    guard number > 0, number <= superblock.inodeCount else {
      throw damaged("inode \(number)", "the file system has inodes 1 to \(superblock.inodeCount)")
    }
    let group = UInt64((number - 1) / superblock.inodesPerGroup)
    let index = (number - 1) % superblock.inodesPerGroup
    let blockNumber =
      try inodeTable(ofGroup: group) + UInt64(index / superblock.inodesPerBlock)
    let block = try block(blockNumber, of: "inode \(number)")
    let place = Int(index % superblock.inodesPerBlock) * superblock.inodeByteCount
    return try parseInode(number, block, at: place, blockNumber)
  }

  private func parseInode(
    _ number: UInt32, _ block: [UInt8], at place: Int, _ blockNumber: UInt64
  ) throws -> ExtInode {
    let bytes = block.span.bytes.extracting(place..<place + superblock.inodeByteCount)
    let extra = try extraByteCount(of: bytes)
    guard let extra else {
      throw damaged("inode \(number)", block: blockNumber, "it says it is larger than it is")
    }
    let generation: UInt32 = try bytes.littleEndian(at: 0x64)
    let seed = checksumSeed(ofInode: number, generation: generation)
    if superblock.hasMetadataChecksums, try !isIntact(bytes, seed: seed, extra: extra) {
      throw damaged("inode \(number)", block: blockNumber, "its checksum does not match")
    }
    let mode: UInt16 = try bytes.littleEndian(at: 0x00)
    let links: UInt16 = try bytes.littleEndian(at: 0x1A)
    let flags = ExtInode.Flags(rawValue: try bytes.littleEndian(at: 0x20))
    let isLarge =
      mode & 0xF000 == 0x8000
      || superblock.features.incompatible.contains(.largeDirectories)
    let sizeHigh: UInt32 = isLarge ? try bytes.littleEndian(at: 0x6C) : 0
    let size = UInt64(sizeHigh) << 32 | UInt64(try bytes.littleEndian(at: 0x04, as: UInt32.self))
    guard size <= UInt64(Int64.max) else {
      throw damaged("inode \(number)", block: blockNumber, "its size is \(size)")
    }
    let blocksHigh: UInt16 =
      superblock.features.readOnlyCompatible.contains(.hugeFiles)
      ? try bytes.littleEndian(at: 0x74) : 0
    let attributesHigh: UInt16 =
      superblock.features.incompatible.contains(.blockNumbers64)
      ? try bytes.littleEndian(at: 0x76) : 0
    // Where the fields' size is 0 the system takes them to be there, and no attributes behind them.
    let assumed = min(32, superblock.inodeByteCount - 128)
    return ExtInode(
      number: number, mode: mode, flags: flags, generation: generation, linkCount: links,
      byteCount: size,
      allocated: UInt64(blocksHigh) << 32
        | UInt64(try bytes.littleEndian(at: 0x1C, as: UInt32.self)),
      attributeBlock: UInt64(attributesHigh) << 32
        | UInt64(try bytes.littleEndian(at: 0x68, as: UInt32.self)),
      extraByteCount: extra == 0 ? assumed : extra, hasRoomForAttributes: extra != 0,
      checksumSeed: seed, block: block, place: place,
      inodeByteCount: superblock.inodeByteCount)
  }

  /// Bytes of fields from 128 on; nil where they are more than there is room for.
  private func extraByteCount(of bytes: RawSpan) throws -> Int? {
    guard bytes.byteCount > 128 else { return 0 }
    let extra = Int(try bytes.littleEndian(at: 0x80, as: UInt16.self))
    return extra <= bytes.byteCount - 128 && extra % 4 == 0 ? extra : nil
  }

  func checksumSeed(ofInode number: UInt32, generation: UInt32) -> UInt32 {
    let castagnoli = CyclicChecksum.castagnoli
    return castagnoli.updating(
      castagnoli.updating(superblock.checksumSeed, with: number), with: generation)
  }

  private func isIntact(_ bytes: RawSpan, seed: UInt32, extra: Int) throws -> Bool {
    let castagnoli = CyclicChecksum.castagnoli
    var value = castagnoli.updating(seed, with: bytes.extracting(0..<0x7C))
    value = castagnoli.updating(value, with: UInt16(0))
    value = castagnoli.updating(value, with: bytes.extracting(0x7E..<0x80))
    let low: UInt16 = try bytes.littleEndian(at: 0x7C)
    guard bytes.byteCount > 128 else { return low == UInt16(truncatingIfNeeded: value) }
    value = castagnoli.updating(value, with: bytes.extracting(0x80..<0x82))
    guard extra >= 4 else {
      value = castagnoli.updating(value, with: bytes.extracting(0x82..<bytes.byteCount))
      return low == UInt16(truncatingIfNeeded: value)
    }
    value = castagnoli.updating(value, with: UInt16(0))
    value = castagnoli.updating(value, with: bytes.extracting(0x84..<bytes.byteCount))
    let high: UInt16 = try bytes.littleEndian(at: 0x82)
    return value == UInt32(high) << 16 | UInt32(low)
  }
}
