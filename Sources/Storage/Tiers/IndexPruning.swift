package import Hashing
package import Indexes
internal import Packs
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
}
