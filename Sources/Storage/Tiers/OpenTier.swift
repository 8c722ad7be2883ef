package import Bytes
package import Hashing
internal import Indexes
package import Packs
package import Stores
internal import Synchronization
package import Workers

/// A tier whose index is open. Shared by all threads of a command.
package final class OpenTier: Sendable {
  package enum Purpose: Sendable { case reading, writing }

  package let tier: Tier
  package let notices: Notices
  /// Asked for what this tier does not give, the nearest first.
  private let otherTiers: [Tier]
  private let openedOthers = Mutex<[OpenTier]?>(nil)
  private let current: Mutex<TierIndex>
  private let buried: Mutex<Set<PackID>>
  private let rechecked = Mutex<Recheck?>(nil)
  let isWriterAlive: @Sendable () -> Bool

  /// The segments that there were when the index was read anew.
  private struct Recheck { let names: Set<Digest> }

  let repair: ReadRepair

  /// Opens the index. A segment that is damaged is taken from another store, or left aside; packs
  /// that no segment lists are read for their directories, so the index is whole even where its
  /// files are not.
  ///
  /// - Parameters:
  ///   - purpose: for writing, the stores are first brought to hold the same (see ``CatchUp``), and
  ///     the index lists only what all of them hold.
  ///   - otherTiers: asked for what this tier has lost, in their order.
  ///   - tombstoned: packs on their way out: what is only in them is read and not taken for stored.
  ///   - othersWrite: whether somebody else writes to the tier now.
  ///   - isWriterAlive: whether nobody took this writer for ended, so that what it wrote is there.
  ///   - checkingEverything: whether every byte of the index is read.
  ///   - healing: whether copies that turn out damaged are repaired from good ones at once.
  /// - Throws: ``TierError``, ``StoreError``, ``Cancelled``.
  package init(
    _ tier: Tier, notices: Notices, for purpose: Purpose = .reading, otherTiers: [Tier] = [],
    tombstoned: Set<PackID> = [], othersWrite: @escaping () -> Bool = { false },
    isWriterAlive: @escaping @Sendable () -> Bool = { true }, checkingEverything: Bool = false,
    healing: Bool = true, progress: Progress = Progress(),
    cancellation: Cancellation = Cancellation()
  ) throws {
    self.tier = tier
    self.notices = notices
    self.otherTiers = otherTiers
    self.isWriterAlive = isWriterAlive
    repair = ReadRepair(
      donors: tier.stores + otherTiers.flatMap(\.stores), isActive: healing, notices: notices)
    let listing: TierListing
    switch purpose {
    case .reading:
      try tier.requireReadable()
      listing = try TierListing(of: tier, notices: notices)
    case .writing:
      try tier.requireWritable()
      var catchUp = CatchUp(
        tier, othersWrite: othersWrite, notices: notices, progress: progress,
        cancellation: cancellation)
      listing = try catchUp.run()
    }
    buried = Mutex(tombstoned)
    current = Mutex(
      try readIndex(
        of: tier, listing: listing, tombstoned: tombstoned, notices: notices, healing: healing,
        checkEverything: checkingEverything))
  }

  /// Packs on their way out.
  package var tombstoned: Set<PackID> { buried.withLock { $0 } }

  /// Takes further packs for being on their way out.
  package func bury(_ packs: Set<PackID>) {
    let all = buried.withLock { buried in
      buried.formUnion(packs)
      return buried
    }
    update { $0.bury(all) }
  }

  package var index: TierIndex { current.withLock { $0 } }

  /// Reads every byte of the index anew, after something in it led astray; once, and again where
  /// other segments are there now: what was looked for may have been moved to another pack.
  /// - Returns: whether it is another now.
  package func recheckIndex() throws(StoreError) -> Bool {
    // Whoever comes second waits for the first, to go on with what that one found.
    try rechecked.withLock { last throws(StoreError) in
      let names = Set(try segmentNames(in: tier, notices: notices).map(\.0))
      guard last?.names != names else { return false }
      last = Recheck(names: names)
      let listing = try TierListing(of: tier, notices: notices)
      let fresh = try readIndex(
        of: tier, listing: listing, tombstoned: tombstoned, notices: notices,
        healing: repair.isActive, checkEverything: true)
      // Taken even where all names are the same: a segment may come from another store now.
      current.withLock { $0 = fresh }
      return true
    }
  }

  /// Memory for whole packs.
  package static func makePackPool() -> BufferPool { PackWriter.makeBufferPool() }

  /// A whole pack from the first store that gives it undamaged; the others are healed from that.
  ///
  /// - Throws: ``PackError`` of the last store that was asked.
  package func wholePack(
    _ id: PackID, pool: BufferPool, digester: inout Digester
  ) throws(PackError) -> SealedPack {
    var failed: [(store: any Store, error: PackError)] = []
    for store in tier.stores {
      do throws(PackError) {
        let pack = try SealedPack.load(id, from: store, pool: pool, digester: &digester)
        for (damaged, error) in failed { repair.heal(id, in: damaged, after: "\(error)") }
        return pack
      } catch { failed.append((store, error)) }
    }
    throw failed.last!.error
  }

  func update(_ change: (inout TierIndex) -> Void) { current.withLock { change(&$0) } }

  /// The tiers that are asked for what this one has lost, opened when that is needed first.
  func openOtherTiers() -> [OpenTier] {
    openedOthers.withLock { opened in
      if let opened { return opened }
      let found = otherTiers.compactMap { tier -> OpenTier? in
        do { return try OpenTier(tier, notices: notices, healing: repair.isActive) } catch {
          notices.add("\(error)")
          return nil
        }
      }
      opened = found
      return found
    }
  }
}

