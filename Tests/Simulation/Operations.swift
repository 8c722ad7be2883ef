import Backups
import Copies
import Files
import Maintenance
import Restores
import Stores
import SystemPackage
import TestSupport
import Tiers
import Vaults
import Workers

extension World {
  /// Runs an operation, disturbed or not: it succeeds or throws, and where nothing stands in its
  /// way it succeeds.
  ///
  /// - Parameter isDisturbable: false where nothing shall disturb it, and it shall have the key.
  func perform(
    _ kind: Step.Kind, isDisturbable: Bool = true, random: inout SeededRandom
  ) throws {
    let disturbance =
      isDisturbable ? try Disturbance(of: self, random: &random) : Disturbance.none
    let before = try Situation(of: self)
    var run = Run(notices: Notices(), isDisturbed: disturbance.mayFail, before: before)
    if case .reclaim = disturbance { run.isAlone = false }
    run.hasKey = !mayLackKey(kind) || !isDisturbable || random.below(2) == 0
    if !run.hasKey { run.what = " without the key" }
    var failure: (any Error)?
    let timer = disturbance.begin(run.cancellation)
    do { try operate(kind, &run, &random) } catch let violation as Violation {
      disturbance.end(timer)
      log.append("\(kind)\(run.what)\(disturbance)")
      throw violation
    } catch { failure = error }
    disturbance.end(timer)
    let outcome = failure.map { " -> \("\($0)".prefix(300))" } ?? ""
    log.append("\(kind)\(run.what)\(disturbance)\(outcome)")
    try noteNewDocuments(since: before, attempt: run.attempt, sealedFrom: run.sealedSource)
    for (number, tier) in run.acknowledged { try acknowledge(number, in: tier) }
    if let failure, !disturbance.mayFail, before.isCalm,
      try run.hasKey || !isForWantOfKey(failure)
    {
      throw Violation("\(kind) failed though nothing was in its way: \(failure)")
    }
    if let after = run.after { try after(failure == nil) }
    // Whatever writes to an index may leave out of it what lies in packs that are gone.
    if [.verify, .scrub, .restore].contains(kind) { return }
    for store in stores where !store.isAway && store.isSuspect { store.isForgetful = true }
  }

  /// An operation under way.
  struct Run {
    let notices: Notices
    let cancellation = Cancellation()
    let isDisturbed: Bool
    let before: Situation
    /// Whether nobody frees anything meanwhile.
    var isAlone = true
    /// Whether the vault's key is at hand.
    var hasKey = true
    /// Where points come from that are copied without the key.
    var sealedSource: Tier.Name?
    /// Details for the log.
    var what = ""
    /// The point that is being taken.
    var attempt: Int?
    var acknowledged: [(Int, Tier.Name)] = []
    /// What to look at when the operation is over and the power is back.
    var after: ((_ succeeded: Bool) throws -> Void)?

    init(notices: Notices, isDisturbed: Bool, before: Situation) {
      self.notices = notices
      self.isDisturbed = isDisturbed
      self.before = before
    }
  }

  private func operate(
    _ kind: Step.Kind, _ run: inout Run, _ random: inout SeededRandom
  ) throws {
    let vault = try openVault(run.notices, hasKey: run.hasKey, random: &random)
    switch kind {
    case .backUp: try backUp(vault, &run, &random)
    case .backUpOnlySnapshot:
      if shape.hasSnapshots { _ = try takePoint(vault, &run, &random) }
    case .transfer: try transfer(vault, &run)
    case .replicate: try replicate(vault, &run)
    case .verify: try verify(vault, &run)
    case .scrub: try scrub(vault, &run, &random)
    case .repair: try repair(vault, &run)
    case .resumeRepair: try resumeRepair(vault, &run)
    case .rebuildIndex: try rebuildIndex(vault, run)
    case .delete: try delete(vault, &run, &random)
    case .undelete: try undelete(vault, &run, &random)
    case .purge: try purge(vault, &run, &random)
    case .reclaim: try reclaim(vault, &run, &random)
    case .restore: try check(vault, run.notices, atMost: 1, &random)
    default: preconditionFailure("\(kind) is no operation")
    }
  }

  // MARK: points

  private func backUp(_ vault: Vault, _ run: inout Run, _ random: inout SeededRandom) throws {
    let point = try takePoint(vault, &run, &random)
    guard shape.hasSnapshots else { return }
    try copy([point], to: .vault, from: .snapshot, vault, run)
    run.acknowledged.append((points.count - 1, .vault))
  }

  /// Phase 1 of a backup, after the disks have changed.
  private func takePoint(
    _ vault: Vault, _ run: inout Run, _ random: inout SeededRandom
  ) throws -> RecoveryPoint {
    let number = random.below(machines.count)
    changeDisks(of: number, &random)
    let machine = machines[number]
    var sources: [Backup.Source] = []
    for (place, disk) in machine.disks.enumerated() {
      let path = images.appending("\(machine.name)-\(place).img")
      try writeFile(disk.bytes, to: path)
      sources.append(Backup.Source(name: "disk\(place)", path: path))
    }
    let attempt = points.count
    points.append(SimulatedPoint(machine: machine.name, disks: machine.disks.map(\.bytes)))
    run.attempt = attempt
    run.what = " point \(attempt) of \(machine.name)"
    clock += 1
    var backup = Backup(machine: machine.name, sources: sources)
    backup.workerCount = 1
    backup.now = Timestamp(secondsSince1970: clock)
    let point = try backup.run(
      vault: vault, notices: run.notices, progress: Progress(), cancellation: run.cancellation)
    run.acknowledged.append((attempt, vault.firstTier.name))
    return point
  }

