internal import Bytes

/// The descriptors of groups (Linux, Documentation/filesystems/ext4/group_descr.rst):
///
///     descriptor := 0x00 blockBitmap:u32, 0x04 inodeBitmap:u32, 0x08 inodeTable:u32,
///                   0x1E checksum:u16, 0x20 blockBitmapHigh:u32, 0x24 inodeBitmapHigh:u32,
///                   0x28 inodeTableHigh:u32
///
/// A block of them lies behind the first superblock and behind its copies; with meta_bg in the
/// groups that it describes.
extension ExtVolume {
  /// Where a group's own structures are.
  struct Group {
    let blockBitmap: UInt64
    let inodeBitmap: UInt64
    let inodeTable: UInt64
  }

  /// Reads where a group's structures are; from a copy where the first descriptor is damaged.
  func readGroup(_ group: UInt64) throws -> Group {
    guard group < superblock.groupCount else {
      throw damaged("group \(group)", "the file system has \(superblock.groupCount) groups")
    }
    let perBlock = UInt64(superblock.blockByteCount / superblock.descriptorByteCount)
    var first: (any Error)?
    for place in descriptorBlocks(group / perBlock) {
      do {
        let block = try block(place, of: "the group descriptors")
        let start = Int(group % perBlock) * superblock.descriptorByteCount
        return try parseGroup(
          in: block.span.bytes.extracting(start..<start + superblock.descriptorByteCount),
          group, at: place)
      } catch let error as FileSystemError {
        first = first ?? error
      }
    }
    throw first ?? damaged("the descriptor of group \(group)", "it lies nowhere")
  }

  /// Where a block of descriptors and its copies lie, the first one first.
  private func descriptorBlocks(_ number: UInt64) -> [UInt64] {
    let superblock = superblock
    let perBlock = UInt64(superblock.blockByteCount / superblock.descriptorByteCount)
    guard superblock.features.incompatible.contains(.metaBlockGroups),
      number >= superblock.firstMetaGroup
    else {
      let copies = (1..<min(superblock.groupCount, 50)).filter { superblock.hasSuperblock($0) }
        .prefix(4).map { superblock.firstBlock(ofGroup: $0) + number + 1 }
      return [superblock.superblockBlock + number + 1] + copies
    }
    let group = number * perBlock
    return [group, group + 1, group + perBlock - 1].filter { $0 < superblock.groupCount }.map {
      let isBehindSuperblock: UInt64 = superblock.hasSuperblock($0) ? 1 : 0
      // Blocks of 1 KiB that are counted from 0: the boot block comes before the superblock.
      let bootBlock: UInt64 =
        superblock.blockByteCount == 1024 && $0 == 0 && superblock.firstDataBlock == 0 ? 1 : 0
      return superblock.firstBlock(ofGroup: $0) + isBehindSuperblock + bootBlock
    }
  }

  private func parseGroup(
    in descriptor: RawSpan, _ group: UInt64, at place: UInt64
  ) throws -> Group {
    let stored: UInt16 = try descriptor.littleEndian(at: 0x1E)
    if let computed = checksum(of: descriptor, group), computed != stored {
      throw damaged(
        "the descriptor of group \(group)", block: place, "its checksum does not match")
    }
    func number(at offset: Int) throws -> UInt64 {
      let low: UInt32 = try descriptor.littleEndian(at: offset)
      let high: UInt32 =
        descriptor.byteCount >= 64 ? try descriptor.littleEndian(at: 0x20 + offset) : 0
      return UInt64(high) << 32 | UInt64(low)
    }
    let found = Group(
      blockBitmap: try number(at: 0), inodeBitmap: try number(at: 4),
      inodeTable: try number(at: 8))
    guard superblock.holds(superblock.inodeTableBlockCount, from: found.inodeTable) else {
      throw damaged(
        "the descriptor of group \(group)", block: place,
        "inodes at block \(found.inodeTable), which is not in the file system")
    }
    return found
  }

  /// What a descriptor's checksum must be; nil where the file system has none.
  private func checksum(of descriptor: RawSpan, _ group: UInt64) -> UInt16? {
    let number = UInt32(truncatingIfNeeded: group)
    let before = descriptor.extracting(0..<0x1E)
    let after = descriptor.extracting(0x20..<descriptor.byteCount)
    if superblock.hasMetadataChecksums {
      let castagnoli = CyclicChecksum.castagnoli
      var value = castagnoli.updating(superblock.checksumSeed, with: number)
      value = castagnoli.updating(value, with: before)
      value = castagnoli.updating(value, with: UInt16(0))
      value = castagnoli.updating(value, with: after)
      return UInt16(truncatingIfNeeded: value)
    }
    guard superblock.features.readOnlyCompatible.contains(.groupChecksums) else { return nil }
    let uuid = superblock.uuid
    var value = crc16(.max, uuid.span.bytes)
    let numberBytes = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    value = crc16(value, numberBytes.span.bytes)
    value = crc16(value, before)
    return crc16(value, after)
  }
}

/// CRC-16 with the polynomial 0x8005, lowest bit first: only short structures have it.
private func crc16(_ checksum: UInt16, _ bytes: RawSpan) -> UInt16 {
  var value = checksum
  for place in 0..<bytes.byteCount {
    value ^= UInt16(bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self))
    for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 0 ? 0 : 0xA001) }
  }
  return value
}
