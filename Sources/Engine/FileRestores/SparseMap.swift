internal import Filesystems

/// Which runs of a file hold data, as GNU tar's sparse format 1.0 writes it before them.
///
///     map   := count "\n" ( offset "\n" length "\n" )*     decimal, filled up to 512 bytes
///
/// A file that ends in a hole has a last run of no bytes at its end.
struct SparseMap {
  let runs: [Range<UInt64>]
  /// Bytes of the runs together.
  let dataByteCount: UInt64

  /// More runs than this are not worth a map.
  private static let runLimit = 1 << 20

  /// - Returns: nil for a file without holes that matter.
  init?(_ content: any FileContent) throws {
    var runs: [Range<UInt64>] = []
    var position = try content.nextData(from: 0)
    var dataByteCount: UInt64 = 0
    while position < content.byteCount {
      let end = try content.endOfData(from: position, limit: content.byteCount)
      runs.append(position..<end)
      dataByteCount += end - position
      guard runs.count < Self.runLimit else { return nil }
      position = try content.nextData(from: end)
    }
    guard content.byteCount - dataByteCount >= 4096 else { return nil }
    if runs.last?.upperBound != content.byteCount {
      runs.append(content.byteCount..<content.byteCount)
    }
    self.runs = runs
    self.dataByteCount = dataByteCount
  }

  func encoded() -> [UInt8] {
    var text = "\(runs.count)\n"
    for run in runs { text += "\(run.lowerBound)\n\(run.count)\n" }
    var bytes = Array(text.utf8)
    padToBlock(&bytes)
    return bytes
  }
}
