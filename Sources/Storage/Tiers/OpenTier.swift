internal import Bytes
package import Hashing
internal import Indexes
internal import Packs
package import Stores
internal import Synchronization

/// A tier whose index is open. Shared by all threads of a command.
package final class OpenTier: Sendable {
  package let tier: Tier
  package let notices: Notices
  private let current: Mutex<TierIndex>
  private let isRechecked = Mutex(false)

  /// Opens the index. A segment that is damaged is left aside, and packs that no segment lists are
  /// read for their directories, so the index is whole even where its files are not.
  package init(_ tier: Tier, notices: Notices) throws(StoreError) {
    self.tier = tier
    self.notices = notices
    // An empty mount point looks like a store without anything in it, and must not be taken for
    // one.
    for store in tier.stores where try store.byteCount(of: .descriptor) == nil {
      throw StoreError(.missing, .descriptor, in: "\(store.name) (is its disk mounted?)")
    }
    current = Mutex(try readIndex(of: tier, notices: notices, checkEverything: false))
  }

  package var index: TierIndex { current.withLock { $0 } }

  /// Reads every byte of the index after something in it led astray.
  /// - Returns: whether it was damaged, and so is another now.
  func recheckIndex() throws(StoreError) -> Bool {
    // Whoever comes second waits for the first, to go on with what that one found.
    try isRechecked.withLock { isDone throws(StoreError) in
      guard !isDone else { return false }
      isDone = true
      let before = index.published.count
      let fresh = try readIndex(of: tier, notices: notices, checkEverything: true)
      current.withLock { $0 = fresh }
      return fresh.published.count != before
    }
  }

  func update(_ change: (inout TierIndex) -> Void) { current.withLock { change(&$0) } }
}

/// All packs of a tier, with sizes; a pack counts when one store holds it.
package func presentPacks(in tier: Tier) throws(StoreError) -> [PackID: UInt64] {
  var packs: [PackID: UInt64] = [:]
  for store in tier.stores {
    for object in try store.list(.packs) {
      guard let name = object.path.name(without: ".pack"), let digest = Digest(name) else {
        continue
      }
      packs[PackID(digest)] = max(packs[PackID(digest)] ?? 0, object.byteCount)
    }
  }
  return packs
}

private func readIndex(
  of tier: Tier, notices: Notices, checkEverything: Bool
) throws(StoreError) -> TierIndex {
  let packs = try presentPacks(in: tier)
  var digester = Digester()
  var published: [Segment] = []
  var listed: Set<PackID> = []
  for (name, stores) in try segmentNames(in: tier) {
    for store in stores {
      do throws(SegmentDamage) {
        let segment = try Segment(name, in: store, presentPacks: packs)
        if checkEverything, !segment.isIntact(digester: &digester) {
          throw SegmentDamage(name: name, store: store.name, reason: "its digest is wrong")
        }
        published.append(segment)
        listed.formUnion(segment.packs.map(\.id))
        break
      } catch {
        notices.add("\(error); run `kluis rebuild-index`")
      }
    }
  }
  let orphans = packs.filter { !listed.contains($0.key) }
  return TierIndex(
    published: published, adopted: adopt(orphans, of: tier, notices: notices, &digester))
}

/// The names of all segments, and the stores that hold each.
private func segmentNames(in tier: Tier) throws(StoreError) -> [(Digest, [any Store])] {
  var stores: [Digest: [any Store]] = [:]
  for store in tier.stores {
    for object in try store.list(.index) {
      guard let name = object.path.name(without: ".index").flatMap({ Digest($0) }) else { continue }
      stores[name, default: []].append(store)
    }
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
  let present = Dictionary(packs.map { ($0.id, $0.byteCount) }) { first, _ in first }
  do throws(SegmentDamage) {
    let segment = try Segment(
      name, SharedBytes(copying: bytes), from: "memory", presentPacks: present)
    return TierIndex.AdoptedSegment(segment: segment, bytes: bytes)
  } catch { preconditionFailure("a segment that was just written cannot be read: \(error)") }
}

/// What a pack lists; from its records where its directory is damaged.
func recordsOfPack(
  _ id: PackID, _ byteCount: UInt64, in tier: Tier, notices: Notices, _ digester: inout Digester
) -> [PackEntry] {
  var best: [PackEntry] = []
  for store in tier.stores {
    do throws(PackError) {
      return try store.directory(ofPack: id, byteCount: byteCount, digester: &digester)
    } catch { notices.add("\(error)") }
    do throws(StoreError) {
      let bytes = try store.readAll(.pack(id), limit: PackFormat.maximumByteCount)
      let found = walkRecords(ofPack: bytes.span.bytes)
      if found.count > best.count { best = found }
    } catch { notices.add("\(error)") }
  }
  return best
}
