internal import Hashing
internal import Tiers

/// Which packs can go, and which are worth rewriting.
struct ReclaimPlan {
  /// Of these nothing is needed.
  private(set) var dead: [PackID] = []
  /// Of these little is needed; of the first the least.
  private(set) var sparse: [SparsePack] = []

  struct SparsePack {
    let id: PackID
    let byteCount: UInt64
    let neededBytes: UInt64
  }

  /// - Parameters:
  ///   - sizes: of all packs that are there.
  ///   - hasOtherWriters: whether somebody else writes: what no index lists may be his then.
  ///   - repackLimit: bytes that are rewritten at most.
  init(
    _ open: OpenTier, _ marking: Marking, sizes: [PackID: UInt64], hasOtherWriters: Bool,
    thresholdPercent: UInt64, repackLimit: UInt64?
  ) {
    let needed = marking.liveParts()
    let listed = marking.index.publishedPacks
    for (id, byteCount) in sizes.sorted(by: { $0.key < $1.key })
    where !open.tombstoned.contains(id) {
      guard let part = needed[id] else {
        if listed.contains(id) || !hasOtherWriters { dead.append(id) }
        continue
      }
      // In parts of a hundred, of numbers below 2^57. A small pack is for the most part frame, of
      // which rewriting it frees nothing.
      if part.packByteCount * 100 < byteCount * thresholdPercent {
        sparse.append(SparsePack(id: id, byteCount: byteCount, neededBytes: part.byteCount))
      }
    }
    sparse.sort { $0.neededBytes * $1.byteCount < $1.neededBytes * $0.byteCount }
    guard let repackLimit else { return }
    var sum: UInt64 = 0
    sparse = sparse.filter { pack in
      sum += pack.neededBytes
      return sum <= repackLimit
    }
  }
}
