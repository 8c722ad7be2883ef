internal import Hashing
internal import Stores
package import Tiers
package import Vaults
package import Workers

/// Frees what no point needs, tier by tier, without locks: backups, restores and scrubs go on
/// meanwhile.
///
/// What kept points need is marked. A pack of which nothing is needed gets a ``Tombstone``; one of
/// which little is needed is rewritten first. A pack with a tombstone is deleted when its grace is
/// over, everyone has ended who wrote when the tombstone was not there yet, and marking finds
/// nothing in it again: so a point that slipped in keeps its packs. Stopped at any moment it has
/// lost nothing, and the next one goes on.
package struct Reclaim {
  package let vault: Vault
  package let notices: Notices
  /// How long a tombstone stands at least.
  package var graceSeconds: Int64 = 86_400
  /// A pack of which less than this part is needed is rewritten.
  package var thresholdPercent: UInt64 = 50
  /// Bytes that are rewritten at most.
  package var repackLimit: UInt64?
  /// Whether it is only found out what there is to do.
  package var isDryRun = false
  /// After so long without a sign a writer of another host counts as ended; before it commits
  /// anything it will notice.
  package var leasePatienceSeconds = Lease.patienceSeconds
  package var workerCount = availableCores()
  package var now = Timestamp.now

  package init(of vault: Vault, notices: Notices) {
    self.vault = vault
    self.notices = notices
  }

  /// - Throws: ``LockedError``, ``Cancelled``. What stops a tier is in the report.
  package func run(progress: Progress, cancellation: Cancellation) throws -> Report {
    try vault.requireKey()
    var report = Report()
    for tier in vault.tiers where !tier.stores.isEmpty {
      var reclaim = TierReclaim(self, tier, progress, cancellation)
      do { try reclaim.run() } catch let error as Cancelled { throw error } catch {
        reclaim.report.failure = "\(error)"
      }
      report.tiers.append(reclaim.report)
    }
    return report
  }

  /// What became of each tier.
  package struct Report: Codable, Sendable {
    package var tiers: [TierReport] = []
  }

  package struct TierReport: Codable, Sendable {
    package var tier: String
    /// Points whose contents are kept, those in the trash with them.
    package var points = 0
    /// Bytes of records that they need, in one copy.
    package var neededBytes: UInt64 = 0
    /// Packs that were deleted from every store, and their bytes in one copy.
    package var freedPacks = 0
    package var freedBytes: UInt64 = 0
    /// Packs that were rewritten, and bytes of them that were needed.
    package var repackedPacks = 0
    package var repackedBytes: UInt64 = 0
    /// Packs with a tombstone, and their bytes in one copy.
    package var waitingPacks = 0
    package var waitingBytes: UInt64 = 0
    /// When the last of them may go.
    package var waitingUntil: Timestamp?
    /// Who has to end before that.
    package var waitingFor: [String] = []
    /// Packs whose tombstone was taken away: a point needs them.
    package var revivedPacks = 0
    /// What stopped it; nothing of the tier was freed then that is needed.
    package var failure: String?
  }
}

/// The reclaim of one tier under way.
struct TierReclaim {
  private let settings: Reclaim
  private let vault: Vault
  private let tier: Tier
  private let notices: Notices
  private let progress: Progress
  private let cancellation: Cancellation
  private(set) var sizes: [PackID: UInt64] = [:]
  var report: Reclaim.TierReport

  init(
    _ settings: Reclaim, _ tier: Tier, _ progress: Progress, _ cancellation: Cancellation
  ) {
    self.settings = settings
    vault = settings.vault
    self.tier = tier
    notices = settings.notices
    self.progress = progress
    self.cancellation = cancellation
    report = Reclaim.TierReport(tier: tier.name.rawValue)
  }

  mutating func run() throws {
    if settings.isDryRun { return try plan() }
    try tier.requireWritable()
    // Before anything else, so that another one who reclaims waits for this one.
    try vault.holdLease(on: tier, notices: notices)
    try vault.endTrash(in: tier, now: settings.now, notices: notices)
    var state = try mark()
    try settle(state)
    let fresh = try bury(state)
    // What was just buried may go at once where no time of grace is wanted.
    if !fresh.isEmpty, settings.graceSeconds <= 0 {
      state = try mark()
      try settle(state)
    }
    try noteWaiting()
  }

