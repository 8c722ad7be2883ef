internal import BlockDevices
internal import DiskImages
internal import Hashing
internal import Maps
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Takes a recovery point of a machine: all its disks, in parallel, into one tier.
package struct Backup {
  package struct Source: Sendable {
    package let name: String
    package let path: FilePath

    package init(name: String, path: FilePath) {
      self.name = name
      self.path = path
    }
  }

  package var machine: String
  package var sources: [Source]
  package var tags: [String: String] = [:]
  package var workerCount = availableCores()
  package var now: Timestamp = .now

  package init(machine: String, sources: [Source]) {
    self.machine = machine
    self.sources = sources
  }

  /// Runs the backup and commits the point. When this throws there is no point; what was stored on
  /// the way is found and reused by the next run.
  ///
  /// - Throws: ``FileError``, ``DiskImageError``, ``StoreError``, ``Cancelled``.
  package func run(
    vault: Vault, notices: Notices, progress: Progress, cancellation: Cancellation
  ) throws -> RecoveryPoint {
    let disks = try sources.map { source in
      DiskBackup(name: source.name, image: try DiskImage(opening: source.path))
    }
    let open = try vault.openForWriting(
      vault.firstTier, notices: notices, progress: progress, cancellation: cancellation)
    let writer = TierWriter(open)
    let shared = Shared(
      vault: vault, writer: writer, progress: progress, cancellation: cancellation.child())
    do {
      for disk in disks { try disk.plan(progress: progress) }
      try shared.run(disks, workerCount: workerCount)
      for disk in disks { try disk.image.checkSize() }
    } catch {
      if error is Cancelled { finishQuietly(writer, notices) } else { writer.abandon() }
      throw error
    }
    var digester = Digester()
    try writer.finish(digester: &digester)
    let point = RecoveryPoint(
      machine: machine, time: try time(in: vault, notices: notices),
      consistency: .crash, tags: tags, disks: disks.map(\.summary))
    let known = disks.map { Machine.Disk(name: $0.name, source: $0.image.path.string) }
    let latest = try vault.latestForCommit(vault.firstTier, notices: notices)
    try latest.vault.save(
      Machine(name: machine, disks: known, updated: point.time), to: latest.tier)
    try latest.vault.commit(point, to: latest.tier)
    return point
  }

  /// Stores also what is in packs that are not full, for the next run to find.
  private func finishQuietly(_ writer: TierWriter, _ notices: Notices) {
    var digester = Digester()
    do { try writer.finish(digester: &digester) } catch {
      notices.add("what was stored is not indexed yet: \(error)")
    }
  }

  /// Now, or a second after the machine's newest point where that is not earlier: the newest point
  /// is always the one that was taken last.
  private func time(in vault: Vault, notices: Notices) throws -> Timestamp {
    guard let last = try vault.newestTime(of: machine, notices: notices), last >= now else {
      return now
    }
    if last.secondsSince1970 - now.secondsSince1970 > 60 {
      notices.add(
        "the clock says \(now), and the newest point of \(quoted(machine)) is of \(last): "
          + "check the clock")
    }
    return Timestamp(secondsSince1970: last.secondsSince1970 + 1)
  }
}

/// What the workers of one backup share.
private struct Shared: Sendable {
  let vault: Vault
  let writer: TierWriter
  let progress: Progress
  let cancellation: Cancellation

  func run(_ disks: [DiskBackup], workerCount: Int) throws {
    let work = schedule(disks, workerCount: workerCount)
    try share(
      work, among: workerCount, cancellation: cancellation, makeWorker: makeWorker,
      finish: { try $0.finish() },
      each: { worker, item in try item.disk.backUp(item.region.index, with: &worker) })
    var worker = makeWorker()
    for disk in disks { try disk.buildTree(with: &worker) }
    try worker.finish()
  }

  private struct Work: Sendable {
    let disk: DiskBackup
    let region: DiskBackup.PlannedRegion
  }

  /// All regions in the order of the disks, except that the last few go from the largest to the
  /// smallest, so that no worker is left alone with a large one at the end.
  private func schedule(_ disks: [DiskBackup], workerCount: Int) -> [Work] {
    let all = disks.flatMap { disk in disk.regions.map { Work(disk: disk, region: $0) } }
    let last = all.suffix(workerCount * 8).sorted { $0.region.dataBytes > $1.region.dataBytes }
    return all.dropLast(last.count) + last
  }

  @Sendable private func makeWorker() -> RegionWorker {
    RegionWorker(
      chunker: vault.chunker, compression: vault.compression, writer: writer,
      cancellation: cancellation, progress: progress)
  }
}
