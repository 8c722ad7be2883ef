internal import BlockDevices
internal import Bytes

/// A file system that is being opened: its devices are put together, and what was synced since its
/// last commit is put over that.
struct BtrfsOpening {
  let volume: BtrfsVolume
  let state: FileSystemState
  /// The subvolume that is shown.
  let subvolume: UInt64
  /// Which of the other devices belong to it.
  let memberIndices: [Int]

  /// - Parameter isLost: whether the first superblock may be missing.
  /// - Throws: ``FileSystemError`` where the device has the file system, and it cannot be read. Nil
  ///   where it has another one.
  init?(
    _ device: any BlockDevice, beside others: [any BlockDevice] = [], isLost: Bool = false
  ) throws {
    guard let found = try BtrfsSuperblockSearch(device, isLost: isLost) else { return nil }
    var devices = try BtrfsDevices(device, found, beside: others)
    let superblock = devices.superblock
    var map = try BtrfsChunkMap(ofSuperblock: superblock)
    let early = BtrfsVolume(superblock, BtrfsStorage(devices: devices, map: map))
    let items = try early.readChunkTree(into: &map)
    devices.compare(with: items)
    memberIndices = devices.indices(of: items)
    var volume = BtrfsVolume(superblock, BtrfsStorage(devices: devices, map: map))
    var state = FileSystemState(warnings: devices.warnings)
    var subvolume = try volume.defaultSubvolume()
    if try volume.rootItem(of: subvolume) == nil {
      state.warnings.append("the default subvolume, \(subvolume), is not there")
      subvolume = BtrfsObject.topLevelSubvolume
    }
    if let log = superblock.logRoot {
      let commit = try volume.lastCommit()
      do {
        let replay = try BtrfsLogs(log, on: volume).replay()
        state.journal = .synced(files: replay.fileCount, since: commit)
        volume = BtrfsVolume(
          superblock, BtrfsStorage(devices: devices, map: map), replayed: replay.result)
      } catch {
        state.journal = .notReplayed(
          reason: "\(error); what is shown is of the last commit"
            + (commit.map { ", \($0.text)" } ?? ""))
      }
    }
    self.volume = volume
    self.state = state
    self.subvolume = subvolume
  }
}

extension BtrfsVolume {
  /// Adds all chunks to the map and returns all devices.
  fileprivate func readChunkTree(into map: inout BtrfsChunkMap) throws -> [BtrfsDeviceItem] {
    var devices: [BtrfsDeviceItem] = []
    try forEachItem(
      from: BtrfsKey(0, .inode, 0), through: BtrfsKey(.max, .chunk, .max), in: chunkTree
    ) { key, data in
      if key.type == .chunk {
        try map.insert(BtrfsChunk(data, at: key.offset))
      } else if key.type == .device, key.object == BtrfsObject.devices {
        guard data.byteCount >= BtrfsDeviceItem.byteCount, devices.count < 1 << 16 else {
          throw damagedBtrfs("device \(key.offset)", "its item is none")
        }
        devices.append(try BtrfsDeviceItem(data))
      }
      return true
    }
    return devices
  }

  /// About when the last commit was: the latest change in a subvolume.
  fileprivate func lastCommit() throws -> FileTime? {
    var latest: FileTime?
    func consider(_ key: BtrfsKey, _ data: RawSpan) throws {
      guard key.type == .root, BtrfsObject.isSubvolume(key.object) else { return }
      if let time = try BtrfsRootItem(data, of: key.object).changed {
        latest = max(latest ?? time, time)
      }
    }
    try forEachItem(
      from: BtrfsKey(BtrfsObject.topLevelSubvolume, .root, 0),
      through: BtrfsKey(BtrfsObject.lastFree, .root, .max), in: rootTree
    ) { key, data in
      try consider(key, data)
      return true
    }
    return latest
  }
}
