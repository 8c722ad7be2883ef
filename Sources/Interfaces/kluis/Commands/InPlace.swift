import ArgumentParser
import Backups
import Encryption
import Machines
import Restores
import SystemPackage
import Tiers
import Vaults

/// `restore vm --in-place`: the safety point, the swap, and what is said of both.
struct InPlaceCommand {
  let session: Session
  let takesSafetyPoint: Bool
  let allowsOtherDisks: Bool
  /// Whether only what differs is written.
  let isDelta: Bool
  let secretsKey: Secret?

  func run(_ source: MachineRestoreOptions.Source) throws {
    let machine = try MachinePlaces(source.point.machine, in: source.vault, session)
    var restore = InPlaceRestore(source.point, present: machine.disks)
    restore.nvram = machine.nvram
    restore.allowsOtherDisks = allowsOtherDisks
    try restore.check()
    let states = try restore.presentStates()
    let safetyPoint = takesSafetyPoint ? try takeSafetyPoint(machine, before: source) : nil
    let began = ContinuousClock.now
    if isDelta { restore.delta = try delta(from: safetyPoint, since: states, in: source.vault) }
    let journal = try session.withProgress("restore \(source.point.machine)") { progress in
      try restore.run(from: source.open, progress: progress, cancellation: session.cancellation)
    }
    try report(
      source, journal, safetyPoint,
      Times(
        safetyPoint: source.started.duration(to: began) / .seconds(1),
        restore: began.duration(to: .now) / .seconds(1)))
  }

  /// In seconds; the first from the command's start on.
  private struct Times {
    let safetyPoint: Double
    let restore: Double
  }

  /// What differs is found in the safety point's trees; without one the disks are read.
  private func delta(
    from safetyPoint: RecoveryPoint?, since states: InPlaceRestore.PresentStates, in vault: Vault
  ) throws -> InPlaceRestore.Delta {
    guard let safetyPoint else { return .read }
    let tier = try OpenTier(
      vault.firstTier, notices: session.notices, otherTiers: vault.tiers(besides: vault.firstTier))
    return .taken(safetyPoint, in: tier, since: states)
  }

  private func takeSafetyPoint(
    _ machine: MachinePlaces, before source: MachineRestoreOptions.Source
  ) throws -> RecoveryPoint {
    let names = source.point.disks.map(\.name)
    var backup = Backup(
      machine: source.point.machine,
      disks: try machine.toBackUp(machine.disks.map(\.name).filter { names.contains($0) }))
    backup.tags["before-restore-of"] = source.point.id
    backup.secrets = machine.secrets
    backup.secretsKey = secretsKey
    backup.fingerprintDirectory = CacheDirectory.path(for: source.vault)
    return try session.withProgress("safety point") { progress in
      try backup.run(
        vault: source.vault, notices: session.notices, progress: progress,
        cancellation: session.cancellation)
    }
  }

  private func report(
    _ source: MachineRestoreOptions.Source, _ journal: SwapJournal, _ safetyPoint: RecoveryPoint?,
    _ times: Times
  ) throws {
    if session.options.json {
      return try printJSON(
        InPlaceReport(
          point: source.point.id, safetyPoint: safetyPoint?.id,
          safetyPointSeconds: safetyPoint == nil ? nil : milliseconds(times.safetyPoint),
          seconds: milliseconds(times.restore),
          disks: journal.disks.map {
            .init(
              name: $0.name, path: $0.path, replaced: $0.replaced, writtenBytes: $0.writtenBytes)
          }))
    }
    session.say("restored \(source.point.id) in place in \(Text.duration(times.restore))")
    for disk in journal.disks {
      session.say("  \(disk.name)  \(disk.path)")
      if let written = disk.writtenBytes {
        session.say("    \(Text.size(written)) of it differed and were written")
      }
      if let old = disk.replaced { session.say("    the old one is \(old)") }
    }
    if let safetyPoint {
      session.say(
        "the state before is \(safetyPoint.id), taken in \(Text.duration(times.safetyPoint))")
    }
  }

  private func milliseconds(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }
}

/// An in-place restore as `--json` shows it.
private struct InPlaceReport: Encodable {
  let point: String
  let safetyPoint: String?
  let safetyPointSeconds: Double?
  /// What the restore took after that.
  let seconds: Double
  let disks: [Disk]

  struct Disk: Encodable {
    let name: String
    let path: String
    /// nil where the disk itself was written onto.
    let replaced: String?
    /// nil where it was built whole.
    let writtenBytes: UInt64?
  }
}
