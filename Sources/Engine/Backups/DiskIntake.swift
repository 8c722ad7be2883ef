package import BlockDevices
internal import Chunking
internal import Compression
internal import Hashing
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Stores the disks of one recovery point, in parallel, in the tier that backups go to first.
///
/// Where they are read from is up to the caller: an image, a device, a point of another vault.
package struct DiskIntake {
  private let vault: Vault
  private let notices: Notices
  private let progress: Progress
  private let cancellation: Cancellation
  package var workerCount = availableCores()

  package struct Source: Sendable {
    package let name: String
    package let device: any BlockDevice
    /// Where the disk is, for a person.
    package let origin: String
    /// What image it is, for a restore in its place; nil for a raw one, or none.
    package let format: String?
    /// The file by which chunks are recognised that are as they were, and which is then written
    /// anew; nil to compute the digest of each.
    package let fingerprints: FilePath?
    /// Whether what that file knows is left aside.
    package let isRehashing: Bool

    package init(
      name: String, device: any BlockDevice, origin: String, format: String? = nil,
      fingerprints: FilePath? = nil,
      isRehashing: Bool = false
    ) {
      self.name = name
      self.device = device
      self.origin = origin
      self.format = format
      self.fingerprints = fingerprints
      self.isRehashing = isRehashing
    }
  }

  package init(
    vault: Vault, notices: Notices, progress: Progress, cancellation: Cancellation
  ) {
    self.vault = vault
    self.notices = notices
    self.progress = progress
    self.cancellation = cancellation
  }

  /// Stores all that is new of the disks, durable when it returns. When it throws, what was stored
  /// on the way is found and reused by the next run.
  ///
  /// - Parameter check: called when all is read; nothing is kept for a point where it throws.
  /// - Throws: ``StoreError``, ``Cancelled``, ``LockedError``; what a device or `check` throws.
  package func store(
    _ sources: [Source], check: () throws -> Void = {}
  ) throws -> [RecoveryPoint.Disk] {
    let chunker = try vault.chunker()
    let open = try vault.openForWriting(
      vault.firstTier, notices: notices, progress: progress, cancellation: cancellation)
    let writer = TierWriter(open)
    let workers = RegionWorkers(
      chunker: chunker, compression: vault.compression, writer: writer, progress: progress,
      cancellation: cancellation.child())
    let disks = sources.map(DiskBackup.init)
    do {
      for disk in disks { try disk.plan(progress: progress) }
      try workers.run(disks, count: workerCount)
      try check()
    } catch {
      for disk in disks { disk.forget() }
      if error is Cancelled { finishQuietly(writer) } else { writer.abandon() }
      throw error
    }
    var digester = Digester()
    try writer.finish(digester: &digester)
    if let failure = disks.compactMap({ $0.remember() }).first {
      notices.note(
        "nothing is kept for the next backup to know unchanged chunks by, and it will compute "
          + "every digest: \(failure); KLUIS_CACHE names another place")
    }
    return disks.map(\.summary)
  }

  /// Stores also what is in packs that are not full, for the next run to find.
  private func finishQuietly(_ writer: TierWriter) {
    var digester = Digester()
    do { try writer.finish(digester: &digester) } catch {
      notices.add("what was stored is not indexed yet: \(error)")
    }
  }
}

/// What the workers of one backup share.
private struct RegionWorkers: Sendable {
  let chunker: Chunker
  let compression: CompressionSetting
  let writer: TierWriter
  let progress: Progress
  let cancellation: Cancellation

  func run(_ disks: [DiskBackup], count: Int) throws {
    let work = schedule(disks, workerCount: count)
    try share(
      work, among: count, cancellation: cancellation, makeWorker: makeWorker,
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

  /// All regions in the order of the disks, except that those with the least data come last, from
  /// the largest to the smallest: no worker is left alone with a large one at the end.
  private func schedule(_ disks: [DiskBackup], workerCount: Int) -> [Work] {
    let all = disks.flatMap { disk in disk.regions.map { Work(disk: disk, region: $0) } }
    let bySize = all.indices.sorted { all[$0].region.dataBytes > all[$1].region.dataBytes }
    let last = bySize.suffix(workerCount * 8)
    return bySize.dropLast(last.count).sorted().map { all[$0] } + last.map { all[$0] }
  }

  @Sendable private func makeWorker() -> RegionWorker {
    RegionWorker(
      chunker: chunker, compression: compression, writer: writer,
      cancellation: cancellation, progress: progress)
  }
}
