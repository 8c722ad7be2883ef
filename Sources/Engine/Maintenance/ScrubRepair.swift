internal import Bytes
internal import Compression
internal import Encryption
internal import Hashing
internal import Packs
internal import Stores
internal import Tiers
internal import Vaults
internal import Workers

/// Finds good bytes for everything that is missing or damaged, and writes them where that is
/// wanted: packs first, then the index, then points, so that a store is sound at every moment.
struct ScrubRepair: ~Copyable {
  private let vault: Vault
  private let contents: ScrubContents
  private let notices: Notices
  private let repairs: Bool
  /// Until when objects are given time to come.
  private let settled: ContinuousClock.Instant
  private let pool = OpenTier.makePackPool()
  private var open: [OpenTier] = []
  private var lacks: LackRepair
  private var report = Scrub.Report()
  private var digester = Digester()
  /// What no store of any tier gives any more.
  private var lostRecords: Set<ContentID> = []
  private var lostDocuments: [ObjectPath] = []
  private var hasLoss = false
  /// Stores that did not take something, by their numbers. They get nothing more, so that none gets
  /// a point without its packs.
  private var refusing: Set<Int> = []

  init(
    of vault: Vault, contents: ScrubContents, findings: ScrubFindings, notices: Notices,
    repairs: Bool, settling: Duration, lacks: LackRepair
  ) throws {
    settled = contents.listed.advanced(by: settling)
    self.vault = vault
    self.contents = contents
    self.notices = notices
    self.repairs = repairs
    self.lacks = lacks
    for tier in vault.tiers where !tier.stores.isEmpty {
      let tombstoned = try Self.tombstoned(in: tier, vault, repairs, notices)
      try self.lacks.notePoints(of: tier)
      open.append(try Self.opened(tier, tombstoned, notices))
    }
    report.readBytes = findings.readBytes
    let damaged = findings.damaged
    for (number, scrubbed) in contents.stores.enumerated() {
      var store = Scrub.StoreReport(
        tier: scrubbed.tier.name.rawValue, store: scrubbed.store.name)
      store.objects = scrubbed.objects.count
      store.bytes = scrubbed.objects.values.reduce(0, +)
      store.foreign = scrubbed.foreign.map(\.description).sorted()
      // What is nowhere any more was merged, deleted or reclaimed since it was listed; a pack that
      // is lost is named by the index.
      for (path, reason) in damaged[scrubbed.store.name] ?? [:]
      where isAnywhereNow(path, in: scrubbed.tier) {
        store.problems.append(
          Scrub.Problem(kind: .damaged, object: path.description, reason: reason))
      }
      store.problems += try missing(from: number).map {
        Scrub.Problem(
          kind: .missing, object: $0.description, reason: "others of its tier have it")
      }
      store.problems.sort { $0.object < $1.object }
      report.stores.append(store)
    }
    noteAbsentPacks()
  }

  mutating func run(cancellation: Cancellation) throws -> Scrub.Report {
    for number in open.indices {
      let tier = open[number]
      if repairs { sweep(tier.tier) }
      try repairPacks(of: tier, cancellation)
      try repairSegments(of: tier, cancellation)
      guard repairs, hasObjectPatients(tier.tier) else { continue }
      open[number] = try Self.opened(tier.tier, tier.tombstoned, notices)
    }
    for tier in open { try repairLacks(of: tier, cancellation) }
    for tier in open { try repairDocuments(of: tier, cancellation) }
    if vault.protection.isLocked {
      if hasLoss {
        notices.add(
          "which records are good in a pack that is damaged everywhere, and which points need the "
            + "others, is known only with the vault's key: scrub again with it")
      }
    } else if hasLoss || !lostDocuments.isEmpty {
      report.lostPoints = LossSearch(in: open, lost: lostRecords)
        .lostPoints(among: try lacks.points())
    }
    for path in lostDocuments where !isKnownElsewhere(path) {
      guard let point = path.point else { continue }
      report.lostPoints.append(
        Scrub.LostPoint(
          point: "\(point.machine)@\(point.name)", disk: "", offset: 0,
          reason: "no copy of \(path) is good"))
    }
    return report
  }

  /// What is found on the way is repaired here, or not at all.
  private static func opened(
    _ tier: Tier, _ tombstoned: Set<PackID>, _ notices: Notices
  ) throws -> OpenTier {
    try OpenTier(tier, notices: notices, tombstoned: tombstoned, healing: false)
  }

  private func hasObjectPatients(_ tier: Tier) -> Bool {
    !patients(of: tier) { $0.pack != nil || $0.segment != nil }.isEmpty
  }

  private mutating func repairLacks(of tier: OpenTier, _ cancellation: Cancellation) throws {
    // What is told of packs already is not told twice.
    let isTold = !repairs && hasObjectPatients(tier.tier)
    let (lack, isIncomplete) = try lacks.repair(
      tier, among: open, sends: repairs, cancellation)
    if let lack, !isTold { report.lacks.append(lack) }
    if isIncomplete { hasLoss = true }
  }

