internal import BlockDevices
internal import Bytes
internal import Compression
internal import Synchronization

/// The compressed clusters of a qcow2 image; those that were expanded lately are kept, for small
/// reads ask for one several times.
final class ExpandedClusters: Sendable {
  private let file: HostFile
  private let clusterByteCount: UInt64
  private let compression: QCOW2Header.Compression
  private let recent = Mutex<[(place: QCOW2Map.Compressed, bytes: [UInt8])]>([])
  private let recentLimit: Int

  init(_ header: QCOW2Header, _ file: HostFile) {
    self.file = file
    clusterByteCount = header.clusterByteCount
    compression = header.compression
    recentLimit = max(2, min(16, (4 << 20) >> header.clusterBits))
  }

  /// - Parameters:
  ///   - offset: on the disk; the cluster holds it.
  ///   - part: ends within the cluster.
  func read(
    _ place: QCOW2Map.Compressed, at offset: UInt64, into part: inout MutableRawSpan
  ) throws {
    if UInt64(part.byteCount) == clusterByteCount {
      return try expand(place, at: offset, into: &part)
    }
    let start = Int(offset & (clusterByteCount - 1))
    let cluster = try cluster(place, at: offset)
    cluster.span.bytes.extracting(start..<start + part.byteCount).copy(into: &part)
  }

  private func cluster(_ place: QCOW2Map.Compressed, at offset: UInt64) throws -> [UInt8] {
    let known = recent.withLock { recent in recent.first { $0.place == place }?.bytes }
    if let known { return known }
    var bytes = [UInt8](repeating: 0, count: Int(clusterByteCount))
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try expand(place, at: offset, into: &target)
    let expanded = bytes
    recent.withLock { recent in
      if recent.count == recentLimit { recent.removeFirst() }
      recent.append((place, expanded))
    }
    return bytes
  }

  private func expand(
    _ place: QCOW2Map.Compressed, at offset: UInt64, into target: inout MutableRawSpan
  ) throws {
    let payload = try file.bytes(at: place.offset, count: place.byteCount)
    let isWhole: Bool
    switch compression {
    case .deflate: isWhole = expandRawDeflate(payload.span.bytes, into: &target)
    case .zstd:
      var decompressor = Decompressor()
      isWhole =
        decompressor.expand(payload.span.bytes, codec: .zstd, into: &target) == target.byteCount
    }
    guard isWhole else {
      throw QCOW2Header.damage(
        file,
        "the cluster of byte \(offset) of the disk, compressed at \(place.offset), expands "
          + "to something else than a cluster")
    }
  }
}
