internal import Synchronization

/// Blocks of a device that were read lately, up to a limit of memory: for metadata, of which small
/// pieces are read again and again.
///
/// Safe for several threads; a block may then be read twice. A block that is not there costs one
/// read of the device, one that is there a look into a table.
package final class BlockCache: Sendable {
  package let device: any BlockDevice
  package let blockByteCount: Int
  private let blockLimit: Int
  private let recent: Mutex<Recent>

  /// Two generations: what is asked for in the older one moves to the younger; when that is full
  /// the older is dropped.
  private struct Recent {
    var young: [UInt64: [UInt8]] = [:]
    var old: [UInt64: [UInt8]] = [:]
  }

  /// - Parameters:
  ///   - blockByteCount: size of a block, at least 1.
  ///   - byteLimit: memory for blocks; at least two are kept.
  package init(_ device: any BlockDevice, blockByteCount: Int, byteLimit: Int = 16 << 20) {
    precondition(blockByteCount > 0, "a block has at least one byte")
    self.device = device
    self.blockByteCount = blockByteCount
    blockLimit = max(1, byteLimit / blockByteCount / 2)
    recent = Mutex(Recent())
  }

  /// A whole block; the last one of a device is shorter where the device ends within it.
  ///
  /// - Throws: ``OutsideDevice``, and what the device throws.
  package func block(_ number: UInt64) throws -> [UInt8] {
    if let known = known(number) { return known }
    let (offset, overflow) = number.multipliedReportingOverflow(by: UInt64(blockByteCount))
    guard !overflow, offset < device.byteCount else {
      throw OutsideDevice(
        offset: overflow ? .max : offset, byteCount: UInt64(blockByteCount),
        deviceByteCount: device.byteCount)
    }
    let count = Int(min(UInt64(blockByteCount), device.byteCount - offset))
    let bytes = try device.bytes(at: offset, count: count)
    recent.withLock { remember(bytes, number, &$0) }
    return bytes
  }

  /// The bytes of any range, put together from blocks. The caller bounds `count`.
  ///
  /// - Throws: ``OutsideDevice``, and what the device throws.
  package func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    try device.require(UInt64(count), at: offset)
    let size = UInt64(blockByteCount)
    var number = offset / size
    var skipped = Int(offset % size)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let block = try block(number)
      bytes += block[skipped..<min(block.count, skipped + count - bytes.count)]
      skipped = 0
      number += 1
    }
    return bytes
  }

  private func known(_ number: UInt64) -> [UInt8]? {
    recent.withLock { recent in
      if let bytes = recent.young[number] { return bytes }
      guard let bytes = recent.old[number] else { return nil }
      remember(bytes, number, &recent)
      return bytes
    }
  }

  private func remember(_ bytes: [UInt8], _ number: UInt64, _ recent: inout Recent) {
    if recent.young.count >= blockLimit {
      recent.old = recent.young
      recent.young = [:]
    }
    recent.young[number] = bytes
  }
}