  /// What is on its way out in a tier; where something is to be stored anew, nothing else goes
  /// from now on.
  private static func tombstoned(
    in tier: Tier, _ vault: Vault, _ repairs: Bool, _ notices: Notices
  ) throws -> Set<PackID> {
    var tombstones = try tier.tombstones(notices: notices)
    if repairs {
      // A store that cannot be written to is not repaired either.
      do throws(StoreError) { tombstones = try vault.holdLease(on: tier, notices: notices) } catch {
        notices.add("\(error)")
      }
    }
    return Set(tombstones.values.flatMap(\.packIDs))
  }

  /// Removes what writers that were killed have left.
  private func sweep(_ tier: Tier) {
    for store in tier.stores {
      do throws(StoreError) { try store.sweep() } catch { notices.add("\(error)") }
    }
  }

  // MARK: what is missing

  /// What other stores of the same tier have, and this one does not have even now.
  private func missing(from number: Int) throws(StoreError) -> [ObjectPath] {
    let own = contents.stores[number]
    var expected: Set<ObjectPath> = []
    for other in contents.stores(of: own.tier.name) where other != number {
      expected.formUnion(contents.stores[other].objects.keys)
    }
    // A store that was away may hold points that were deleted since.
    expected.subtract(try vault.hiddenPoints(in: own.tier, notices: notices))
    // A backup that runs meanwhile may have put it here since, or merged a segment away.
    func isMissing(_ path: ObjectPath) -> Bool {
      !isHereNow(path, number) && isAnywhereNow(path, in: own.tier)
    }
    let missing = expected.subtracting(own.objects.keys).filter(isMissing)
    if missing.isEmpty || settled <= .now { return Array(missing) }
    pause(until: settled)
    return missing.filter(isMissing)
  }

  private func isHereNow(_ path: ObjectPath, _ store: Int) -> Bool {
    (try? contents.stores[store].store.byteCount(of: path)) != nil
  }

  private func isAnywhereNow(_ path: ObjectPath, in tier: Tier) -> Bool {
    tier.stores.contains { (try? $0.byteCount(of: path)) != nil }
  }

  /// Packs that an index names and no store of its tier holds.
  private mutating func noteAbsentPacks() {
    for tier in open {
      for id in Set(tier.index.missingPacks) {
        let path = ObjectPath.pack(id)
        for number in contents.stores(of: tier.tier.name)
        where contents.stores[number].objects[path] == nil && !isHereNow(path, number) {
          note(
            Scrub.Problem(
              kind: .missing, object: path.description, reason: "the index names it"),
            in: number)
        }
      }
    }
  }

  private mutating func note(_ problem: Scrub.Problem, in store: Int) {
    if !report.stores[store].problems.contains(where: { $0.object == problem.object }) {
      report.stores[store].problems.append(problem)
    }
  }

