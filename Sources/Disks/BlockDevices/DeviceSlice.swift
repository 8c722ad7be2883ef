/// A part of a device, as a device: a partition, for one.
package final class DeviceSlice: BlockDevice {
  package let byteCount: UInt64
  private let base: any BlockDevice
  private let start: UInt64

  /// - Throws: ``OutsideDevice`` where `base` is smaller than that.
  package init(_ base: any BlockDevice, from start: UInt64, byteCount: UInt64) throws(OutsideDevice)
  {
    try base.require(byteCount, at: start)
    self.base = base
    self.start = start
    self.byteCount = byteCount
  }

  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    precondition(holds(UInt64(target.byteCount), at: offset), "a range of the slice")
    try base.read(at: start + offset, into: &target)
  }

  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    guard offset < byteCount, let found = try base.nextData(from: start + offset) else {
      return nil
    }
    guard found.lowerBound < start + byteCount else { return nil }
    return found.lowerBound - start..<min(found.upperBound - start, byteCount)
  }

  package func contentRun(
    at offset: UInt64, _ scale: ContentRun.Scale
  ) throws -> ContentRun? {
    try base.contentRun(at: start + offset, scale)?.prefix(byteCount - offset)
  }

  package func willNeed(_ range: Range<UInt64>) {
    let range = range.clamped(to: 0..<byteCount)
    base.willNeed(start + range.lowerBound..<start + range.upperBound)
  }
}