  // MARK: marking

  /// What was found out of a tier at one moment.
  private struct State {
    let open: OpenTier
    let tombstones: [String: Tombstone]
    /// Those whose packs may be deleted.
    let closable: Set<String>
    let marking: Marking
    let writers: [String: Lease]
  }

  private mutating func mark() throws -> State {
    var known: Set<PackID>?
    for _ in 1..<Self.mostAttempts {
      let before = try look()
      do { return try state(before) } catch let error as ReclaimError {
        // A point that came meanwhile is newer than the index that was read before it.
        let packs = before.open.index.publishedPacks
        guard packs != known else { throw error }
        known = packs
      }
    }
    return try state(try look())
  }

  private static let mostAttempts = 8

  /// What there is before points are listed: everyone who may lean on what has a tombstone is
  /// looked for first.
  private struct Look {
    let writers: [String: Lease]
    let present: [String: Tombstone]
    let open: OpenTier
    let tombstones: [String: Tombstone]
  }

  private mutating func look() throws -> Look {
    let writers = try openLeases()
    let present = try tier.tombstones(notices: notices)
    let (open, tombstones) = try vault.openForWriting(
      tier, checkingEverything: true, notices: notices, progress: progress,
      cancellation: cancellation)
    sizes = try TierListing(of: tier, notices: notices).packs
    return Look(writers: writers, present: present, open: open, tombstones: tombstones)
  }

  private mutating func state(_ before: Look) throws -> State {
    let marking = try marked(before.open)
    let closable = before.present.filter { name, tombstone in
      before.tombstones[name] != nil && isOver(tombstone)
        && before.writers.values.allSatisfy { $0.seen.contains(name) }
    }
    return State(
      open: before.open, tombstones: before.tombstones, closable: Set(closable.keys),
      marking: marking, writers: before.writers)
  }

  private mutating func marked(_ open: OpenTier) throws -> Marking {
    let kept = try vault.keptPoints(in: tier, now: settings.now, notices: notices)
    let marking = Marking(open)
    try marking.mark(
      Array(kept.values), in: open, workerCount: settings.workerCount, cancellation)
    report.points = kept.count
    report.neededBytes = marking.liveParts().values.reduce(0) { $0 + $1.byteCount }
    return marking
  }

  private func isOver(_ tombstone: Tombstone) -> Bool {
    let age = Timestamp.now.secondsSince1970 - tombstone.written.secondsSince1970
    return age >= settings.graceSeconds
  }

  /// Everyone else who writes now. Leases of those that have certainly ended are removed, and those
  /// that were not heard of for long are broken.
  private func openLeases() throws -> [String: Lease] {
    var open: [String: Lease] = [:]
    let own = vault.leaseNames
    for (name, lease) in try tier.leases(notices: notices) where !own.contains(name) {
      if lease.isOfDeadProcess {
        try tier.removeLease(name)
        continue
      }
      if lease.wasHeardOf(within: settings.leasePatienceSeconds) {
        open[name] = lease
      } else {
        try tier.breakLease(name)
        notices.add(
          "a writer was not heard of since \(lease.beat) and counts as ended (\(lease.work)): "
            + "should it go on, it will say so and has to be run again")
      }
    }
    return open
  }

  // MARK: what has a tombstone

  /// Takes tombstones from what is needed after all, and deletes what may go.
  private mutating func settle(_ state: State) throws {
    let revived = state.marking.revived
    for (name, tombstone) in state.tombstones.sorted(by: { $0.key < $1.key }) {
      let packs = tombstone.packIDs
      let rest = packs.filter { !revived.contains($0) }
      var current = name
      if rest.count < packs.count {
        report.revivedPacks += packs.count - rest.count
        current = ""
        if !rest.isEmpty {
          current = try tier.put(Tombstone(written: tombstone.written, packs: rest))
        }
        try tier.delete(.tombstone(name))
      }
      if state.closable.contains(name), !current.isEmpty {
        try delete(Set(rest), state)
        try tier.delete(.tombstone(current))
      }
    }
  }

