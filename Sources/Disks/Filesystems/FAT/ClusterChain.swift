/// Where a chain goes on after a cluster.
enum ClusterLink: Equatable {
  /// A cluster of the heap.
  case next(UInt32)
  case end
  case broken(reason: String)
}

/// The table of a volume that links clusters to chains.
protocol ClusterLinks {
  mutating func link(from cluster: UInt32) throws -> ClusterLink
}

/// The clusters of a file or directory in their order, remembered as runs of neighbours.
struct ClusterChain: Sendable {
  enum Ending: Equatable {
    /// The table says that it ends here.
    case end
    /// As many as were wanted are there.
    case limit
    case broken(reason: String)
    /// It comes back to a cluster that it has already, so no place in it can be believed.
    case circle
  }

  private struct Run {
    /// How many clusters of the chain come before it.
    var index: UInt32
    var cluster: UInt32
  }

  private var runs: [Run] = []
  private(set) var clusterCount: UInt32 = 0
  private(set) var ending = Ending.end

  /// No cluster at all.
  init() {}

  /// Neighbours, as far as the heap has them.
  init(contiguousFrom first: UInt32, count: UInt64, in heap: ClusterHeap) {
    guard heap.contains(first) else {
      ending = .broken(reason: "it begins at cluster \(first), which is not there")
      return
    }
    let room = heap.clusterCount - (first - 2)
    runs = [Run(index: 0, cluster: first)]
    clusterCount = UInt32(min(count, UInt64(room)))
    ending =
      count <= UInt64(room)
      ? .limit : .broken(reason: "it goes on after cluster \(heap.clusterCount + 1), the last")
  }

  /// Follows the links of a table until they end, or until `limit` clusters are found.
  ///
  /// - Parameter limit: at least 1.
  init(
    from first: UInt32, limit: UInt32, in heap: ClusterHeap, through links: inout some ClusterLinks
  ) throws {
    guard heap.contains(first) else {
      ending = .broken(reason: "it begins at cluster \(first), which is not there")
      return
    }
    var cluster = first
    // Brent's: a mark that the chain must not meet again, moved at every power of two.
    var mark = first
    var steps: UInt64 = 0
    var stepsUntilMark: UInt64 = 1
    append(cluster)
    while clusterCount < limit {
      switch try links.link(from: cluster) {
      case .end: return
      case .broken(let reason):
        ending = .broken(reason: reason)
        return
      case .next(let next): cluster = next
      }
      if cluster == mark {
        ending = .circle
        return
      }
      steps += 1
      if steps == stepsUntilMark {
        mark = cluster
        steps = 0
        stepsUntilMark *= 2
      }
      append(cluster)
    }
    // A chain that was not followed to its end may be a circle that the mark did not meet yet.
    ending = hasDistinctClusters ? .limit : .circle
  }

  private mutating func append(_ cluster: UInt32) {
    if let last = runs.last, last.cluster + (clusterCount - last.index) == cluster {
    } else {
      runs.append(Run(index: clusterCount, cluster: cluster))
    }
    clusterCount += 1
  }

  private var hasDistinctClusters: Bool {
    if runs.count == 1 { return true }
    let order = runs.indices.sorted { runs[$0].cluster < runs[$1].cluster }
    return zip(order, order.dropFirst()).allSatisfy { one, next in
      runs[next].cluster - runs[one].cluster >= count(ofRun: one)
    }
  }

  private func count(ofRun run: Int) -> UInt32 {
    (run + 1 < runs.count ? runs[run + 1].index : clusterCount) - runs[run].index
  }

  /// The cluster at a place of the chain, and how many are left of its run; nil after the end.
  func run(at index: UInt64) -> (cluster: UInt32, count: UInt32)? {
    guard index < clusterCount else { return nil }
    var low = 0
    var high = runs.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].index <= index { low = middle } else { high = middle }
    }
    let skipped = UInt32(index) - runs[low].index
    return (runs[low].cluster + skipped, count(ofRun: low) - skipped)
  }

  /// Where all of it lies on the device, in the order of the chain.
  func ranges(in heap: ClusterHeap) -> [Range<UInt64>] {
    runs.indices.map { run in
      let start = heap.offset(of: runs[run].cluster)
      return start..<start + UInt64(count(ofRun: run)) * heap.clusterByteCount
    }
  }
}
