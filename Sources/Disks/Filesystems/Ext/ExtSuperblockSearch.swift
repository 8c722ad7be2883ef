internal import BlockDevices
internal import Bytes

/// Finds the superblock; a copy where the first one is damaged.
struct ExtSuperblockSearch {
  static let place: UInt64 = 1024

  let superblock: ExtSuperblock
  var warnings: [String] = []

  /// Nil where the first superblock has not even the magic number: what copies lie behind it may be
  /// those of a file system that was there before.
  ///
  /// - Parameter isLost: whether they are believed nevertheless.
  init?(_ device: any BlockDevice, isLost: Bool) throws {
    guard device.holds(UInt64(ExtSuperblock.byteCount), at: Self.place) else { return nil }
    let bytes = try device.bytes(at: Self.place, count: ExtSuperblock.byteCount)
    guard try bytes.span.bytes.littleEndian(at: 0x38) == ExtSuperblock.magic else {
      guard isLost, let copy = try copiedSuperblock(on: device) else { return nil }
      superblock = copy
      warnings = ["the superblock is gone; the copy of group \(copy.group) was read"]
      return
    }
    do {
      superblock = try ExtSuperblock(bytes.span.bytes)
    } catch let error as FileSystemError where error.problem == .damaged {
      guard let copy = try copiedSuperblock(on: device) else { throw error }
      superblock = copy
      warnings = [
        "the superblock is damaged (\(error.reason)); the copy of group \(copy.group) was read"
      ]
    }
  }
}

/// The first copy that is not damaged, where block sizes and groups are as they usually are.
private func copiedSuperblock(on device: any BlockDevice) throws -> ExtSuperblock? {
  for shift in 0...6 {
    let size: UInt64 = 1024 << UInt64(shift)
    // A bit for each in one block, and not more than 16 bits count.
    let blocksPerGroup = min(size * 8, 65_528)
    for group: UInt64 in [1, 3, 5, 7, 9] {
      let place = (group * blocksPerGroup + (shift == 0 ? 1 : 0)) * size
      guard device.holds(UInt64(ExtSuperblock.byteCount), at: place) else { continue }
      let bytes = try device.bytes(at: place, count: ExtSuperblock.byteCount)
      guard try bytes.span.bytes.littleEndian(at: 0x38) == ExtSuperblock.magic,
        let copy = try? ExtSuperblock(bytes.span.bytes),
        copy.blockByteCount == Int(size), UInt64(copy.group) == group,
        UInt64(copy.blocksPerGroup) == blocksPerGroup
      else { continue }
      return copy
    }
  }
  return nil
}