  /// Deletes packs from all stores, when what is needed of them is proven to be elsewhere.
  private mutating func delete(_ packs: Set<PackID>, _ state: State) throws {
    // As the packs themselves say, whatever the index says.
    var places: [PackID: Set<ContentID>] = [:]
    for pack in packs {
      let records = state.open.records(ofPack: pack, byteCount: sizes[pack] ?? 0)
      places.merge(state.marking.places(of: records)) { $0.union($1) }
    }
    for pack in places.keys.sorted() {
      guard !packs.contains(pack) else {
        throw UnmarkableRecord("pack \(pack) is needed and has a tombstone")
      }
      try cancellation.check()
      try state.open.requireWhole(pack, holding: places[pack] ?? [])
    }
    try vault.checkLeases()
    // The index first: what it lists must be there.
    try state.open.unlist(packs)
    for pack in packs.sorted() {
      try cancellation.check()
      try vault.checkLeases()
      try tier.delete(.pack(pack))
      report.freedPacks += 1
      report.freedBytes += sizes[pack] ?? 0
    }
  }

  // MARK: what gets one

  /// Gives tombstones to what is not needed, when what is needed of it was rewritten.
  ///
  /// - Returns: their names.
  private mutating func bury(_ state: State) throws -> [String] {
    let plan = ReclaimPlan(
      state.open, state.marking, sizes: sizes, hasOtherWriters: !state.writers.isEmpty,
      thresholdPercent: settings.thresholdPercent, repackLimit: settings.repackLimit)
    guard !plan.dead.isEmpty || !plan.sparse.isEmpty else { return [] }
    var leaving = plan.dead
    if !plan.sparse.isEmpty {
      state.open.bury(Set(plan.dead).union(plan.sparse.map(\.id)))
      let rewrite = PackRewrite(state.open, state.marking, compression: vault.compression)
      let rewritten = try rewrite.run(plan.sparse, progress, cancellation)
      leaving += rewritten
      report.repackedPacks += rewritten.count
      let needed = Dictionary(uniqueKeysWithValues: plan.sparse.map { ($0.id, $0.neededBytes) })
      report.repackedBytes += rewritten.reduce(0) { $0 + (needed[$1] ?? 0) }
    }
    try vault.checkLeases()
    var names: [String] = []
    for start in stride(from: 0, to: leaving.count, by: Tombstone.packLimit) {
      let packs = leaving[start..<min(start + Tombstone.packLimit, leaving.count)]
      names.append(try tier.put(Tombstone(written: .now, packs: Array(packs))))
    }
    return names
  }

  // MARK: what there is to do

  private mutating func plan() throws {
    let tombstones = try tier.tombstones(notices: notices)
    let open = try OpenTier(
      tier, notices: notices, otherTiers: vault.tiers(besides: tier),
      tombstoned: Set(tombstones.values.flatMap(\.packIDs)), checkingEverything: true,
      healing: false)
    sizes = try TierListing(of: tier, notices: notices).packs
    let marking = try marked(open)
    let plan = ReclaimPlan(
      open, marking, sizes: sizes, hasOtherWriters: false,
      thresholdPercent: settings.thresholdPercent, repackLimit: settings.repackLimit)
    report.freedPacks = plan.dead.count
    report.freedBytes =
      plan.dead.reduce(0) { $0 + (sizes[$1] ?? 0) }
      + plan.sparse.reduce(0) { $0 + $1.byteCount - $1.neededBytes }
    report.repackedPacks = plan.sparse.count
    report.repackedBytes = plan.sparse.reduce(0) { $0 + $1.neededBytes }
    report.revivedPacks = marking.revived.count
    try noteWaiting()
  }

  private mutating func noteWaiting() throws {
    let tombstones = try tier.tombstones(notices: notices)
    let packs = Set(tombstones.values.flatMap(\.packIDs))
    let present = try TierListing(of: tier, notices: notices).packs
    report.waitingPacks = packs.count { present[$0] != nil }
    report.waitingBytes = packs.reduce(0) { $0 + (present[$1] ?? 0) }
    let last = tombstones.values.map(\.written.secondsSince1970).max()
    report.waitingUntil = last.map { Timestamp(secondsSince1970: $0 + settings.graceSeconds) }
    guard !tombstones.isEmpty else { return }
    let own = vault.leaseNames
    report.waitingFor = try tier.leases(notices: notices).filter { name, lease in
      !own.contains(name) && tombstones.keys.contains { !lease.seen.contains($0) }
    }.map { "\($0.value.work), since \($0.value.began)" }.sorted()
  }
}
