internal import BlockDevices

/// The bytes of a file that lies in clusters.
struct ClusterContent: FileContent {
  let byteCount: UInt64
  /// As many as were ever written; the rest reads as zeros.
  let writtenByteCount: UInt64
  let chain: ClusterChain
  let heap: ClusterHeap
  let device: any BlockDevice
  /// Makes an error of what is wrong with the file from a cluster on.
  let problem: @Sendable (_ cluster: UInt32?, _ reason: String) -> FileSystemError

  func extent(at offset: UInt64) throws -> FileExtent {
    precondition(offset < byteCount, "a place in the file")
    if offset >= writtenByteCount {
      return FileExtent(byteCount: byteCount - offset, storage: .zeros)
    }
    guard let run = chain.run(at: offset / heap.clusterByteCount) else {
      throw problem(nil, whatIsMissing)
    }
    let skipped = offset % heap.clusterByteCount
    let start = heap.offset(of: run.cluster) + skipped
    let count = min(UInt64(run.count) * heap.clusterByteCount - skipped, writtenByteCount - offset)
    guard start < device.byteCount else {
      throw problem(run.cluster, "the cluster lies behind the end of the volume")
    }
    return FileExtent(
      byteCount: min(count, device.byteCount - start), storage: .volume(offset: start))
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    try read(at: offset, into: &target, from: device)
  }

  private var whatIsMissing: String {
    let found = "\(chain.clusterCount) of \(heap.clusters(for: writtenByteCount)) clusters"
    return switch chain.ending {
    case .broken(let reason): "only \(found) can be found: \(reason)"
    default: "its chain ends after \(found)"
    }
  }
}
