/// The part of a FAT or exFAT volume that is divided into clusters, of which the first is number 2.
struct ClusterHeap: Sendable, Equatable {
  /// Where cluster 2 begins on the device.
  let start: UInt64
  /// From 512 bytes to 32 MiB.
  let clusterByteCount: UInt64
  let clusterCount: UInt32

  func contains(_ cluster: UInt32) -> Bool { cluster >= 2 && cluster - 2 < clusterCount }

  /// Where a cluster of the heap begins on the device.
  func offset(of cluster: UInt32) -> UInt64 { start + UInt64(cluster - 2) * clusterByteCount }

  /// The cluster that holds a byte of the device; nil where none does.
  func cluster(holding offset: UInt64) -> UInt32? {
    guard offset >= start else { return nil }
    let index = (offset - start) / clusterByteCount
    return index < clusterCount ? UInt32(index) + 2 : nil
  }

  /// How many clusters so many bytes fill.
  func clusters(for byteCount: UInt64) -> UInt64 {
    byteCount / clusterByteCount + (byteCount % clusterByteCount == 0 ? 0 : 1)
  }
}
