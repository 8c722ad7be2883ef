internal import Hashing
internal import Tiers

/// Chunks of a disk that are read together, and where their bytes go; what lies between them may
/// be zeros or stay as it is.
struct RestoreBatch {
  /// A part of the batch's bytes that is written at once.
  struct Run {
    /// Where on the disk it begins.
    let start: UInt64
    /// Where its bytes lie among those of the batch.
    var bytes: Range<Int>
  }

  private(set) var chunks: [WantedChunk] = []
  private(set) var runs: [Run] = []
  private(set) var byteCount = 0

  /// - Parameter start: where on the disk the chunk begins, behind all that was added before.
  mutating func append(_ id: ContentID, byteCount count: Int, at start: UInt64) {
    chunks.append(WantedChunk(id: id, byteCount: count, target: byteCount))
    let bytes = byteCount..<byteCount + count
    if let last = runs.last, last.start + UInt64(last.bytes.count) == start {
      runs[runs.count - 1].bytes = last.bytes.lowerBound..<bytes.upperBound
    } else {
      runs.append(Run(start: start, bytes: bytes))
    }
    byteCount = bytes.upperBound
  }

  /// Where on the disk the first chunk of that name begins.
  func start(of id: ContentID) -> UInt64? {
    guard let place = chunks.first(where: { $0.id == id })?.target,
      let run = runs.first(where: { $0.bytes.contains(place) })
    else { return nil }
    return run.start + UInt64(place - run.bytes.lowerBound)
  }
}
