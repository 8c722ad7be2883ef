package import Hashing
package import Indexes
package import Packs
package import Stores

extension OpenTier {
  /// What the index lists of a pack, whether the pack is there or not, in the pack's order.
  package func listedEntries(of pack: PackID) -> IndexedPack? {
    for segment in index.segments {
      if let listed = segment.indexedPack(pack) { return listed }
    }
    return nil
  }

  /// Takes records out of the index, so that they count as not stored and the next backup stores
  /// them again. Their packs stay, and what else lies in them stays listed.
  ///
  /// - Throws: ``StoreError``; the old index is in place then.
  package func forget(_ lost: [PackID: Set<ContentID>]) throws(StoreError) {
    guard !lost.isEmpty else { return }
    var digester = Digester()
    // What is in memory alone would be made anew from the packs, with all that they list.
    for adopted in index.adopted where adopted.segment.packs.contains(where: { lost[$0.id] != nil })
    {
      try tier.put(adopted.bytes, at: .segment(adopted.segment.name))
      update { $0.publishAdopted(adopted.segment) }
    }
    for segment in index.published where segment.packs.contains(where: { lost[$0.id] != nil }) {
      let kept = segment.indexedPacks().map { pack in
        guard let ids = lost[pack.id] else { return pack }
        return IndexedPack(
          id: pack.id, byteCount: pack.byteCount,
          indexed: pack.entries.filter { !ids.contains($0.id) })
      }
      let made = makeSegment(kept, &digester)
      guard made.segment.name != segment.name else { continue }
      try tier.put(made.bytes, at: .segment(made.segment.name))
      try tier.delete(.segment(segment.name))
      update { $0.replace([segment.name], with: made.segment) }
    }
  }

  /// Takes packs out of the index that are about to be deleted.
  ///
  /// - Throws: ``StoreError``; the old index is in place then, or a part of the new one.
  package func unlist(_ packs: Set<PackID>) throws(StoreError) {
    var digester = Digester()
    for segment in index.published where segment.packs.contains(where: { packs.contains($0.id) }) {
      let kept = segment.indexedPacks().filter { !packs.contains($0.id) }
      if kept.isEmpty {
        try tier.delete(.segment(segment.name))
        update { $0.remove(segment.name) }
        continue
      }
      let made = makeSegment(kept, &digester)
      try tier.put(made.bytes, at: .segment(made.segment.name))
      if made.segment.name != segment.name { try tier.delete(.segment(segment.name)) }
      let renewed = Segment(made.segment, tombstoned: tombstoned)
      update { $0.replace([segment.name], with: renewed) }
    }
  }

  /// The names of what lies in a pack, as the pack itself says.
  package func records(ofPack id: PackID, byteCount: UInt64) -> [ContentID] {
    var digester = Digester()
    return recordsOfPack(id, byteCount, in: tier, notices: notices, &digester).map(\.id)
  }

  /// Reads a pack whole from every store that is written to.
  ///
  /// - Parameter records: what has to lie in it.
  /// - Throws: ``PackError`` where it is not as it was written, or lacks any of that.
  package func requireWhole(
    _ id: PackID, holding records: Set<ContentID>
  ) throws(PackError) {
    let pool = Self.makePackPool()
    var digester = Digester()
    for store in tier.writable {
      let pack = try SealedPack.load(id, from: store, pool: pool, digester: &digester)
      guard records.isSubset(of: pack.entries.map(\.id)) else {
        throw .damaged(
          id, store: store.name, PackDamage(offset: 0, "it lacks what the index lists in it"))
      }
    }
  }

  /// Lists a whole pack anew where the index lists only a part of it, as one does that was made
  /// while the pack was damaged.
  ///
  /// - Throws: ``StoreError``.
  package func listWhole(_ pack: SealedPack) throws(StoreError) {
    let index = index
    guard pack.entries.contains(where: { index.location(of: $0.id) == nil }) else { return }
    let byteCount = UInt64(pack.byteCount)
    let isListed = index.segments.contains { segment in
      guard let listed = segment.indexedPack(pack.id) else { return false }
      return listed.byteCount == byteCount && listed.entries.count == pack.entries.count
    }
    if isListed { return }
    var digester = Digester()
    let made = makeSegment(
      [IndexedPack(id: pack.id, byteCount: byteCount, entries: pack.entries)], &digester)
    try tier.put(made.bytes, at: .segment(made.segment.name))
    update { $0.publish(made.segment) }
  }
}
