internal import DiskImages
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
  /// Files with secrets of the machine, which the point keeps sealed.
  package var secrets: [Source] = []
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
  /// - Throws: ``FileError``, ``DiskImageError``, ``StoreError``, ``Cancelled``; ``LockedError``,
  ///   ``SecretFileError``.
  package func run(
    vault: Vault, notices: Notices, progress: Progress, cancellation: Cancellation
  ) throws -> RecoveryPoint {
    let secrets = try sealedSecrets(vault)
    let images = try sources.map { try DiskImage(opening: $0.path) }
    var intake = DiskIntake(
      vault: vault, notices: notices, progress: progress, cancellation: cancellation)
    intake.workerCount = workerCount
    let disks = try intake.store(
      zip(sources, images).map { source, image in
        DiskIntake.Source(name: source.name, device: image, origin: image.path.string)
      }
    ) { for image in images { try image.checkSize() } }
    let point = RecoveryPoint(
      machine: machine, time: try time(in: vault, notices: notices),
      consistency: .crash, tags: tags, disks: disks, secrets: secrets)
    let latest = try vault.latestForCommit(vault.firstTier, notices: notices)
    try latest.vault.save(definition(of: point), to: latest.tier)
    try latest.vault.commit(point, to: latest.tier)
    return point
  }

  private func sealedSecrets(_ vault: Vault) throws -> [SealedSecret]? {
    if secrets.isEmpty { return nil }
    let keys = try vault.requireKeys()
    return try secrets.map { source in
      SealedSecret(
        try readSecret(from: source.path, limit: SealedSecret.byteLimit), named: source.name,
        of: machine, keys)
    }
  }

  /// What later backups of the machine need to know.
  private func definition(of point: RecoveryPoint) -> Machine {
    Machine(
      name: machine, disks: point.disks.map { Machine.Disk(name: $0.name, source: $0.source) },
      secrets: secrets.isEmpty
        ? nil : secrets.map { Machine.Secret(name: $0.name, source: $0.path.string) },
      updated: point.time)
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
