internal import Encryption
package import Hashing
internal import Indexes
internal import Packs
internal import Stores
package import Workers

/// Makes a tier's index anew from its packs alone.
///
/// Every pack is read whole and checked against its name. Of a damaged one each record is checked
/// by itself, and those that are lost are left out, so that the next backup stores them again.
package struct IndexRebuild: ~Copyable {
  private let tier: Tier
  private let notices: Notices
  /// Packs on their way out, which no new index lists.
  private let tombstoned: Set<PackID>
  private var digester = Digester()
  private var opener: RecordOpener
  package private(set) var packCount = 0
  package private(set) var recordCount = 0
  /// Records that no copy gives any more.
  package private(set) var lostRecordCount = 0

  package init(_ tier: Tier, notices: Notices, tombstoned: Set<PackID> = []) {
    self.tier = tier
    self.tombstoned = tombstoned
    self.notices = notices
    opener = RecordOpener(tier.protection)
  }

  /// The new index is durable before the old one is removed; stopped before that, nothing changed.
  ///
  /// - Throws: ``StoreError``, ``Cancelled``; ``LockedError`` where a pack is damaged and only the
  ///   vault's key tells which of its records are good.
  package mutating func run(progress: Progress, cancellation: Cancellation) throws {
    let packs = try TierListing(of: tier, notices: notices).packs
      .filter { !tombstoned.contains($0.key) }
    progress.expect(packs.values.reduce(0, +))
    var made: Set<Digest> = []
    var batch: [IndexedPack] = []
    var batchCount = 0
    for (id, byteCount) in packs.sorted(by: { $0.key < $1.key }) {
      try cancellation.check()
      let entries = try goodRecords(of: id, byteCount)
      progress.advance(byteCount)
      packCount += 1
      recordCount += entries.count
      guard !entries.isEmpty else { continue }
      batch.append(IndexedPack(id: id, byteCount: byteCount, entries: entries))
      batchCount += entries.count
      if batchCount >= TierWriter.entriesPerSegment {
        made.insert(try publish(batch))
        batch = []
        batchCount = 0
      }
    }
    if !batch.isEmpty { made.insert(try publish(batch)) }
    try removeSegments(except: made)
  }

  private mutating func publish(_ packs: [IndexedPack]) throws(StoreError) -> Digest {
    let segment = makeSegment(packs, &digester)
    try tier.put(segment.bytes, at: .segment(segment.segment.name))
    return segment.segment.name
  }

  private func removeSegments(except kept: Set<Digest>) throws(StoreError) {
    for store in tier.writable {
      _ = try tier.attempt(store) { () throws(StoreError) in
        for object in try store.list(.index) {
          let name = object.path.name(without: ".index").flatMap { Digest($0) }
          if name.map({ !kept.contains($0) }) ?? true { try store.delete(object.path) }
        }
      }
    }
  }

  private mutating func goodRecords(
    of id: PackID, _ byteCount: UInt64
  ) throws(LockedError) -> [PackEntry] {
    var salvaged: [PackEntry] = []
    var mostListed = 0
    for store in tier.stores {
      let bytes: [UInt8]
      do throws(StoreError) {
        bytes = try store.readAll(.pack(id), limit: PackFormat.maximumByteCount)
      } catch {
        notices.add("\(error)")
        continue
      }
      let listed = listedRecords(of: id, byteCount, bytes, in: store)
      if digester.digest(bytes.span.bytes) == id.digest { return listed }
      if tier.protection.isLocked {
        mostListed = max(mostListed, listed.count)
        continue
      }
      let good = listed.filter { isGood($0, in: bytes) }
      let lost = listed.count - good.count
      notices.add(
        "pack \(id) in store \(store.name) is damaged: \(good.count) of \(listed.count) records "
          + "are good" + (lost > 0 ? "; run `kluis verify` to see what needs the others" : ""))
      mostListed = max(mostListed, listed.count)
      if good.count > salvaged.count { salvaged = good }
    }
    if tier.protection.isLocked, mostListed > 0 { throw LockedError() }
    lostRecordCount += mostListed - salvaged.count
    return salvaged
  }

  private mutating func listedRecords(
    of id: PackID, _ byteCount: UInt64, _ bytes: [UInt8], in store: any Store
  ) -> [PackEntry] {
    do throws(PackError) {
      return try store.directory(ofPack: id, byteCount: byteCount, digester: &digester)
    } catch { return walkRecords(ofPack: bytes.span.bytes) }
  }

  private mutating func isGood(_ entry: PackEntry, in bytes: [UInt8]) -> Bool {
    let start = Int(entry.offset)
    guard start + entry.recordByteCount <= bytes.count else { return false }
    var plain = [UInt8](repeating: 0, count: Int(entry.plainByteCount))
    var span = plain.mutableSpan
    var target = span.mutableBytes
    let record = bytes.span.bytes.extracting(start..<start + entry.recordByteCount)
    do throws(PackDamage) {
      try opener.open(record, at: entry.offset, expecting: entry.id, into: &target)
      return true
    } catch { return false }
  }
}
