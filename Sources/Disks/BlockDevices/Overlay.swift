internal import Bytes

/// A device with some of its blocks replaced, which itself stays as it is: what a journal that was
/// never replayed holds, over the file system it belongs to.
///
/// Blocks that lie elsewhere are read from there, so that an overlay costs memory by the number of
/// blocks and not by their size.
package final class Overlay: BlockDevice {
  package enum Block: Sendable {
    /// The bytes lie at this offset of the device that holds the journal.
    case stored(at: UInt64)
    /// The bytes themselves, a block of them.
    case bytes([UInt8])
  }

  private let base: any BlockDevice
  private let donor: any BlockDevice
  private let blockByteCount: UInt64
  private let blocks: [UInt64: Block]

  package var byteCount: UInt64 { base.byteCount }

  /// - Parameters:
  ///   - blockByteCount: size of a block, at least 1.
  ///   - blocks: by their number on `base`; those that `base` does not have are never read.
  ///   - donor: where stored blocks lie. `base` by default.
  /// - Throws: ``OutsideDevice`` where a stored block is not on the donor.
  package init(
    over base: any BlockDevice, blockByteCount: Int, blocks: [UInt64: Block],
    storedOn donor: (any BlockDevice)? = nil
  ) throws(OutsideDevice) {
    precondition(blockByteCount > 0, "a block has at least one byte")
    self.base = base
    self.donor = donor ?? base
    self.blockByteCount = UInt64(blockByteCount)
    self.blocks = blocks
    for block in blocks.values {
      switch block {
      case .stored(let offset): try self.donor.require(self.blockByteCount, at: offset)
      case .bytes(let bytes): precondition(bytes.count == blockByteCount, "a whole block")
      }
    }
  }

  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    precondition(holds(UInt64(target.byteCount), at: offset), "a range of the device")
    if blocks.isEmpty { return try base.read(at: offset, into: &target) }
    let end = offset + UInt64(target.byteCount)
    var position = offset
    while position < end {
      let number = position / blockByteCount
      if let block = blocks[number] {
        let skipped = position - number * blockByteCount
        let count = min(blockByteCount - skipped, end - position)
        var part = target._mutatingExtracting(
          Int(position - offset)..<Int(position - offset + count))
        try read(block, skipping: skipped, into: &part)
        position += count
      } else {
        let stop = endOfUntouched(from: number, before: end)
        var part = target._mutatingExtracting(Int(position - offset)..<Int(stop - offset))
        try base.read(at: position, into: &part)
        position = stop
      }
    }
  }

  private func read(
    _ block: Block, skipping skipped: UInt64, into part: inout MutableRawSpan
  ) throws {
    switch block {
    case .stored(let place): try donor.read(at: place + skipped, into: &part)
    case .bytes(let bytes):
      let start = Int(skipped)
      bytes.span.bytes.extracting(start..<start + part.byteCount).copy(into: &part)
    }
  }

  /// Where the next replaced block begins, or `end`.
  private func endOfUntouched(from number: UInt64, before end: UInt64) -> UInt64 {
    var next = number + 1
    while next * blockByteCount < end, blocks[next] == nil { next += 1 }
    return min(next * blockByteCount, end)
  }

  /// Says that everything from `offset` on may hold data: a replaced block may lie in a hole.
  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    if blocks.isEmpty { return try base.nextData(from: offset) }
    return offset < byteCount ? offset..<byteCount : nil
  }

  package func willNeed(_ range: Range<UInt64>) { base.willNeed(range) }
}