/// Reads all segments of a tier's index.
private func readIndex(
  of tier: Tier, listing: TierListing, tombstoned: Set<PackID>, notices: Notices, healing: Bool,
  checkEverything: Bool
) throws(StoreError) -> TierIndex {
  var digester = Digester()
  var published: [Segment] = []
  var listed: Set<PackID> = []
  let packs = listing.packs
  for (name, stores) in try segmentNames(in: tier, notices: notices) {
    guard
      let segment = openSegment(
        name, in: stores, of: tier, listing: listing, tombstoned: tombstoned, notices: notices,
        healing: healing, checkEverything: checkEverything, &digester)
    else { continue }
    published.append(segment)
    // One that is listed with another size was cut short when that was written, or is so now.
    listed.formUnion(segment.packs.filter { packs[$0.id] == $0.byteCount }.map(\.id))
  }
  let orphans = packs.filter { !listed.contains($0.key) }
  let staying = orphans.filter { !tombstoned.contains($0.key) }
  let leaving = orphans.filter { tombstoned.contains($0.key) }
  let adopted = adopt(staying, of: tier, notices: notices, &digester)
  let left = adopt(leaving, of: tier, notices: notices, &digester).map {
    TierIndex.AdoptedSegment(
      segment: Segment($0.segment, tombstoned: tombstoned), bytes: $0.bytes, isLeaving: true)
  }
  return TierIndex(published: published, adopted: adopted + left)
}

/// A segment from the first store that gives it undamaged; the others are healed from that.
private func openSegment(
  _ name: Digest, in stores: [any Store], of tier: Tier, listing: TierListing,
  tombstoned: Set<PackID>, notices: Notices, healing: Bool, checkEverything: Bool,
  _ digester: inout Digester
) -> Segment? {
  var damages: [(store: any Store, damage: SegmentDamage)] = []
  var found: Segment?
  for store in stores {
    do throws(SegmentDamage) {
      let segment = try Segment(
        name, in: store,
        isPresent: { listing.holds($0, byteCount: $1) || tier.holds($0, byteCount: $1) },
        tombstoned: tombstoned)
      if checkEverything, !segment.isIntact(digester: &digester) {
        throw SegmentDamage(name: name, store: store.name, reason: "its digest is wrong")
      }
      found = segment
      break
    } catch { damages.append((store, error)) }
  }
  for (store, damage) in damages {
    // Gone since the store was listed: another command has merged it into a larger one.
    if isGone(name, in: store) { continue }
    guard healing else {
      notices.add("\(damage)")
      continue
    }
    heal(name, in: store, after: damage, from: stores, notices: notices, &digester)
  }
  return found
}

