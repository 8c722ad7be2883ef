/// A place that something on a disk names and that the disk does not have.
package struct OutsideDevice: Error, Equatable, CustomStringConvertible {
  package let offset: UInt64
  package let byteCount: UInt64
  package let deviceByteCount: UInt64

  package var description: String {
    "\(byteCount) bytes at \(offset) lie outside a device of \(deviceByteCount)"
  }
}

extension BlockDevice {
  /// Whether a range that was read from a disk, so that nobody vouches for it, is there.
  package func holds(_ byteCount: UInt64, at offset: UInt64) -> Bool {
    offset <= self.byteCount && byteCount <= self.byteCount - offset
  }

  /// - Throws: ``OutsideDevice``.
  package func require(_ byteCount: UInt64, at offset: UInt64) throws(OutsideDevice) {
    guard holds(byteCount, at: offset) else {
      throw OutsideDevice(
        offset: offset, byteCount: byteCount, deviceByteCount: self.byteCount)
    }
  }

  /// The bytes of a range that nobody vouches for. The caller bounds `count`.
  ///
  /// - Throws: ``OutsideDevice``, and what the device throws.
  package func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    try require(UInt64(count), at: offset)
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try read(at: offset, into: &target)
    return bytes
  }
}
