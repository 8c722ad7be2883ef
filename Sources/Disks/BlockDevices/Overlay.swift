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

  /// A run of bytes of the overlay, by where they come from.
  package struct Piece: Sendable {
    package enum Source: Sendable {
      /// Not replaced: they lie at the same offset of the base.
      case base
      /// They lie at this offset of the device that holds the journal.
      case stored(at: UInt64)
      /// Only the overlay has them.
      case bytes
    }

    package let source: Source
    package let byteCount: UInt64
  }

  private let base: any BlockDevice
  private let donor: any BlockDevice
  private let blockByteCount: UInt64
  private let blocks: [UInt64: Block]
  /// The numbers of the replaced blocks, ascending.
  private let numbers: [UInt64]

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
    numbers = blocks.keys.sorted()
    for block in blocks.values {
      switch block {
      case .stored(let offset): try self.donor.require(self.blockByteCount, at: offset)
      case .bytes(let bytes): precondition(bytes.count == blockByteCount, "a whole block")
      }
    }
  }

  /// The longest run from `offset` on that comes from one place, at most up to `end`.
  package func piece(at offset: UInt64, before end: UInt64) -> Piece {
    precondition(offset < end, "a piece has at least one byte")
    let number = offset / blockByteCount
    guard let block = blocks[number] else {
      return Piece(source: .base, byteCount: endOfUntouched(from: number, before: end) - offset)
    }
    let skipped = offset - number * blockByteCount
    let count = min(blockByteCount - skipped, end - offset)
    switch block {
    case .stored(let place): return Piece(source: .stored(at: place + skipped), byteCount: count)
    case .bytes: return Piece(source: .bytes, byteCount: count)
    }
  }

  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    precondition(holds(UInt64(target.byteCount), at: offset), "a range of the device")
    if blocks.isEmpty { return try base.read(at: offset, into: &target) }
    let end = offset + UInt64(target.byteCount)
    var position = offset
    while position < end {
      let piece = piece(at: position, before: end)
      let start = Int(position - offset)
      var part = target._mutatingExtracting(start..<start + Int(piece.byteCount))
      switch piece.source {
      case .base: try base.read(at: position, into: &part)
      case .stored(let place): try donor.read(at: place, into: &part)
      case .bytes: copyBytes(at: position, into: &part)
      }
      position += piece.byteCount
    }
  }

  private func copyBytes(at offset: UInt64, into part: inout MutableRawSpan) {
    guard case .bytes(let bytes)? = blocks[offset / blockByteCount] else {
      preconditionFailure("a block whose bytes are here")
    }
    let start = Int(offset % blockByteCount)
    bytes.span.bytes.extracting(start..<start + part.byteCount).copy(into: &part)
  }

  /// Where the next replaced block begins, or `end`.
  private func endOfUntouched(from number: UInt64, before end: UInt64) -> UInt64 {
    let next = numbers.firstIndex(fromWhereOn: { $0 > number })
    guard next < numbers.count else { return end }
    let (start, overflow) = numbers[next].multipliedReportingOverflow(by: blockByteCount)
    return overflow ? end : min(start, end)
  }

  /// Says that everything from `offset` on may hold data: a replaced block may lie in a hole.
  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    if blocks.isEmpty { return try base.nextData(from: offset) }
    return offset < byteCount ? offset..<byteCount : nil
  }

  package func willNeed(_ range: Range<UInt64>) { base.willNeed(range) }
}
