internal import Maps

/// A region map with the place of every item.
struct RegionExtents: Sendable {
  let items: [RegionMap.Item]
  /// Where each item begins, and at last where the region ends.
  let starts: [Int]

  init(_ map: RegionMap) {
    items = map.items
    var starts: [Int] = []
    starts.reserveCapacity(items.count + 1)
    var start = 0
    for item in items {
      starts.append(start)
      start += item.byteCount
    }
    starts.append(start)
    self.starts = starts
  }

  /// Bytes of the region.
  var byteCount: Int { starts.last! }

  /// Bytes of memory that this takes, about.
  var cost: Int { items.count * (MemoryLayout<RegionMap.Item>.stride + 8) + 64 }

  /// The item that holds byte `offset` of the region.
  func item(at offset: Int) -> Int {
    var (low, high) = (0, items.count)
    while low + 1 < high {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  /// The first run of chunks that ends behind `offset`, from `offset` on.
  func dataRun(from offset: Int) -> Range<Int>? {
    guard offset < byteCount else { return nil }
    var number = item(at: offset)
    while number < items.count, case .zeros = items[number] { number += 1 }
    guard number < items.count else { return nil }
    let start = max(offset, starts[number])
    while number < items.count, case .chunk = items[number] { number += 1 }
    return start..<starts[number]
  }
}
