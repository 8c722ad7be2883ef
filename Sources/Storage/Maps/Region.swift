/// The regions of a disk's address space: 64 MiB each, the last one as long as the disk has left.
package enum Region {
  package static let byteCount: UInt64 = 64 << 20

  package static func count(diskByteCount: UInt64) -> UInt64 {
    diskByteCount / byteCount + (diskByteCount % byteCount == 0 ? 0 : 1)
  }

  /// The bytes of region `index` of a disk, in the disk's address space.
  package static func range(_ index: UInt64, diskByteCount: UInt64) -> Range<UInt64> {
    let start = index * byteCount
    return start..<start + min(byteCount, diskByteCount - start)
  }
}

/// A map's bytes that are not what the format says.
package struct MapDamage: Error, Sendable, CustomStringConvertible {
  package let reason: String

  package init(reason: String) { self.reason = reason }

  package var description: String { "the map is damaged: \(reason)" }
}
