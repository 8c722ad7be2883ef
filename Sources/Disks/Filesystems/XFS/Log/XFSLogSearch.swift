internal import Bytes

/// The records of a log that are to be replayed, in the order of the ring. All were verified.
struct XFSLogRange {
  let log: XFSLogArea
  let tail: Int
  let head: Int

  /// Calls `visit` with each record until it returns false.
  ///
  /// - Throws: ``FileSystemError`` where a record is not one.
  func forEachRecord(_ visit: (XFSLogRecord) throws -> Bool) throws {
    var position = 0
    let end = log.distance(from: tail, to: head)
    while position < end {
      let block = log.wrapped(tail + position)
      guard let record = try XFSLogRecord(at: block, in: log), record.blockCount <= end - position
      else { throw log.damaged(block, "a record is not one") }
      guard try visit(record) else { return }
      position += record.blockCount
    }
  }

  /// Where the first record begins that is not as it was written.
  func firstBadRecord() throws -> Int? {
    var position = 0
    let end = log.distance(from: tail, to: head)
    while position < end {
      let block = log.wrapped(tail + position)
      guard let record = try XFSLogRecord(at: block, in: log),
        record.blockCount <= end - position, try record.data(in: log) != nil
      else { return block }
      position += record.blockCount
    }
    return nil
  }
}

/// Finds what of a log is to be replayed (Linux, fs/xfs/xfs_log_recover.c).
struct XFSLogSearch {
  /// Records that may have been under way at once when the machine was interrupted.
  private static let recordsInFlight = 8

  let log: XFSLogArea

  init(_ log: XFSLogArea) { self.log = log }

  /// Nil where everything is in its place.
  ///
  /// - Throws: ``FileSystemError`` where the log is damaged, not just cut off where it ends.
  func unfinishedRange() throws -> XFSLogRange? {
    guard var head = try XFSLogHead(log: log).find() else { return nil }
    guard var last = try record(before: head, downTo: head) else {
      throw log.damaged(head, "there is no record in it")
    }
    if try isUnmount(last, before: head) { return nil }
    try last.checkFormat(in: log)
    let starts = try recordStarts(
      before: head, downTo: last.tailBlock, limit: Self.recordsInFlight)
    if let start = starts.last,
      let bad = try XFSLogRange(log: log, tail: start, head: head).firstBadRecord()
    {
      // Torn when the machine was interrupted; what counts ends before it.
      guard let good = try record(before: bad, downTo: last.tailBlock), good.tailBlock != bad else {
        throw log.damaged(bad, "what lies before a record that is torn is missing")
      }
      head = bad
      last = good
      if try isUnmount(last, before: head) { return nil }
    }
    if last.tailBlock == head { return nil }
    let tail = try intactTail(from: last.tailBlock, to: head, last)
    return tail == head ? nil : XFSLogRange(log: log, tail: tail, head: head)
  }

  /// The tail, or the first record behind it that is intact: the oldest ones may have been
  /// overwritten by a record that was not finished, whose own tail is not known.
  private func intactTail(from tail: Int, to head: Int, _ last: XFSLogRecord) throws -> Int {
    var start = try nextRecordStart(from: tail, to: head)
    while let block = start {
      guard let bad = try XFSLogRange(log: log, tail: block, head: head).firstBadRecord() else {
        return block
      }
      let fromHead = head < bad ? bad - head : bad + log.blockCount - head
      guard fromHead <= Self.recordsInFlight * last.sizeLimit / XFSLogArea.blockByteCount else {
        throw log.damaged(bad, "a record is not as it was written")
      }
      start = try nextRecordStart(from: log.wrapped(bad + 1), to: head)
    }
    throw log.damaged(tail, "no record is left between its tail and its head")
  }

  /// Whether a record ends at the head and says that the file system was unmounted.
  private func isUnmount(_ record: XFSLogRecord, before head: Int) throws -> Bool {
    guard record.operationCount == 1, log.wrapped(record.block + record.blockCount) == head else {
      return false
    }
    let data = try log.blocks(1, from: log.wrapped(record.block + record.headerBlockCount))
    let flags: UInt8 = try data.span.bytes.bigEndian(at: 9)
    return XFSLogOperation.Flags(rawValue: flags).contains(.unmount)
  }

  private func record(before head: Int, downTo limit: Int) throws -> XFSLogRecord? {
    guard let start = try recordStarts(before: head, downTo: limit, limit: 1).first else {
      return nil
    }
    let header = try log.blocks(1, from: start)
    try XFSLogRecord.checkOwner(header.span.bytes, at: start, in: log)
    guard let record = try XFSLogRecord(header.span.bytes, at: start, in: log) else {
      throw log.damaged(start, "the header of a record makes no sense")
    }
    return record
  }

  /// Where the last records before `head` begin, the nearest first.
  private func recordStarts(
    before head: Int, downTo limit: Int, limit count: Int
  ) throws -> [Int] {
    let end = head > limit ? head - limit : head + log.blockCount - limit
    var found: [Int] = []
    var distance = 0
    while distance < end {
      let step = min(256, end - distance)
      let first = log.wrapped(head + log.blockCount - distance - step)
      let bytes = try log.blocks(step, from: first)
      for index in (0..<step).reversed()
      where try bytes.span.bytes.bigEndian(at: index * 512) == XFSLogRecord.magic {
        found.append(log.wrapped(first + index))
        if found.count == count { return found }
      }
      distance += step
    }
    return found
  }

  private func nextRecordStart(from first: Int, to head: Int) throws -> Int? {
    let end = log.distance(from: first, to: head)
    var distance = 0
    while distance < end {
      let step = min(256, end - distance)
      let bytes = try log.blocks(step, from: log.wrapped(first + distance))
      for index in 0..<step
      where try bytes.span.bytes.bigEndian(at: index * 512) == XFSLogRecord.magic {
        return log.wrapped(first + distance + index)
      }
      distance += step
    }
    return nil
  }
}