private func isGone(_ name: Digest, in store: any Store) -> Bool {
  do throws(StoreError) { return try store.byteCount(of: .segment(name)) == nil } catch {
    return false
  }
}

private func heal(
  _ name: Digest, in store: any Store, after damage: SegmentDamage, from stores: [any Store],
  notices: Notices, _ digester: inout Digester
) {
  let others = stores.filter { $0 !== store }
  guard let (good, _) = goodSegment(name, among: others, &digester) else {
    return notices.add("\(damage); run `kluis rebuild-index`")
  }
  do throws(StoreError) {
    try store.put(good.span.bytes, at: .segment(name))
    notices.add("\(damage); repaired from another store")
  } catch { notices.add("\(damage); not repaired: \(error)") }
}

/// The names of all segments, and the stores that hold each.
private func segmentNames(
  in tier: Tier, notices: Notices
) throws(StoreError) -> [(Digest, [any Store])] {
  var stores: [Digest: [any Store]] = [:]
  for (store, objects) in try list(.index, of: tier.stores, notices: notices) {
    for name in objects.compactMap(\.path.segment) { stores[name, default: []].append(store) }
  }
  return stores.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
}

private func adopt(
  _ orphans: [PackID: UInt64], of tier: Tier, notices: Notices, _ digester: inout Digester
) -> [TierIndex.AdoptedSegment] {
  var batch: [IndexedPack] = []
  var count = 0
  var adopted: [TierIndex.AdoptedSegment] = []
  for (id, byteCount) in orphans.sorted(by: { $0.key < $1.key }) {
    let entries = recordsOfPack(id, byteCount, in: tier, notices: notices, &digester)
    guard !entries.isEmpty else { continue }
    batch.append(IndexedPack(id: id, byteCount: byteCount, entries: entries))
    count += entries.count
    if count >= TierWriter.entriesPerSegment {
      adopted.append(makeSegment(batch, &digester))
      batch = []
      count = 0
    }
  }
  if !batch.isEmpty { adopted.append(makeSegment(batch, &digester)) }
  return adopted
}

/// A segment over `packs`, all of them present.
func makeSegment(
  _ packs: [IndexedPack], _ digester: inout Digester
) -> TierIndex.AdoptedSegment {
  let (bytes, name) = encodeSegment(packs, digester: &digester)
  do throws(SegmentDamage) {
    let segment = try Segment(
      name, SharedBytes(copying: bytes), from: "memory", isPresent: { _, _ in true })
    return TierIndex.AdoptedSegment(segment: segment, bytes: bytes)
  } catch { preconditionFailure("a segment that was just written cannot be read: \(error)") }
}

/// What a pack lists; from its records where its directory is damaged. Nothing of one that is gone
/// since it was listed.
func recordsOfPack(
  _ id: PackID, _ byteCount: UInt64, in tier: Tier, notices: Notices, _ digester: inout Digester
) -> [PackEntry] {
  var best: [PackEntry] = []
  var problems: [String] = []
  for store in tier.stores {
    do throws(PackError) {
      best = try store.directory(ofPack: id, byteCount: byteCount, digester: &digester)
      break
    } catch { problems.append("\(error)") }
    do throws(StoreError) {
      let bytes = try store.readAll(.pack(id), limit: PackFormat.maximumByteCount)
      let found = walkRecords(ofPack: bytes.span.bytes)
      if found.count > best.count { best = found }
    } catch { problems.append("\(error)") }
  }
  if best.isEmpty, tier.isGone(.pack(id)) { return [] }
  for problem in problems { notices.add(problem) }
  return best
}
