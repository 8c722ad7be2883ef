internal import BlockDevices

/// A walk through exFAT's table: a u32 for each cluster.
struct ExFATLinks: ClusterLinks {
  private let tableOffset: UInt64
  private let heap: ClusterHeap
  private var window: CacheWindow

  init(_ boot: ExFATBootRegion, _ cache: BlockCache) {
    tableOffset = boot.fatOffset
    heap = boot.heap
    window = CacheWindow(cache)
  }

  mutating func link(from cluster: UInt32) throws -> ClusterLink {
    let value: UInt32 = try window.integer(at: tableOffset + UInt64(cluster) * 4)
    if heap.contains(value) { return .next(value) }
    switch value {
    case 0xFFFF_FFFF: return .end
    case 0xFFFF_FFF7: return .broken(reason: "cluster \(cluster) is marked as bad")
    case 0: return .broken(reason: "cluster \(cluster) is free")
    default:
      return .broken(
        reason: "cluster \(cluster) is followed by cluster \(value), which is not there")
    }
  }
}
