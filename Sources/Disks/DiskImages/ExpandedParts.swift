internal import Bytes
internal import Synchronization

/// Parts of an image that were expanded lately, for small reads ask for one several times.
final class ExpandedParts: Sendable {
  private let partByteCount: Int
  private let recent = Mutex<[(place: ImageRun.Compressed, bytes: [UInt8])]>([])
  private let limit: Int

  /// - Parameter partByteCount: what each expands to; a power of two.
  init(partByteCount: Int) {
    self.partByteCount = partByteCount
    limit = max(2, min(16, (4 << 20) / partByteCount))
  }

  /// - Parameters:
  ///   - offset: on the disk; the compressed part holds it.
  ///   - part: ends within that part.
  ///   - expand: fills what it is given.
  func read(
    _ place: ImageRun.Compressed, at offset: UInt64, into part: inout MutableRawSpan,
    expand: (inout MutableRawSpan) throws -> Void
  ) throws {
    if part.byteCount == partByteCount { return try expand(&part) }
    let start = Int(offset & UInt64(partByteCount - 1))
    let bytes = try bytes(place, expand)
    bytes.span.bytes.extracting(start..<start + part.byteCount).copy(into: &part)
  }

  private func bytes(
    _ place: ImageRun.Compressed, _ expand: (inout MutableRawSpan) throws -> Void
  ) throws -> [UInt8] {
    let known = recent.withLock { recent in recent.first { $0.place == place }?.bytes }
    if let known { return known }
    var bytes = [UInt8](repeating: 0, count: partByteCount)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try expand(&target)
    let expanded = bytes
    recent.withLock { recent in
      if recent.count == limit { recent.removeFirst() }
      recent.append((place, expanded))
    }
    return expanded
  }
}
