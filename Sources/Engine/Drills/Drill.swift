internal import DiskImages
internal import Files
internal import Machines
internal import Restores
package import SystemPackage
package import Tiers
package import Vaults
internal import Volumes
package import Workers

/// Tries whether a machine can be had back: restores it to a place of its own, reads what came,
/// starts it if asked to, measures how long that takes, and removes everything.
package struct Drill {
  package let point: RecoveryPoint
  /// Where the machine is restored to for a while.
  package let scratch: FilePath
  /// How the machine is started; nil where it is not.
  package var boot: BootPlan?
  package var now = Timestamp.now

  package init(_ point: RecoveryPoint, in scratch: FilePath) {
    self.point = point
    self.scratch = scratch
  }

  /// - Returns: what was found, also where it is that the machine cannot be had back.
  /// - Throws: ``Cancelled``; ``FileError`` where there is no place to restore to. Nothing is left
  ///   behind then either.
  package func run(
    from open: OpenTier, progress: Progress, cancellation: Cancellation
  ) throws -> DrillReport {
    var report = DrillReport(
      point: point.id, machine: point.machine, tier: open.tier.name.rawValue, started: now)
    report.disks = point.disks.map {
      DrillReport.Disk(name: $0.name, size: $0.size, dataBytes: $0.dataBytes)
    }
    let place = try ScratchDirectory(in: scratch)
    defer { place.remove() }
    do {
      try run(in: place.path, from: open, &report, progress, cancellation)
    } catch let error as Cancelled { throw error } catch {
      report.failure = "\(error)"
    }
    report.passed = report.failure == nil
    return report
  }

  private func run(
    in place: FilePath, from open: OpenTier, _ report: inout DrillReport, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    let begun = ContinuousClock.now
    progress.begin("restoring")
    var restore = MachineRestore(point, as: point.machine, in: place)
    restore.keepsIDs = true
    let definition = try restore.run(from: open, progress: progress, cancellation: cancellation)
    report.restoreSeconds = seconds(since: begun)
    report.recoverySeconds = report.restoreSeconds
    let images = definition.disks.compactMap(\.path).map { FilePath($0) }
    let comparing = ContinuousClock.now
    progress.begin("comparing")
    try compare(images, &report, open, progress, cancellation)
    report.verifySeconds = seconds(since: comparing)
    try lookInto(images, &report)
    guard let boot else { return }
    progress.begin("starting the machine")
    let outcome = try boot.start(definition, in: place, cancellation)
    report.boot = outcome
    report.recoverySeconds = (report.restoreSeconds ?? 0) + outcome.seconds
    if !outcome.succeeded {
      throw DrillFailure(
        "the machine did not say '\(outcome.expected)' on its serial console within "
          + "\(Int(outcome.seconds.rounded())) s")
    }
  }

  private func compare(
    _ images: [FilePath], _ report: inout DrillReport, _ open: OpenTier, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    for (number, image) in images.enumerated() {
      report.disks[number].differingBytes = try DiskComparison(of: image, with: point.disks[number])
        .run(from: open, progress: progress, cancellation: cancellation)
    }
    if let bad = report.disks.first(where: { $0.differingBytes != 0 }) {
      throw DrillFailure(
        "\(bad.differingBytes ?? 0) bytes of disk \(bad.name) came back as others than the point's")
    }
  }

  private func lookInto(_ images: [FilePath], _ report: inout DrillReport) throws {
    let disks = try zip(point.disks, images).map { disk, image in
      NamedDisk(name: disk.name, device: try DiskImage(opening: image, as: .raw))
    }
    let listing = try findVolumes(on: disks)
    report.volumes = listing.volumes.map { volume in
      DrillReport.FoundVolume(
        name: volume.name, size: volume.byteCount, type: volume.content?.typeName,
        label: volume.content?.label ?? volume.label, uuid: volume.content?.uuid ?? volume.uuid,
        problem: volume.problem)
    }
    report.problems = listing.problems
  }

  private func seconds(since start: ContinuousClock.Instant) -> Double {
    let seconds = start.duration(to: .now) / .seconds(1)
    return (seconds * 1000).rounded() / 1000
  }
}

/// What a drill was to show is not so.
struct DrillFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A directory for the time of one drill. Those of drills that were killed are removed by the next.
private final class ScratchDirectory {
  let path: FilePath
  /// Held for as long as the drill lasts.
  private let lock: File

  private static let prefix = "kluis-drill-"
  private static let lockName = ".lock"

  init(in parent: FilePath) throws(FileError) {
    for name in try directoryEntries(parent) ?? [] where name.hasPrefix(Self.prefix) {
      let left = parent.appending(name)
      // Others may write there, too, and must not lead this to what is not a drill's.
      guard isOwnDirectory(left), try fileStatus(left.appending(Self.lockName)) != nil,
        try !File.openForReading(left.appending(Self.lockName)).isLocked
      else { continue }
      try removeDirectory(left)
    }
    path = parent.appending("\(Self.prefix)\(UInt64.random(in: .min ... .max))")
    try makePrivateDirectory(path)
    lock = try File.create(path.appending(Self.lockName), permissions: .ownerReadWrite)
    try lock.lock()
  }

  /// That something stays must not hide what the drill found: the next one tries again.
  func remove() { do { try removeDirectory(path) } catch {} }
}
