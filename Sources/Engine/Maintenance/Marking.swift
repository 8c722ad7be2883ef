internal import Hashing
internal import Indexes
internal import Maps
internal import Packs
internal import Stores
internal import Synchronization
internal import Tiers
internal import Vaults
internal import Workers

/// What is needed by points that a tier keeps, found by walking their trees: a bit for each record
/// of the index, so that a vault of any size costs little memory.
///
/// Each map is read once, whatever number of points share it.
final class Marking: Sendable {
  let index: TierIndex
  private let tier: Tier.Name
  private let tombstoned: Set<PackID>
  private let state: Mutex<State>

  private struct State {
    var live: RecordSet
    /// Packs on their way out that hold something which no other pack has.
    var revived: Set<PackID> = []
  }

  init(_ open: OpenTier) {
    index = open.index
    tier = open.tier.name
    tombstoned = open.tombstoned
    state = Mutex(State(live: RecordSet(over: open.index)))
  }

  var revived: Set<PackID> { state.withLock { $0.revived } }

  /// Whether a record has to stay where it lies.
  func isLive(_ id: ContentID, in pack: PackID) -> Bool {
    guard let number = index.number(of: id), index.location(numbered: number).pack == pack else {
      return false
    }
    return state.withLock { $0.live.contains(number) }
  }

  /// What of each pack has to stay where it lies.
  func liveParts() -> [PackID: LivePart] {
    var parts: [PackID: LivePart] = [:]
    state.withLock { $0.live }.visit { number in
      let location = index.location(numbered: number)
      parts[location.pack, default: LivePart()].add(location.recordByteCount)
    }
    return parts
  }

  /// Where those of some records lie that are needed.
  func places(of records: [ContentID]) -> [PackID: Set<ContentID>] {
    let live = state.withLock { $0.live }
    var places: [PackID: Set<ContentID>] = [:]
    for id in records {
      guard let number = index.number(of: id), live.contains(number) else { continue }
      places[index.location(numbered: number).pack, default: []].insert(id)
    }
    return places
  }

  /// Notes that a point needs a map or chunk.
  ///
  /// - Returns: whether nobody came upon it before.
  func mark(_ id: ContentID) throws(UnmarkableRecord) -> Bool {
    guard let number = index.number(of: id) else {
      throw UnmarkableRecord("\(id) is in no pack that every store has")
    }
    let pack = index.location(numbered: number).pack
    return state.withLock { state in
      guard state.live.insert(number) else { return false }
      if tombstoned.contains(pack) { state.revived.insert(pack) }
      return true
    }
  }

  /// Marks all that points need.
  ///
  /// - Throws: ``ReclaimError`` where it cannot be told what one needs; ``Cancelled``.
  func mark(
    _ points: [KeptPoint], in open: OpenTier, workerCount: Int, _ cancellation: Cancellation
  ) throws {
    for kept in points.sorted(by: { $0.point.id < $1.point.id }) {
      for disk in kept.point.trees {
        do {
          try mark(disk, in: open, workerCount, cancellation.child())
        } catch let error as Cancelled { throw error } catch {
          throw ReclaimError(tier: tier, kept: kept, disk: disk.name, reason: "\(error)")
        }
      }
    }
  }

  private func mark(
    _ disk: RecoveryPoint.Disk, in open: OpenTier, _ workerCount: Int,
    _ cancellation: Cancellation
  ) throws {
    guard let tree = disk.tree else { throw UnmarkableRecord("its root is no digest") }
    var reader = TierReader(open)
    var regions: [RegionToVerify] = []
    try tree.forEachRegion {
      try reader.map($0)
    } enter: {
      try mark($0)
    } visit: { region, map in
      // Reached only where `enter` found the region's map to be new.
      let range = Region.range(region, diskByteCount: tree.diskByteCount)
      regions.append(RegionToVerify(map: map, byteCount: range.count))
    }
    try share(
      regions, among: workerCount, cancellation: cancellation,
      makeWorker: { RegionMarker(self, open, cancellation) },
      each: { marker, region in try marker.mark(region) })
  }
}

/// Records of a pack that have to stay where they lie.
struct LivePart {
  private(set) var byteCount: UInt64 = 0
  private var recordCount: UInt64 = 0

  mutating func add(_ recordByteCount: Int) {
    byteCount += UInt64(recordByteCount)
    recordCount += 1
  }

  /// Of a pack of nothing else.
  var packByteCount: UInt64 {
    let frame = PackFormat.headerByteCount + PackFormat.trailerByteCount
    return byteCount + UInt64(frame) + recordCount * UInt64(PackFormat.entryByteCount)
  }
}

/// Marks what regions need; one for each thread.
private struct RegionMarker: ~Copyable {
  private let marking: Marking
  private let cancellation: Cancellation
  private var reader: TierReader

  init(_ marking: Marking, _ open: OpenTier, _ cancellation: Cancellation) {
    self.marking = marking
    self.cancellation = cancellation
    reader = TierReader(open)
  }

  mutating func mark(_ region: RegionToVerify) throws {
    try cancellation.check()
    let bytes = try reader.map(region.map)
    let map = try RegionMap(decoding: bytes.span.bytes, byteCount: region.byteCount)
    for case .chunk(let id, _) in map.items { _ = try marking.mark(id) }
  }
}

/// Something that a point needs and the index does not know.
struct UnmarkableRecord: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// What a point needs is not known, so nothing can be freed.
package struct ReclaimError: Error, CustomStringConvertible {
  let tier: Tier.Name
  let kept: KeptPoint
  let disk: String
  let reason: String

  package var description: String {
    let id = kept.point.id
    let purge = "`kluis delete \(id) --purge`"
    return "nothing is freed in the \(tier.rawValue) tier, since it is not known what \(id) needs"
      + (kept.isDeleted ? ", which is in the trash" : "") + ": disk \(disk): \(reason); "
      + "`kluis scrub --repair` brings it back from another copy or tier; where none has it, give "
      + "the point up with "
      + (kept.isDeleted ? purge : "`kluis delete \(id)` and then \(purge)")
  }
}
