internal import Bytes
internal import Hashing
internal import Maps
internal import Synchronization
package import Tiers
package import Vaults
package import Workers

/// Proves recovery points: reads every map and chunk they need and checks its digest.
///
/// What several points share is read once.
package struct Verification {
  package var points: [RecoveryPoint]
  package var workerCount = availableCores()

  package init(points: [RecoveryPoint]) { self.points = points }

  /// What was checked, and what is wrong.
  package struct Report: Sendable {
    package var mapCount = 0
    package var chunkCount = 0
    /// Plain bytes of all that was checked.
    package var byteCount: UInt64 = 0
    /// Each disk that cannot be restored whole.
    package var damaged: [DamagedDisk] = []
  }

  package struct DamagedDisk: Sendable, Codable {
    package var point: String
    package var disk: String
    /// The first byte that is lost.
    package var offset: UInt64
    package var reason: String
  }

  /// - Throws: ``Cancelled``, ``StoreError``; damage is reported, not thrown.
  package func run(
    in open: OpenTier, progress: Progress, cancellation: Cancellation
  ) throws -> Report {
    let checked = CheckedRecords(open.index)
    var reader = TierReader(open)
    let regions = gatherRegions(&reader, checked)
    progress.expect(regions.reduce(0) { $0 + UInt64($1.byteCount) })
    let cancellation = cancellation.child()
    try share(
      regions, among: workerCount, cancellation: cancellation,
      makeWorker: { RegionVerifier(open, checked, progress, cancellation) },
      each: { worker, region in try worker.verify(region) })
    var report = checked.report
    if checked.hasDamage { report.damaged = findDamage(&reader, checked) }
    return report
  }

  /// Every region map once, with the length of its region; checks the maps above them.
  private func gatherRegions(
    _ reader: inout TierReader, _ checked: CheckedRecords
  ) -> [RegionToVerify] {
    var regions: [RegionToVerify] = []
    for point in points {
      for disk in point.trees {
        guard let tree = disk.tree else { continue }
        do {
          try tree.forEachRegion { id in
            try checked.map(id) { try reader.map(id) }
          } enter: {
            checked.isNew($0)
          } visit: { region, map in
            let range = Region.range(region, diskByteCount: tree.diskByteCount)
            regions.append(RegionToVerify(map: map, byteCount: range.count))
          }
        } catch { checked.noteBrokenTree() }
      }
    }
    return regions
  }

  /// Which disks need what is damaged.
  private func findDamage(
    _ reader: inout TierReader, _ checked: CheckedRecords
  ) -> [DamagedDisk] {
    var found: [DamagedDisk] = []
    for point in points {
      for disk in point.trees {
        guard let (offset, reason) = firstDamage(of: disk, &reader, checked) else { continue }
        found.append(
          DamagedDisk(point: point.id, disk: disk.name, offset: offset, reason: reason))
      }
    }
    return found
  }

  private func firstDamage(
    of disk: RecoveryPoint.Disk, _ reader: inout TierReader, _ checked: CheckedRecords
  ) -> (offset: UInt64, reason: String)? {
    guard let tree = disk.tree else { return (0, "its root is no digest") }
    var position: UInt64 = 0
    do {
      try tree.forEachRegion {
        try reader.map($0)
      } visit: { region, id in
        let range = Region.range(region, diskByteCount: tree.diskByteCount)
        position = range.lowerBound
        let bytes = try reader.map(id)
        let map = try RegionMap(decoding: bytes.span.bytes, byteCount: range.count)
        for item in map.items {
          if case .chunk(let id, _) = item, let reason = checked.damage(of: id) {
            throw DamageFound(reason: reason)
          }
          position += UInt64(item.byteCount)
        }
      }
    } catch { return (position, "\(error)") }
    return nil
  }
}

private struct DamageFound: Error, CustomStringConvertible {
  let reason: String
  var description: String { reason }
}
