internal import Bytes
internal import DiskImages
internal import Encryption
internal import Hashing
internal import Maps
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// A disk that cannot be rebuilt from the tier that was asked.
package struct RestoreError: Error, CustomStringConvertible {
  /// The first byte of the disk that is lost.
  package let offset: UInt64
  package let cause: any Error

  package var description: String {
    "byte \(offset) and maybe more is lost: \(cause); `kluis verify` lists what else is, and "
      + "another point or tier may be whole"
  }
}

/// Rebuilds a whole disk from a recovery point, every chunk checked.
package struct DiskRestore {
  package var disk: RecoveryPoint.Disk
  package var target: FilePath
  package var format = ImageFormat.raw
  /// Whether an existing file may be replaced, or a block device overwritten.
  package var replacing = false
  /// Whether to wait until the image is on the disk.
  package var durably = false
  package var workerCount = availableCores()

  package init(disk: RecoveryPoint.Disk, target: FilePath) {
    self.disk = disk
    self.target = target
  }

  /// - Throws: ``TargetError``, ``RestoreError``, ``FileError``, ``Cancelled``. What was written of
  ///   a new image is removed then.
  package func run(from open: OpenTier, progress: Progress, cancellation: Cancellation) throws {
    guard let tree = disk.tree else {
      throw VaultError.damaged("disk \(disk.name)", reason: "its root is no digest")
    }
    progress.expect(disk.dataBytes)
    try requireSize()
    let footer = footer()
    let layout = format == .qcow2 ? QCOW2Writer(diskByteCount: disk.size) : nil
    let target = try DiskTarget(
      target, byteCount: layout == nil ? disk.size + UInt64(footer.count) : 0, layout: layout,
      replacing: replacing)
    do {
      try write(tree, to: target, open, progress, cancellation.child())
      if !footer.isEmpty { try target.write(footer.span.bytes, at: disk.size) }
      try target.finish(durably: durably)
    } catch {
      target.abandon()
      throw error
    }
  }

  /// What stands behind the disk in its image.
  private func footer() -> [UInt8] {
    guard format == .fixedVHD else { return [] }
    let secondsIn2000: Int64 = 946_684_800
    return fixedVHDFooter(
      diskByteCount: disk.size,
      timestamp: UInt32(clamping: Timestamp.now.secondsSince1970 - secondsIn2000),
      uuid: randomBytes(16))
  }

  private func requireSize() throws(TargetError) {
    guard let limit = format.byteLimit else { return }
    guard disk.size % 512 == 0 else {
      throw .notWholeSectors(target, byteCount: disk.size, format)
    }
    guard disk.size <= limit else { throw .tooLarge(target, byteCount: disk.size, format) }
  }

  private func write(
    _ tree: DiskTree, to target: DiskTarget, _ open: OpenTier, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    var maps: [(region: UInt64, map: ContentID)] = []
    var reader = TierReader(open)
    var end: UInt64 = 0
    try tree.forEachRegion {
      try reader.map($0)
    } visit: { region, map in
      let range = Region.range(region, diskByteCount: tree.diskByteCount)
      try target.writeZeros(end..<range.lowerBound)
      end = range.upperBound
      maps.append((region, map))
    }
    try target.writeZeros(end..<tree.diskByteCount)
    try share(
      maps, among: workerCount, cancellation: cancellation,
      makeWorker: { RegionRestorer(open, target, progress, cancellation) },
      each: { worker, item in
        let range = Region.range(item.region, diskByteCount: tree.diskByteCount)
        try worker.restore(range, map: item.map)
      })
  }
}
