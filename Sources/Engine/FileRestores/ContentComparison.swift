package import BlockDevices
internal import Bytes
package import Filesystems

/// Tells whether two files have the same bytes, and reads as little as that needs: what lies on
/// both disks under the same name is the same.
package final class ContentComparison {
  /// A file's bytes, and the volume that they lie on.
  package struct Side {
    package let content: any FileContent
    /// Nil where that is not known.
    package let volume: (any BlockDevice)?

    package init(_ content: any FileContent, on volume: (any BlockDevice)?) {
      self.content = content
      self.volume = volume
    }
  }

  private let buffers = BufferPool(capacity: pieceByteCount)
  /// Bytes that had to be read of both sides.
  package private(set) var readByteCount: UInt64 = 0

  private static let pieceByteCount = 1 << 20

  package init() {}

  /// - Parameter check: called now and then; stops the work by throwing.
  package func areEqual(_ a: Side, _ b: Side, check: () throws -> Void) throws -> Bool {
    guard a.content.byteCount == b.content.byteCount else { return false }
    let end = a.content.byteCount
    var position: UInt64 = 0
    while position < end {
      try check()
      let known = try equalByName(a, b, at: position, limit: end)
      if known > position {
        position = known
        continue
      }
      // Up to where names may say something again.
      let count = Int(min(end - position, UInt64(Self.pieceByteCount)))
      let compared = try namelessCount(a, b, position, count)
      guard try haveEqualBytes(a, b, at: position, count: compared) else { return false }
      position += UInt64(compared)
    }
    return true
  }

  /// How far both are the same from `start` on, as far as names and holes tell.
  private func equalByName(
    _ a: Side, _ b: Side, at start: UInt64, limit: UInt64
  ) throws -> UInt64 {
    var position = start
    while position < limit {
      var step: UInt64 = 0
      for scale in [ContentRun.Scale.large, .small] {
        guard let run = try a.run(at: position, scale), let other = try b.run(at: position, scale)
        else { continue }
        if run.name == other.name {
          step = min(run.byteCount, other.byteCount)
          break
        }
      }
      if step == 0 { break }
      position += min(step, limit - position)
    }
    return position
  }

  /// Bytes from `position` on that are to be compared: to the end of what has one name, where it
  /// has.
  private func namelessCount(
    _ a: Side, _ b: Side, _ position: UInt64, _ limit: Int
  ) throws -> Int {
    let runs = [try a.run(at: position, .small), try b.run(at: position, .small)].compactMap { $0 }
    guard runs.count == 2 else { return limit }
    return Int(min(UInt64(limit), min(runs[0].byteCount, runs[1].byteCount)))
  }

  private func haveEqualBytes(
    _ a: Side, _ b: Side, at position: UInt64, count: Int
  ) throws -> Bool {
    var first = buffers.take()
    var target = first.mutableBytes(0..<count)
    try a.content.read(at: position, into: &target)
    var second = buffers.take()
    var other = second.mutableBytes(0..<count)
    try b.content.read(at: position, into: &other)
    readByteCount += UInt64(count)
    return first.bytes.extracting(0..<count).isEqual(to: second.bytes.extracting(0..<count))
  }
}

extension ContentComparison.Side {
  /// What the bytes from `position` on are known by.
  fileprivate func run(at position: UInt64, _ scale: ContentRun.Scale) throws -> ContentRun? {
    let extent = try content.extent(at: position)
    switch extent.storage {
    case .zeros: return ContentRun(.zeros, byteCount: extent.byteCount)
    case .encoded: return nil
    case .volume(let offset):
      guard let volume, volume.holds(1, at: offset) else { return nil }
      return try volume.contentRun(at: offset, scale)?.prefix(extent.byteCount)
    }
  }
}
