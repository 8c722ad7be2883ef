import Backups
import Files
import Restores
import SystemPackage
import TestSupport
import Tiers
import Vaults
import Workers

/// A vault in a directory, a machine with images beside it, and what a test does with both.
struct BackupBench {
  let directory: TemporaryDirectory
  let vault: Vault
  let notices = Notices()

  init(snapshots: Bool = false) throws {
    directory = try TemporaryDirectory()
    var plan = Vault.Plan(path: directory.appending("vault"))
    if snapshots { plan.snapshots = directory.appending("snapshots") }
    vault = try Vault.create(plan, now: Timestamp(secondsSince1970: 1_000_000))
  }

  func image(_ name: String) -> FilePath { directory.appending("\(name).img") }

  /// Backs up the images of these disks as they are now.
  func backUp(
    _ disks: [String], workers: Int = 2, progress: Progress = Progress(),
    cancellation: Cancellation = Cancellation(), fingerprints: FilePath? = nil
  ) throws -> RecoveryPoint {
    var backup = Backup(
      machine: "web01", sources: disks.map { Backup.Source(name: $0, path: image($0)) })
    backup.workerCount = workers
    backup.fingerprintDirectory = fingerprints
    return try backup.run(
      vault: vault, notices: notices, progress: progress, cancellation: cancellation)
  }

  func restore(_ disk: RecoveryPoint.Disk, workers: Int = 2) throws -> [UInt8] {
    let target = directory.appending("restored")
    var restore = DiskRestore(disk: disk, target: target)
    restore.workerCount = workers
    restore.replacing = true
    let open = try OpenTier(vault.firstTier, notices: notices)
    try restore.run(from: open, progress: Progress(), cancellation: Cancellation())
    return try readFile(target)
  }

  func packBytes() throws -> UInt64 {
    try TierListing(of: vault.firstTier, notices: notices).packs.values.reduce(0, +)
  }
}
