internal import BlockDevices
internal import Bytes

/// A file with what a log has written over it, which itself stays as it is.
///
/// Costs the memory of what is written and is not zeros. Safe for several threads.
final class ReplayedFile: BlockDevice {
  let byteCount: UInt64
  private let base: HostFile
  /// In their order; none overlap.
  private let pieces: [VHDXLog.Write]
  /// Where there are pieces that have bytes.
  private let data: [Range<UInt64>]

  /// - Parameters:
  ///   - writes: one after the other; each begins and ends at a multiple of the size of those that
  ///     have bytes.
  ///   - byteCount: how long the file becomes at least.
  init(_ base: HostFile, _ writes: [VHDXLog.Write], byteCount: UInt64) {
    self.base = base
    pieces = Self.pieces(of: writes)
    data = pieces.filter { $0.bytes != nil }.map(\.range)
    self.byteCount = max(base.byteCount, byteCount, pieces.last?.range.upperBound ?? 0)
  }

  /// What is left of writes of which later ones hide earlier ones.
  private static func pieces(of writes: [VHDXLog.Write]) -> [VHDXLog.Write] {
    var bounds: [UInt64] = []
    bounds.reserveCapacity(writes.count * 2)
    for write in writes { bounds += [write.range.lowerBound, write.range.upperBound] }
    bounds.sort()
    bounds = bounds.indices.filter { $0 == 0 || bounds[$0] != bounds[$0 - 1] }.map { bounds[$0] }
    // Of each part between two bounds, the last write to it, and a part from which on the next one
    // is that nobody has written to yet, seen from the last write backwards.
    var owners = [Int?](repeating: nil, count: bounds.count)
    var next = Array(0...bounds.count)
    for number in writes.indices.reversed() {
      let range = writes[number].range
      let end = bounds.firstIndex(fromWhereOn: { $0 >= range.upperBound })
      var part = unowned(bounds.firstIndex(fromWhereOn: { $0 >= range.lowerBound }), &next)
      while part < end {
        owners[part] = number
        next[part] = part + 1
        part = unowned(part, &next)
      }
    }
    return owners.indices.compactMap { part in
      owners[part].map {
        VHDXLog.Write(range: bounds[part]..<bounds[part + 1], bytes: writes[$0].bytes)
      }
    }
  }

  /// The first part from one on that has no owner. Shortens the way there for the next time.
  private static func unowned(_ part: Int, _ next: inout [Int]) -> Int {
    var part = part
    while next[part] != part {
      next[part] = next[next[part]]
      part = next[part]
    }
    return part
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    precondition(holds(UInt64(target.byteCount), at: offset), "a range of the file")
    let end = offset + UInt64(target.byteCount)
    var position = offset
    var number = pieces.firstIndex(fromWhereOn: { $0.range.upperBound > offset })
    while position < end {
      let piece = number < pieces.count ? pieces[number] : nil
      let isInPiece = piece.map { $0.range.lowerBound <= position } ?? false
      let limit = isInPiece ? piece?.range.upperBound : piece?.range.lowerBound
      let start = Int(position - offset)
      let count = Int(min(limit ?? end, end) - position)
      var part = target._mutatingExtracting(start..<start + count)
      if let piece, isInPiece {
        if let bytes = piece.bytes {
          let within = Int(position - piece.range.lowerBound)
          bytes.span.bytes.extracting(within..<within + count).copy(into: &part)
        } else {
          part.fillWithZeros()
        }
        number += 1
      } else {
        try readBase(at: position, into: &part)
      }
      position += UInt64(count)
    }
  }

  /// Zeros beyond the file's end.
  private func readBase(at offset: UInt64, into part: inout MutableRawSpan) throws {
    let there = offset < base.byteCount ? base.byteCount - offset : 0
    let count = Int(min(UInt64(part.byteCount), there))
    if count > 0 {
      var found = part._mutatingExtracting(0..<count)
      try base.read(at: offset, into: &found)
    }
    var rest = part._mutatingExtracting(count..<part.byteCount)
    rest.fillWithZeros()
  }

  func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    let below = offset < base.byteCount ? try base.nextData(from: offset) : nil
    let number = data.firstIndex(fromWhereOn: { $0.upperBound > offset })
    guard number < data.count else { return below }
    let written = max(data[number].lowerBound, offset)..<data[number].upperBound
    guard let below, below.lowerBound <= written.lowerBound else { return written }
    return below
  }

  func willNeed(_ range: Range<UInt64>) { base.willNeed(range) }
}
