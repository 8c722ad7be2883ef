import BlockDevices
import Bytes
import TestSupport

/// A disk in memory that holds a few runs of bytes and may be of any size: the model of one.
struct SparseDisk: BlockDevice {
  let byteCount: UInt64
  /// In order, apart, and within the disk.
  private let runs: [(start: UInt64, bytes: [UInt8])]
  /// The blocks that are not all zeros, those side by side as one range; the last one ends with the
  /// disk.
  private(set) var data: [Range<UInt64>] = []

  private static let block: UInt64 = 4096

  /// - Parameter runs: those that overlap an earlier one or the disk's end are cut or left out.
  init(byteCount: UInt64, runs wanted: [(start: UInt64, bytes: [UInt8])]) {
    self.byteCount = byteCount
    var kept: [(start: UInt64, bytes: [UInt8])] = []
    for run in wanted.sorted(by: { $0.start < $1.start }) {
      let end = kept.last.map { $0.start + UInt64($0.bytes.count) } ?? 0
      guard run.start >= end, run.start < byteCount else { continue }
      let count = min(UInt64(run.bytes.count), byteCount - run.start)
      kept.append((run.start, Array(run.bytes.prefix(Int(count)))))
    }
    runs = kept
    data = findData()
  }

  /// Runs of data strewn over a disk, many of them where regions and the disk end.
  init(byteCount: UInt64, runs count: Int, _ random: inout SeededRandom) {
    var runs: [(start: UInt64, bytes: [UInt8])] = []
    for _ in 0..<count where byteCount > 0 {
      let length = 1 + random.below(random.below(4) == 0 ? 400_000 : 20_000)
      var start = UInt64.random(in: 0..<byteCount, using: &random)
      switch random.below(4) {
      case 0: start = start / (64 << 20) * (64 << 20)
      case 1: start = byteCount - min(byteCount, UInt64(1 + random.below(length)))
      case 2: start = start / Self.block * Self.block
      default: break
      }
      start -= min(start, UInt64(random.below(3) == 0 ? random.below(length) : 0))
      var bytes = random.bytes(length)
      if random.below(3) == 0 { bytes = repeated(Array(bytes.prefix(50)), length) }
      // Zeros in the midst of data, some of them whole blocks.
      let zeros = random.below(length)
      bytes.replaceSubrange(
        zeros..<min(length, zeros + 9000),
        with: [UInt8](repeating: 0, count: min(length, zeros + 9000) - zeros))
      runs.append((start, bytes))
    }
    self.init(byteCount: byteCount, runs: runs)
  }

  func bytes(_ range: Range<UInt64>) -> [UInt8] {
    var found = [UInt8](repeating: 0, count: range.count)
    for run in runs {
      let part = range.clamped(to: run.start..<run.start + UInt64(run.bytes.count))
      guard !part.isEmpty else { continue }
      let from = Int(part.lowerBound - run.start)
      let to = Int(part.lowerBound - range.lowerBound)
      found.replaceSubrange(to..<to + part.count, with: run.bytes[from..<from + part.count])
    }
    return found
  }

  private func findData() -> [Range<UInt64>] {
    var found: [Range<UInt64>] = []
    for run in runs {
      var position = run.start / Self.block * Self.block
      while position < run.start + UInt64(run.bytes.count) {
        let end = min(byteCount, position + Self.block)
        let isZero = bytes(position..<end).allSatisfy { $0 == 0 }
        if !isZero, found.last?.contains(position) != true {
          if let last = found.last, last.upperBound == position {
            found[found.count - 1] = last.lowerBound..<end
          } else {
            found.append(position..<end)
          }
        }
        position = end
      }
    }
    return found
  }

  // MARK: BlockDevice

  func read(at offset: UInt64, into target: inout MutableRawSpan) {
    let found = bytes(offset..<offset + UInt64(target.byteCount))
    found.span.bytes.copy(into: &target)
  }

  func nextData(from offset: UInt64) -> Range<UInt64>? {
    for run in runs where run.start + UInt64(run.bytes.count) > offset {
      return max(run.start, offset)..<run.start + UInt64(run.bytes.count)
    }
    return nil
  }

  func willNeed(_ range: Range<UInt64>) {}
}
