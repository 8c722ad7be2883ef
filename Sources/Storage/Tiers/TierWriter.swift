package import Hashing
internal import Indexes
package import Packs
internal import Stores
internal import Synchronization
internal import Workers

/// Stores new chunks and maps in a tier: gathers them into packs, writes packs behind the workers'
/// backs, and lists them in the index.
///
/// Shared by all workers of one run. Memory has a ceiling: two packs under construction, one
/// queued, two being written, and the entries of one segment.
package final class TierWriter: Sendable {
  package let open: OpenTier
  private let claims = Claims()
  private let pool = PackWriter.makeBufferPool()
  private let chunkPack = Mutex(PackSlot())
  private let mapPack = Mutex(PackSlot())
  private let sealed = BoundedQueue<SealedPack>(capacity: 1)
  private let written = Mutex(WrittenPacks())
  private let failure = Mutex<StoreError?>(nil)
  private let threads = Mutex<[WorkerThread]>([])

  /// A segment is published when this many records wait for one.
  package static let entriesPerSegment = 400_000

  private struct PackSlot: ~Copyable { var writer: PackWriter? }

  private struct WrittenPacks {
    var packs: [IndexedPack] = []
    var entryCount = 0
    var byteCount: UInt64 = 0
  }

  package init(_ open: OpenTier) {
    self.open = open
    for store in open.tier.writable {
      do throws(StoreError) { try store.sweep() } catch { open.notices.add("\(error)") }
    }
    let writers = (0..<2).map { _ in WorkerThread { [self] in writePacks() } }
    threads.withLock { $0 = writers }
  }

  /// Bytes of all packs that were written in this run.
  package var writtenByteCount: UInt64 { written.withLock { $0.byteCount } }

  /// Whether the caller has to store `id`: it is neither stored nor being stored.
  ///
  /// - Parameter index: the caller's copy of the tier's index; an old one is good enough.
  package func claim(_ id: ContentID, index: TierIndex) -> Bool {
    !index.contains(id) && claims.claim(id)
  }

  /// Takes over the records of `run`, chunks or maps but not both, and empties it. May wait for
  /// packs to be written.
  package func add(
    _ run: inout RecordRun, kind: RecordKind, digester: inout Digester
  ) throws {
    guard !run.isEmpty else { return }
    let full = kind == .chunk ? append(run, to: chunkPack) : append(run, to: mapPack)
    run.removeAll()
    for pack in full { try write(pack.seal(&digester, besides: open.tombstoned)) }
  }

  /// Takes over a whole pack of another tier as it is, which must not be on its way out here. May
  /// wait for packs to be written.
  package func add(_ pack: SealedPack) throws {
    for entry in pack.entries { _ = claims.claim(entry.id) }
    try write(pack)
  }

  /// Writes what is left, waits until all is durable, and publishes the index.
  package func finish(digester: inout Digester) throws {
    do {
      for slot in [takeLast(chunkPack), takeLast(mapPack)] {
        if let pack = slot { try write(pack.seal(&digester, besides: open.tombstoned)) }
      }
    } catch {
      stop()
      throw error
    }
    stop()
    if let error = failure.withLock({ $0 }) { throw error }
    try publish(atLeast: 1, &digester)
    try publishAdopted()
    try mergeSmallSegments(&digester)
  }

  /// Ends the run after a failure. What is durable already is listed, so that the next run finds
  /// it.
  package func abandon() {
    stop()
    var digester = Digester()
    do { try publish(atLeast: 1, &digester) } catch {
      open.notices.add("what was stored is not indexed yet: \(error)")
    }
  }

  // MARK: packs

  /// A full pack on its way to being sealed outside the lock.
  private final class FullPack {
    private var writer: PackWriter?
    init(_ writer: consuming PackWriter) { self.writer = consume writer }
    func seal(_ digester: inout Digester, besides taken: Set<PackID>) -> SealedPack {
      writer.take()!.seal(with: &digester, besides: taken)
    }
  }

  /// Adds the run to the slot's pack; gives what became full by it.
  private func append(
    _ run: borrowing RecordRun, to slot: borrowing Mutex<PackSlot>
  ) -> [FullPack] {
    slot.withLock { slot in
      var full: [FullPack] = []
      var writer = slot.writer.take() ?? PackWriter(pool: pool)
      if !writer.hasRoom(for: run) {
        full.append(FullPack(writer))
        writer = PackWriter(pool: pool)
      }
      writer.append(run)
      if writer.isFull { full.append(FullPack(writer)) } else { slot.writer = consume writer }
      return full
    }
  }

  private func takeLast(_ slot: borrowing Mutex<PackSlot>) -> FullPack? {
    slot.withLock { slot in
      guard let writer = slot.writer.take() else { return nil }
      return FullPack(writer)
    }
  }

  private func write(_ pack: SealedPack) throws {
    guard sealed.push(pack) else {
      throw failure.withLock { $0 }
        ?? StoreError(
          .refused("the writer has stopped"), .pack(pack.id), in: open.tier.stores[0].name)
    }
  }

  private func writePacks() {
    var digester = Digester()
    while let pack = sealed.pop() {
      do throws(StoreError) {
        try open.tier.put(pack)
        note(pack)
        try publish(atLeast: Self.entriesPerSegment, &digester)
      } catch {
        failure.withLock { if $0 == nil { $0 = error } }
        sealed.close()
        return
      }
    }
  }

  private func stop() {
    sealed.close()
    let running = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in running { thread.wait() }
  }

  // MARK: index

  private func note(_ pack: SealedPack) {
    written.withLock {
      $0.packs.append(
        IndexedPack(id: pack.id, byteCount: UInt64(pack.byteCount), entries: pack.entries))
      $0.entryCount += pack.entries.count
      $0.byteCount += UInt64(pack.byteCount)
    }
  }

  /// Lists the packs that were written so far, if they hold at least `count` records.
  private func publish(atLeast count: Int, _ digester: inout Digester) throws(StoreError) {
    let packs = written.withLock { written -> [IndexedPack] in
      guard written.entryCount >= count else { return [] }
      defer {
        written.packs = []
        written.entryCount = 0
      }
      return written.packs
    }
    guard !packs.isEmpty else { return }
    guard let segment = try store(makeSegment(packs, &digester)) else { return }
    open.update { $0.publish(segment) }
    for pack in packs {
      for entry in pack.entries { claims.release(entry.id) }
    }
  }

  private func publishAdopted() throws(StoreError) {
    let adopted = open.index.adopted.filter { !$0.isLeaving }
    guard !adopted.isEmpty else { return }
    for made in adopted {
      guard let segment = try store(made) else { return }
      open.update { $0.publish(segment) }
    }
    open.update { $0.forgetAdopted() }
  }

  /// Puts a segment into every store, and gives it as it lies there: mapped, not held in memory.
  ///
  /// - Returns: nil where this writer was taken for ended, so that its packs may be gone; the
  ///   segment is in no store then.
  private func store(_ made: TierIndex.AdoptedSegment) throws(StoreError) -> Segment? {
    let tier = open.tier
    guard open.isWriterAlive() else { return nil }
    try tier.put(made.bytes, at: .segment(made.segment.name))
    guard open.isWriterAlive() else {
      try tier.delete(.segment(made.segment.name))
      return nil
    }
    do throws(SegmentDamage) {
      return try Segment(
        made.segment.name, in: tier.writable[0], isPresent: { _, _ in true },
        tombstoned: open.tombstoned)
    } catch {
      throw StoreError(.refused(error.reason), .segment(error.name), in: error.store)
    }
  }

  /// Makes one segment of many small ones, so that a look-up asks few.
  private func mergeSmallSegments(_ digester: inout Digester) throws(StoreError) {
    let small = open.index.published
      .filter { $0.entryCount < Self.entriesPerSegment / 2 }
      .sorted { $0.entryCount < $1.entryCount }
    guard small.count >= 8 else { return }
    var chosen: [Segment] = []
    var count = 0
    for segment in small where count + segment.entryCount <= Self.entriesPerSegment {
      chosen.append(segment)
      count += segment.entryCount
    }
    // A damaged segment must not spread into a new one that looks sound.
    guard chosen.allSatisfy({ $0.isIntact(digester: &digester) }) else { return }
    // Of a pack that several list, the list that was made while it was whole is the longest.
    var packs: [PackID: IndexedPack] = [:]
    // What is on its way out may be gone when the new one is there.
    for pack in chosen.flatMap({ $0.indexedPacks(isComplete: false) })
    where pack.entries.count >= packs[pack.id]?.entries.count ?? 0 {
      packs[pack.id] = pack
    }
    guard !packs.isEmpty else { return }
    let made = makeSegment(packs.values.sorted { $0.id < $1.id }, &digester)
    guard let merged = try store(made) else { return }
    for segment in chosen where segment.name != merged.name {
      try open.tier.delete(.segment(segment.name))
    }
    open.update { $0.replace(Set(chosen.map(\.name)), with: merged) }
  }
}