  /// The objects of a tier that have problems, with the stores that have them.
  private func patients(
    of tier: Tier, where isWanted: (ObjectPath) -> Bool
  ) -> [(path: ObjectPath, stores: [Int])] {
    var found: [ObjectPath: [Int]] = [:]
    for number in contents.stores(of: tier.name) {
      for problem in report.stores[number].problems {
        let path = ObjectPath(listed: problem.object)
        if isWanted(path) { found[path, default: []].append(number) }
      }
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  // MARK: packs

  private mutating func repairPacks(
    of tier: OpenTier, _ cancellation: Cancellation
  ) throws {
    let patients = patients(of: tier.tier) { $0.pack != nil }
    guard !patients.isEmpty else { return }
    let others = open.filter { $0 !== tier }
    var search = PackRepair(of: tier, others: others, pool: pool)
    var lost: [PackID: [PackRepair.LostRecord]] = [:]
    var salvageable: [PackID] = []
    for (path, stores) in patients {
      try cancellation.check()
      guard let id = path.pack else { continue }
      switch search.goodCopy(of: id) {
      case .whole(let pack, let donor):
        settle(path, in: stores, from: donor) { store throws(StoreError) in
          try pack.withBytes { bytes throws(StoreError) in try store.put(bytes, at: path) }
        }
        if repairs { try tier.listWhole(pack) }
      case .lost(let records, let salvage, let reason):
        hasLoss = true
        for store in stores { markLost(path, in: store, reason: reason) }
        lost[id] = records
        lostRecords.formUnion(records.filter(\.isLostEverywhere).map(\.id))
        if salvage != nil { salvageable.append(id) }
      }
    }
    guard repairs else { return }
    // Before a store is given a pack of which a part is lost, nothing may lean on that part.
    try tier.forget(lost.filter { !$0.value.isEmpty }.mapValues { Set($0.map(\.id)) })
    for id in salvageable {
      guard case .lost(_, let salvage?, _) = search.goodCopy(of: id) else { continue }
      keepBest(salvage, at: .pack(id), in: tier.tier)
    }
    try storeAnew(lost, in: tier)
  }

  /// Writes what others can give of lost records into new packs. The rest is out of the index, so
  /// that the next backup stores it.
  private func storeAnew(
    _ lost: [PackID: [PackRepair.LostRecord]], in tier: OpenTier
  ) throws {
    let readable = lost.values.flatMap { $0 }.filter { !$0.isLostEverywhere }
    guard !readable.isEmpty else { return }
    let writer = TierWriter(tier)
    do {
      try copy(readable, to: writer, except: tier)
    } catch {
      writer.abandon()
      throw error
    }
    var digester = Digester()
    try writer.finish(digester: &digester)
  }

  private func copy(
    _ records: [PackRepair.LostRecord], to writer: TierWriter, except tier: OpenTier
  ) throws {
    var sink = RecordSink(writer: writer, compression: vault.compression)
    var plain = AlignedBuffer(capacity: RecordHeader.maximumPlainByteCount)
    for record in records {
      for other in open where other !== tier {
        var reader = TierReader(other)
        var target = plain.mutableBytes(0..<record.plainByteCount)
        do { try reader.read(record.id, into: &target) } catch is ReadError { continue }
        try sink.add(target.bytes, id: record.id, kind: record.kind)
        break
      }
    }
    try sink.finish()
  }

  /// Puts the best that can be made of a pack into all stores: no store loses a good record by it.
  ///
  /// A store that lacks the pack stays so while others are away: one of them may have it whole, and
  /// catches up what is missing, not what is there.
  private mutating func keepBest(_ bytes: [UInt8], at path: ObjectPath, in tier: Tier) {
    for number in contents.stores(of: tier.name) where !refusing.contains(number) {
      let isThere = contents.stores[number].objects[path] != nil
      guard isThere || tier.absent.isEmpty else { continue }
      do throws(StoreError) {
        try contents.stores[number].store.put(bytes.span.bytes, at: path)
      } catch {
        notices.add("\(error)")
        refusing.insert(number)
      }
    }
  }

  // MARK: index and documents

  private mutating func repairSegments(
    of tier: OpenTier, _ cancellation: Cancellation
  ) throws {
    var isRebuilt = false
    for (path, stores) in patients(of: tier.tier, where: { $0.segment != nil }) {
      try cancellation.check()
      guard let name = path.segment else { continue }
      if let (bytes, donor) = goodSegment(name, among: tier.tier.stores, &digester) {
        settle(path, in: stores, from: donor) { store throws(StoreError) in
          try store.put(bytes.span.bytes, at: path)
        }
      } else {
        settle(path, in: stores, from: "the packs") { store throws(StoreError) in
          try store.delete(path)
        }
        isRebuilt = true
      }
    }
    guard isRebuilt, repairs else { return }
    // What no segment lists any more is read from the packs, and listed anew.
    let fresh = try OpenTier(tier.tier, notices: notices, tombstoned: tier.tombstoned)
    var digester = Digester()
    try TierWriter(fresh).finish(digester: &digester)
  }

  private mutating func repairDocuments(
    of tier: OpenTier, _ cancellation: Cancellation
  ) throws {
    for (path, stores) in patients(of: tier.tier, where: { $0.pack == nil && $0.segment == nil }) {
      try cancellation.check()
      guard let (bytes, donor) = goodDocument(path, near: tier) else {
        for store in stores { markLost(path, in: store, reason: "no copy of it is good") }
        lostDocuments.append(path)
        continue
      }
      settle(path, in: stores, from: donor) { store throws(StoreError) in
        try store.put(bytes.span.bytes, at: path)
      }
    }
    guard repairs else { return }
    let refusing = contents.stores(of: tier.tier.name).filter { self.refusing.contains($0) }
      .map { contents.stores[$0].store }
    try vault.levelDocuments(
      of: tier.tier, besides: refusing, reading: .everyCopy, notices: notices)
  }

  private func goodDocument(
    _ path: ObjectPath, near tier: OpenTier
  ) -> (bytes: [UInt8], donor: String)? {
    let others = open.filter { $0 !== tier }.flatMap(\.tier.stores)
    return Vaults.goodDocument(path, among: tier.tier.stores + others, vault.documents)
  }

  private func isKnownElsewhere(_ path: ObjectPath) -> Bool {
    open.contains { goodDocument(path, near: $0) != nil }
  }

  // MARK: outcomes

  /// Writes good bytes into the stores that need them, and notes what came of it.
  private mutating func settle(
    _ path: ObjectPath, in stores: [Int], from donor: String,
    write: (any Store) throws(StoreError) -> Void
  ) {
    for number in stores {
      change(path, in: number) { $0.isRepairable = true }
      guard repairs, !refusing.contains(number) else { continue }
      do throws(StoreError) {
        try write(contents.stores[number].store)
        change(path, in: number) { $0.repairedFrom = donor }
      } catch {
        notices.add("\(path) is not repaired: \(error)")
        refusing.insert(number)
      }
    }
  }

  private mutating func markLost(_ path: ObjectPath, in store: Int, reason: String) {
    change(path, in: store) {
      $0.isRepairable = false
      $0.reason += "; \(reason)"
    }
  }

  private mutating func change(
    _ path: ObjectPath, in store: Int, _ body: (inout Scrub.Problem) -> Void
  ) {
    for number in report.stores[store].problems.indices
    where report.stores[store].problems[number].object == path.description {
      body(&report.stores[store].problems[number])
    }
  }
}
