internal import Hashing
internal import Maps
package import Tiers
package import Vaults
package import Workers

/// Copies recovery points from one tier to another: transfer from the snapshot tier to the vault
/// tier is this, and so will be every other way between tiers.
///
/// Sends only what the target lacks, as it is sealed, and commits each point when all it names is
/// durable there. Stopped at any moment it leaves both tiers sound, and the next run goes on.
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
    for point in points {
      let writer = TierWriter(target)
      do {
        try copy(point, with: writer, progress, cancellation.child())
      } catch {
        writer.abandon()
        throw error
      }
      var digester = Digester()
      try writer.finish(digester: &digester)
      if let machine = try vault.machine(point.machine, in: source.tier) {
        try vault.save(machine, to: target.tier)
      }
      try vault.commit(point, to: target.tier)
      report.points.append(point)
      report.sentBytes += writer.writtenByteCount
    }
    return report
  }

  private func copy(
    _ point: RecoveryPoint, with writer: TierWriter, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    var planner = CopyWorker(from: source, writer: writer, cancellation: cancellation)
    var work: [CopyWork] = []
    for disk in point.disks {
      guard let tree = disk.tree else { continue }
      try tree.forEachRegion {
        try planner.copyMap($0)
      } visit: { region, map in
        let range = Region.range(region, diskByteCount: tree.diskByteCount)
        work.append(CopyWork(map: map, byteCount: range.count))
      }
    }
    try planner.finish()
    progress.expect(work.reduce(0) { $0 + UInt64($1.byteCount) })
    try share(
      work, among: workerCount, cancellation: cancellation,
      makeWorker: { CopyWorker(from: source, writer: writer, cancellation: cancellation) },
      finish: { try $0.finish() },
      each: { worker, region in
        try worker.copy(region)
        progress.advance(UInt64(region.byteCount))
      })
  }
}

/// A region that may have to be sent.
struct CopyWork: Sendable {
  let map: ContentID
  let byteCount: Int
}
