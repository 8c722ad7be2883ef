internal import Bytes

/// Blocks of a file that follow one another on the disk.
struct BlockRun: Sendable, Equatable {
  /// The first one, counted in the file.
  let first: UInt64
  let count: UInt64
  /// Where it lies.
  let place: UInt64
  /// Whether it was written; else it reads as zeros.
  let isWritten: Bool

  var end: UInt64 { first + count }
}

/// A part of a file, and all that is known of where it lies.
struct BlockWindow: Sendable {
  /// The blocks of the file that it tells of. What is in no run is a hole.
  let blocks: Range<UInt64>
  /// Ascending, within ``blocks``.
  let runs: [BlockRun]

  /// The run that holds a block of the file, or the hole around it.
  func piece(at block: UInt64) -> (end: UInt64, run: BlockRun?) {
    let number = runs.firstIndex(fromWhereOn: { $0.end > block })
    guard number < runs.count else { return (blocks.upperBound, nil) }
    let run = runs[number]
    return run.first <= block ? (run.end, run) : (run.first, nil)
  }
}
