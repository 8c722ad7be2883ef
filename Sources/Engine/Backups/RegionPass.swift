internal import Hashing
internal import Maps

/// A region as it is being read, beside the same region in the point before.
struct RegionPass {
  private(set) var map = RegionMap()
  var tally = RegionTally()
  private let parentItems: [RegionMap.Item]
  private var parentNumber = 0
  private var parentOffset = 0

  init(parent: RegionMap??) { parentItems = (parent ?? nil)?.items ?? [] }

  mutating func append(_ item: RegionMap.Item) {
    if case .chunk(_, let count) = item { tally.dataBytes += UInt64(count) }
    map.append(item)
  }

  /// Whether the point before has this chunk at this very place, so that it is stored for certain.
  mutating func parentHas(_ id: ContentID) -> Bool {
    while parentNumber < parentItems.count, parentOffset < map.byteCount {
      parentOffset += parentItems[parentNumber].byteCount
      parentNumber += 1
    }
    guard parentOffset == map.byteCount, parentNumber < parentItems.count,
      case .chunk(id, _) = parentItems[parentNumber]
    else { return false }
    return true
  }
}
