internal import BlockDevices
internal import Bytes

/// A file system that is being opened: its superblock, or a copy of that.
struct ExtOpening {
  let volume: ExtVolume
  let state: FileSystemState

  /// - Throws: ``FileSystemError`` where the device has the file system, and it cannot be read. Nil
  ///   where it has another one.
  init?(_ device: any BlockDevice) throws {
    guard let found = try ExtSuperblockSearch(device) else { return nil }
    let volume = ExtVolume(device, found.superblock)
    self.volume = volume
    var state = FileSystemState()
    state.warnings = found.warnings
    self.state = state
  }
}

/// Finds the superblock; a copy where the first one is damaged.
struct ExtSuperblockSearch {
  static let place: UInt64 = 1024

  let superblock: ExtSuperblock
  var warnings: [String] = []

  /// Nil where the first superblock has not even the magic number: what copies lie behind it may be
  /// those of a file system that was there before.
  init?(_ device: any BlockDevice) throws {
    guard device.holds(UInt64(ExtSuperblock.byteCount), at: Self.place) else { return nil }
    let bytes = try device.bytes(at: Self.place, count: ExtSuperblock.byteCount)
    guard try bytes.span.bytes.littleEndian(at: 0x38) == ExtSuperblock.magic else { return nil }
    do {
      superblock = try ExtSuperblock(bytes.span.bytes)
    } catch let error as FileSystemError where error.problem == .damaged {
      guard let copy = try copiedSuperblock(on: device, insteadOf: bytes) else { throw error }
      superblock = copy
      warnings = [
        "the superblock is damaged (\(error.reason)); the copy of group \(copy.group) was read"
      ]
    }
  }
}

/// The first copy that is not damaged, where block sizes and groups are as they usually are.
private func copiedSuperblock(
  on device: any BlockDevice, insteadOf first: [UInt8]
) throws -> ExtSuperblock? {
  for shift in 0...6 {
    let size: UInt64 = 1024 << UInt64(shift)
    for group: UInt64 in [1, 3, 5, 7, 9] {
      let place = (group * size * 8 + (shift == 0 ? 1 : 0)) * size
      guard device.holds(UInt64(ExtSuperblock.byteCount), at: place) else { continue }
      let bytes = try device.bytes(at: place, count: ExtSuperblock.byteCount)
      guard try bytes.span.bytes.littleEndian(at: 0x38) == ExtSuperblock.magic,
        let copy = try? ExtSuperblock(bytes.span.bytes),
        copy.blockByteCount == Int(size), UInt64(copy.group) == group,
        UInt64(copy.blocksPerGroup) == size * 8
      else { continue }
      return copy
    }
  }
  return nil
}
