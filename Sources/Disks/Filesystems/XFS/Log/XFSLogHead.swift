internal import Bytes

/// Finds the head of a log: where the next record would be written. Behind it lies what was written
/// a turn earlier, or never; but records are written several at a time and may be missing or cut
/// off where the machine was interrupted (Linux, fs/xfs/xfs_log_recover.c).
struct XFSLogHead {
  let log: XFSLogArea
  /// Blocks that may be under way at once: eight records.
  private var inFlight: Int { min(log.blockCount, log.hasLongRecords ? 4096 : 512) }
  /// Blocks of the longest record.
  private var longest: Int { min(log.blockCount, log.hasLongRecords ? 512 : 64) }

  /// Nil where nothing was ever written.
  func find() throws -> Int? {
    let first = try log.cycle(of: 0)
    guard first != 0 else { return nil }
    let last = try log.cycle(of: log.blockCount - 1)
    var head: Int
    if last == 0 {
      head = try firstBlock(ofTurn: 0)
      head = try hole(of: 0, in: max(0, head - inFlight)..<head) ?? head
    } else if first == last {
      head = try holeBehind(log.blockCount, turn: last &- 1)
    } else {
      head = try holeBehind(try firstBlock(ofTurn: last), turn: last)
    }
    return log.wrapped(try withoutPartialRecord(head))
  }

  /// The first block that was written in a turn after which none lies in another, as far as a
  /// search by halves tells.
  private func firstBlock(ofTurn turn: UInt32) throws -> Int {
    var (low, high) = (0, log.blockCount - 1)
    while low + 1 < high {
      let middle = (low + high) / 2
      if try log.cycle(of: middle) == turn { high = middle } else { low = middle }
    }
    return high
  }

  /// Where among what may have been under way before `head` a block was not written, or `head`.
  ///
  /// - Parameter turn: what stands in such a block between the start of the log and `head`.
  private func holeBehind(_ head: Int, turn: UInt32) throws -> Int {
    guard head < inFlight else {
      return try hole(of: turn, in: head - inFlight..<head) ?? head
    }
    let start = max(head, log.blockCount - (inFlight - head))
    if let found = try hole(of: turn &- 1, in: start..<log.blockCount) { return found }
    return try hole(of: turn, in: 0..<head) ?? head
  }

  /// The first block of a range that was written in a turn.
  private func hole(of turn: UInt32, in range: Range<Int>) throws -> Int? {
    let step = 256
    for start in stride(from: range.lowerBound, to: range.upperBound, by: step) {
      let count = min(step, range.upperBound - start)
      let bytes = try log.blocks(count, from: start)
      for index in 0..<count
      where try XFSLogArea.cycle(ofBlock: index, in: bytes.span.bytes) == turn {
        return start + index
      }
    }
    return nil
  }

  /// `head`, or where the record before it begins if that does not end there.
  private func withoutPartialRecord(_ head: Int) throws -> Int {
    for distance in 1...longest {
      let block = log.wrapped(head + log.blockCount - distance)
      let header = try log.blocks(1, from: block)
      guard try header.span.bytes.bigEndian(at: 0) == XFSLogRecord.magic else { continue }
      try XFSLogRecord.checkOwner(header.span.bytes, at: block, in: log)
      let record = try XFSLogRecord(header.span.bytes, at: block, in: log)
      // The end of the log and its start are the same place, but a turn apart.
      return record?.blockCount == distance ? head : block
    }
    throw log.damaged(log.wrapped(head), "there is no record before its head")
  }
}
