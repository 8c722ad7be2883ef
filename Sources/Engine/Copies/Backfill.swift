internal import Bytes
package import Compression
internal import Hashing
internal import Maps
internal import Packs
package import Tiers
package import Vaults
package import Workers

/// Gives a tier what its points need and it has lost, as other tiers have it: what no copy of the
/// tier has, and its index does not list any more.
///
/// Each map is read once, whatever number of points share it.
package struct Backfill {
  private let target: OpenTier
  /// The tiers that are asked, the nearest first.
  private let sources: [OpenTier]
  private let compression: CompressionSetting
  private let workerCount: Int

  /// - Parameter compression: for what cannot be sent as it is sealed.
  package init(
    of target: OpenTier, from sources: [OpenTier], compression: CompressionSetting,
    workerCount: Int
  ) {
    self.target = target
    self.sources = sources
    self.compression = compression
    self.workerCount = workerCount
  }

  /// What the target lacks.
  package struct Plan {
    fileprivate let needed: [NeededRecords]
    /// Maps and chunks that the target lacks and a source has.
    package fileprivate(set) var recordCount = 0
    /// Whether points need something that is nowhere.
    package fileprivate(set) var isIncomplete = false
  }

  /// Looks for what `points` need, and writes nothing.
  ///
  /// - Throws: ``Cancelled``.
  package func plan(_ points: [RecoveryPoint], _ cancellation: Cancellation) throws -> Plan {
    var search = LackSearch(target, sources)
    for point in points {
      for disk in point.trees {
        try cancellation.check()
        search.look(at: disk)
      }
    }
    return search.plan
  }

  /// Durable and listed when it returns; when it throws, what came so far stays.
  ///
  /// - Throws: ``ReadError`` where a source does not give what its index lists; ``StoreError``,
  ///   ``Cancelled``.
  package func send(_ plan: Plan, cancellation: Cancellation) throws {
    for (source, needed) in zip(sources, plan.needed) where needed.isAnythingNeeded {
      let shipment = PackShipment(
        source: source, target: target, compression: compression, workerCount: workerCount)
      _ = try shipment.send(needed, Progress(), cancellation.child())
    }
  }
}

/// Walks trees that a tier has in part, the rest in others.
private struct LackSearch {
  private let index: TierIndex
  private let sources: [OpenTier]
  private let readers: [Reader]
  /// Maps that were looked into: those that the target lists, and the others.
  private var seen: RecordSet
  private var seenElsewhere: Set<ContentID> = []
  private(set) var plan: Backfill.Plan

  /// A reader of a tier, in an array.
  private final class Reader {
    private var reader: TierReader
    init(_ open: OpenTier) { reader = TierReader(open) }
    func map(_ id: ContentID) throws -> [UInt8] { try reader.map(id) }
  }

  init(_ target: OpenTier, _ sources: [OpenTier]) {
    index = target.index
    self.sources = sources
    readers = ([target] + sources).map { Reader($0) }
    seen = RecordSet(over: target.index)
    plan = Backfill.Plan(needed: sources.map { NeededRecords(of: $0, lackedBy: target) })
  }

  mutating func look(at disk: RecoveryPoint.Disk) {
    guard let tree = disk.tree else {
      plan.isIncomplete = true
      return
    }
    do {
      try tree.forEachRegion {
        try map($0)
      } enter: {
        enter($0)
      } visit: { region, id in
        let range = Region.range(region, diskByteCount: tree.diskByteCount)
        // One region that is lost does not hide what others need.
        do {
          let bytes = try map(id)
          let map = try RegionMap(decoding: bytes.span.bytes, byteCount: range.count)
          for case .chunk(let chunk, _) in map.items { need(chunk, as: .chunk) }
        } catch { plan.isIncomplete = true }
      }
    } catch { plan.isIncomplete = true }
  }

  /// Whether a map was not looked into before.
  private mutating func enter(_ id: ContentID) -> Bool {
    if let number = index.number(of: id) { return seen.insert(number) }
    guard seenElsewhere.insert(id).inserted else { return false }
    need(id, as: .map)
    return true
  }

  private mutating func need(_ id: ContentID, as kind: RecordKind) {
    if index.number(of: id) != nil { return }
    for needed in plan.needed where needed.has(id) {
      if needed.mark(lacking: id, as: kind) { plan.recordCount += 1 }
      return
    }
    plan.isIncomplete = true
  }

  private func map(_ id: ContentID) throws -> [UInt8] {
    for reader in readers.dropLast() {
      do { return try reader.map(id) } catch is ReadError { continue }
    }
    return try readers[readers.count - 1].map(id)
  }
}
