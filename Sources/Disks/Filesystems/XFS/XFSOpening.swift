internal import BlockDevices
internal import Bytes

/// A file system that is being opened: what its log holds is put over it, and its superblock is
/// read again then.
struct XFSOpening {
  private(set) var volume: XFSVolume
  private(set) var state: FileSystemState

  /// - Throws: ``FileSystemError`` where the device has the file system, and it cannot be read. Nil
  ///   where it has another one.
  /// - Parameter isLost: whether the first superblock may be missing.
  init?(_ device: any BlockDevice, isLost: Bool = false) throws {
    guard let found = try XFSSuperblockSearch(device, isLost: isLost) else { return nil }
    let superblock = found.superblock
    volume = XFSVolume(device, superblock)
    state = FileSystemState(warnings: found.warnings)
    guard !superblock.features.incompatible.contains(.needsRepair) else {
      throw volume.damaged("the superblock", "it is marked as in need of repair")
    }
    guard superblock.logStart != 0 else {
      throw FileSystemError(
        .unsupported, in: xfsTypeName, "the log",
        "it is on another device, and may hold what is missing here")
    }
    if let range = try XFSLogSearch(XFSLogArea(device, superblock)).unfinishedRange() {
      try replay(range, isLost: isLost)
    }
    let byteCount = UInt64(superblock.blockByteCount) * volume.superblock.blockCount
    if byteCount > device.byteCount {
      state.warnings.append("the device ends before the file system does")
    }
  }

  private mutating func replay(_ range: XFSLogRange, isLost: Bool) throws {
    let replay = try XFSReplay(of: range, over: volume.device, volume.superblock)
    guard let again = try XFSSuperblockSearch(replay.overlay, isLost: isLost) else {
      throw volume.damaged("the superblock", "the log replaces it by something else")
    }
    guard again.superblock.blockByteCount == volume.superblock.blockByteCount,
      again.superblock.features.version == volume.superblock.features.version
    else { throw volume.damaged("the superblock", "the log makes another file system of it") }
    state.journal = .replayed(transactions: replay.transactionCount)
    state.warnings += replay.unfinished.warnings
    volume = XFSVolume(
      replay.overlay, overlay: replay.overlay, again.superblock, unfinished: replay.unfinished)
  }
}
