internal import Maps

/// A region as it is being read.
struct RegionPass {
  private(set) var map = RegionMap()
  var tally = RegionTally()

  mutating func append(_ item: RegionMap.Item) {
    if case .chunk(_, let count) = item { tally.dataBytes += UInt64(count) }
    map.append(item)
  }
}
