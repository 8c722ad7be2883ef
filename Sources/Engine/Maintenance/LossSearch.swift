internal import Bytes
internal import Hashing
internal import Maps
internal import Tiers
internal import Vaults

/// Looks for the points that need what no tier has any more.
struct LossSearch {
  private let tiers: [OpenTier]
  private let lost: Set<ContentID>

  /// - Parameter lost: records that are listed and cannot be read.
  init(in tiers: [OpenTier], lost: Set<ContentID>) {
    self.tiers = tiers
    self.lost = lost
  }

  /// - Parameter points: in the order in which they are looked at.
  func lostPoints(among points: [KeptPoint]) -> [Scrub.LostPoint] {
    var found: [Scrub.LostPoint] = []
    var whole: Set<ContentID> = []
    for kept in points {
      for disk in kept.point.trees {
        guard let (offset, reason) = firstLoss(of: disk, &whole) else { continue }
        found.append(
          Scrub.LostPoint(
            point: kept.point.id, disk: disk.name, offset: offset, reason: reason,
            isDeleted: kept.isDeleted ? true : nil))
      }
    }
    return found
  }

  /// - Parameter whole: region maps of which nothing is lost; grows.
  private func firstLoss(
    of disk: RecoveryPoint.Disk, _ whole: inout Set<ContentID>
  ) -> (offset: UInt64, reason: String)? {
    guard let tree = disk.tree else { return (0, "its root is no digest") }
    var position: UInt64 = 0
    do {
      try tree.forEachRegion {
        try map($0)
      } enter: {
        !whole.contains($0)
      } visit: { region, id in
        let range = Region.range(region, diskByteCount: tree.diskByteCount)
        position = range.lowerBound
        let bytes = try map(id)
        for item in try RegionMap(decoding: bytes.span.bytes, byteCount: range.count).items {
          if case .chunk(let chunk, _) = item, isLost(chunk) { throw Loss(id: chunk) }
          position += UInt64(item.byteCount)
        }
        whole.insert(id)
      }
    } catch { return (position, "\(error)") }
    return nil
  }

  private func map(_ id: ContentID) throws -> [UInt8] {
    var failure: (any Error)?
    for tier in tiers {
      var reader = TierReader(tier)
      do { return try reader.map(id) } catch { failure = error }
    }
    throw failure ?? Loss(id: id)
  }

  private func isLost(_ id: ContentID) -> Bool {
    lost.contains(id) || !tiers.contains { $0.index.location(of: id) != nil }
  }
}

private struct Loss: Error, CustomStringConvertible {
  let id: ContentID
  var description: String { "no copy of \(id) is good in any tier" }
}