  private func changeDisks(of number: Int, _ random: inout SeededRandom) {
    let earlier = points.filter { $0.machine == machines[number].name }
    for place in machines[number].disks.indices {
      switch random.below(10) {
      case 0: break
      case 1, 2:
        // As it was at some time: what was stored then, or was to be, is wanted again.
        guard let bytes = earlier.randomElement(using: &random)?.disks[place] else { continue }
        machines[number].disks[place].resize(to: bytes.count)
        machines[number].disks[place].replace(at: 0, with: bytes)
      case 3: machines[number].disks[place].resize(to: 512 * (1 + random.below(140)))
      default: machines[number].disks[place].mutate(&random)
      }
    }
  }

  private func transfer(_ vault: Vault, _ run: inout Run) throws {
    guard shape.hasSnapshots else { return }
    if !run.hasKey { return try transferSealed(vault, &run) }
    let listed = try vault.points(notices: run.notices)
    let missing = listed.filter { $0.tiers.contains(.snapshot) && !$0.tiers.contains(.vault) }
    run.what = " \(missing.count) points"
    try copy(missing.map(\.point), to: .vault, from: .snapshot, vault, run)
    acknowledge(promisedIn: .snapshot, as: .vault, &run)
  }

  /// Notes that a tier has all points now that another one promised.
  func acknowledge(promisedIn source: Tier.Name, as target: Tier.Name, _ run: inout Run) {
    for number in run.before.promised[source] ?? [] where !points[number].wasDeleted {
      run.acknowledged.append((number, target))
    }
  }

  private func copy(
    _ points: [RecoveryPoint], to target: Tier.Name, from source: Tier.Name, _ vault: Vault,
    _ run: Run
  ) throws {
    let target = try vault.openForWriting(
      try vault.require(target), notices: run.notices, cancellation: run.cancellation)
    let nearest = try vault.require(source)
    let source = try OpenTier(
      nearest, notices: run.notices, otherTiers: vault.tiers(besides: nearest))
    var copy = PointCopy(vault: vault, from: source, to: target)
    copy.workerCount = 1
    _ = try copy.run(points, progress: Progress(), cancellation: run.cancellation)
  }

  private func replicate(_ vault: Vault, _ run: inout Run) throws {
    guard shape.secondaryCount > 0 else { return }
    if !run.hasKey { run.sealedSource = .vault }
    let replication = Replication(vault: vault, notices: run.notices)
    let report = try replication.run(progress: Progress(), cancellation: run.cancellation)
    run.what += " \(report.pointCount) points"
    acknowledge(promisedIn: .vault, as: .secondary, &run)
    guard try replication.status().lastSync != nil else {
      throw Violation("there is no time of the last synchronisation after one")
    }
  }

  // MARK: maintenance

  private func verify(_ vault: Vault, _ run: inout Run) throws {
    let listed = try vault.points(notices: run.notices)
    for tier in vault.tiers where !tier.stores.isEmpty {
      var verification = Verification(
        points: listed.filter { $0.tiers.contains(tier.name) }.map(\.point))
      verification.workerCount = 1
      let report = try verification.run(
        in: OpenTier(tier, notices: run.notices), progress: Progress(),
        cancellation: run.cancellation)
      for damage in report.damaged where !run.isDisturbed {
        let number = points.indices.first { id(of: $0) == damage.point }
        if let number, run.before.promised[tier.name]?.contains(number) == true {
          throw Violation("verify calls point \(number) damaged in \(tier.name): \(damage)")
        }
      }
    }
    _ = try Statistics(of: vault, notices: run.notices)
  }

  private func scrub(_ vault: Vault, _ run: inout Run, _ random: inout SeededRandom) throws {
    var scrub = Scrub(vault, notices: run.notices)
    scrub.restarts = random.below(2) == 0
    scrub.workerCount = 1
    scrub.now = Timestamp(secondsSince1970: clock)
    _ = try scrub.run(progress: Progress(), cancellation: run.cancellation)
  }

  private func resumeRepair(_ vault: Vault, _ run: inout Run) throws {
    var scrub = Scrub(vault, notices: run.notices)
    scrub.repairs = true
    scrub.workerCount = 1
    scrub.now = Timestamp(secondsSince1970: clock)
    _ = try scrub.run(progress: Progress(), cancellation: run.cancellation)
  }

  private func rebuildIndex(_ vault: Vault, _ run: Run) throws {
    for tier in vault.tiers where !tier.stores.isEmpty {
      let tombstones = try vault.holdLease(on: tier, notices: run.notices)
      var rebuild = IndexRebuild(
        tier, notices: run.notices, tombstoned: Set(tombstones.values.flatMap(\.packIDs)))
      try rebuild.run(progress: Progress(), cancellation: run.cancellation)
    }
  }

  func id(of number: Int) -> String? {
    points[number].path?.point.map { "\(points[number].machine)@\($0.name)" }
  }
}
