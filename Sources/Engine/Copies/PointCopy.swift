internal import Hashing
internal import Maps
internal import Packs
package import Tiers
package import Vaults
package import Workers

/// Copies recovery points from one tier to another: transfer from the snapshot tier to the vault
/// tier, and replication to the secondary tier, are this.
///
/// Sends only what the target lacks, as it is sealed: whole packs where it lacks most of one, else
/// single records. Each point is committed when all it names is durable there. Stopped at any
/// moment it leaves both tiers sound, and the next run goes on.
package struct PointCopy {
  package let vault: Vault
  package let source: OpenTier
  package let target: OpenTier
  package var workerCount = availableCores()

  package init(vault: Vault, from source: OpenTier, to target: OpenTier) {
    self.vault = vault
    self.source = source
    self.target = target
  }

  /// What was sent.
  package struct Report: Sendable {
    package var points: [RecoveryPoint] = []
    /// Bytes of the packs that were written.
    package var sentBytes: UInt64 = 0

    package init() {}
  }

  /// - Parameter points: oldest first.
  /// - Throws: ``ReadError``, ``StoreError``, ``Cancelled``. Points that were committed before
  ///   stay.
  package func run(
    _ points: [RecoveryPoint], progress: Progress, cancellation: Cancellation
  ) throws -> Report {
    var report = Report()
    // One for all points: what an earlier one brought is not looked at again.
    var needed = NeededRecords(of: source, lackedBy: target)
    let shipment = PackShipment(
      source: source, target: target, compression: vault.compression, workerCount: workerCount)
    for point in points {
      do {
        try plan(point, &needed, cancellation)
        report.sentBytes += try shipment.send(needed, progress, cancellation.child())
      } catch let error as ReadError {
        // Of a point that was deleted meanwhile nothing has to be there.
        guard try vault.isGone(point, from: source.tier) else { throw error }
        needed = NeededRecords(of: source, lackedBy: target)
        continue
      }
      let latest = try vault.latestForCommit(target.tier, notices: target.notices)
      try vault.copyMachine(of: point, from: source.tier, to: latest.tier, source.notices)
      let isCopied = try latest.vault.copyDocument(
        try vault.path(of: point), from: source.tier, to: latest.tier)
      if isCopied { report.points.append(point) }
    }
    return report
  }

  private func plan(
    _ point: RecoveryPoint, _ needed: inout NeededRecords, _ cancellation: Cancellation
  ) throws {
    do { try plan(point, needed, cancellation.child()) } catch is ReadError {
      // A bit that flipped in the index may hide what is there.
      _ = try source.recheckIndex()
      needed = NeededRecords(of: source, lackedBy: target)
      try plan(point, needed, cancellation.child())
    }
  }

  /// Walks a point's trees and marks what the target lacks by its index. That the target has an
  /// earlier point with the same regions says nothing: it may have lost what that one needs.
  private func plan(
    _ point: RecoveryPoint, _ needed: NeededRecords, _ cancellation: Cancellation
  ) throws {
    var reader = TierReader(source)
    var regions: [PlannedRegion] = []
    for disk in point.trees {
      guard let tree = disk.tree else { continue }
      try tree.forEachRegion {
        try reader.map($0)
      } enter: {
        try needed.mark($0, as: .map)
      } visit: { region, map in
        // Reached only where `enter` found the region's map to be new.
        let range = Region.range(region, diskByteCount: tree.diskByteCount)
        regions.append(PlannedRegion(map: map, byteCount: range.count))
      }
    }
    try share(
      regions, among: workerCount, cancellation: cancellation,
      makeWorker: { RegionPlanner(source, needed, cancellation) },
      each: { planner, region in try planner.plan(region) })
  }
}

/// A region whose map has not been looked at.
private struct PlannedRegion: Sendable {
  let map: ContentID
  let byteCount: Int
}

/// Marks what regions need; one for each thread.
private struct RegionPlanner: ~Copyable {
  private let needed: NeededRecords
  private let cancellation: Cancellation
  private var reader: TierReader

  init(_ source: OpenTier, _ needed: NeededRecords, _ cancellation: Cancellation) {
    self.needed = needed
    self.cancellation = cancellation
    reader = TierReader(source)
  }

  mutating func plan(_ region: PlannedRegion) throws {
    try cancellation.check()
    let bytes = try reader.map(region.map)
    let map = try RegionMap(decoding: bytes.span.bytes, byteCount: region.byteCount)
    for case .chunk(let id, _) in map.items { _ = try needed.mark(id, as: .chunk) }
  }
}
