internal import Bytes

/// The blocks of a file system's own structures: superblocks, group descriptors, bitmaps and tables
/// of inodes. A file whose map leads there is damaged, however right its numbers look.
struct ExtReservedBlocks: Sendable {
  /// Ascending, apart from one another.
  private let ranges: [Range<UInt64>]

  /// Groups beyond so many are left out: their descriptors would be too much to read for a check.
  private static let groupLimit: UInt64 = 1 << 16

  init(of volume: ExtVolume) {
    let superblock = volume.superblock
    var found: [Range<UInt64>] = []
    let perBlock = UInt64(superblock.blockByteCount / superblock.descriptorByteCount)
    let isMeta = superblock.features.incompatible.contains(.metaBlockGroups)
    let descriptorBlocks =
      isMeta ? 0 : (superblock.groupCount + perBlock - 1) / perBlock
    for group in 0..<min(superblock.groupCount, Self.groupLimit) {
      if superblock.hasSuperblock(group) {
        let start =
          group == 0 ? superblock.superblockBlock : superblock.firstBlock(ofGroup: group)
        found.append(start..<start + 1 + descriptorBlocks)
      }
      // A damaged descriptor is told to whoever reads an inode of the group.
      guard let own = try? volume.readGroup(group) else { continue }
      found.append(own.inodeTable..<own.inodeTable + superblock.inodeTableBlockCount)
      found.append(own.blockBitmap..<own.blockBitmap + 1)
      found.append(own.inodeBitmap..<own.inodeBitmap + 1)
    }
    ranges = joined(found)
  }

  func overlap(_ range: Range<UInt64>) -> Bool {
    let number = ranges.firstIndex(fromWhereOn: { $0.upperBound > range.lowerBound })
    return number < ranges.count && ranges[number].lowerBound < range.upperBound
  }
}

private func joined(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
  var joined: [Range<UInt64>] = []
  for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
    if let last = joined.last, range.lowerBound <= last.upperBound {
      joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
    } else {
      joined.append(range)
    }
  }
  return joined
}
