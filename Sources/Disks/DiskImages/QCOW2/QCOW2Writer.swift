internal import Bytes
package import Files
internal import Synchronization

/// Makes a qcow2 image of a disk whose parts come in any order: version 3, clusters of 64 KiB.
///
/// Clusters follow one another in the order in which they are first written to, each table of
/// theirs before the first of them; what is never written has none. Entries go to the file at once,
/// so that memory does not grow with the disk by more than a bit for a cluster. The file is no
/// image before it is finished. Safe for several threads.
package final class QCOW2Writer: Sendable {
  private let diskByteCount: UInt64
  private let l1Count: Int
  private let state: Mutex<State>

  fileprivate struct State {
    /// Clusters of the file that are taken, none of which is free.
    var clusterCount: UInt64
    /// The L2 tables, nil where nothing was written.
    var tables: [Table?]
  }

  fileprivate struct Table {
    let offset: UInt64
    /// Of each cluster, whether it is there.
    var isThere = [UInt64](repeating: 0, count: QCOW2Writer.l2Count / 64)
  }

  /// A part of what is written, and where it goes.
  private struct Piece {
    let offset: UInt64
    var byteCount: Int
  }

  private static let clusterBits: UInt64 = 16
  fileprivate static let clusterByteCount: UInt64 = 1 << clusterBits
  private static let l2Count = 8192
  private static let l1Offset = clusterByteCount
  private static let refcountsOfBlock: UInt64 = 32_768
  /// Of an entry: that no snapshot has the cluster as well.
  fileprivate static let copied: UInt64 = 1 << 63

  /// No larger disk has an L1 table that QEMU reads.
  package static let diskByteLimit: UInt64 = 1 << 51

  /// - Parameter diskByteCount: a multiple of 512, at most ``diskByteLimit``.
  package init(diskByteCount: UInt64) {
    precondition(
      diskByteCount % 512 == 0 && diskByteCount <= Self.diskByteLimit, "a disk that QEMU takes")
    self.diskByteCount = diskByteCount
    let span = Self.clusterByteCount * UInt64(Self.l2Count)
    l1Count = Int((diskByteCount + span - 1) / span)
    let l1Clusters = (UInt64(l1Count) * 8 + Self.clusterByteCount - 1) >> Self.clusterBits
    state = Mutex(
      State(clusterCount: 1 + l1Clusters, tables: [Table?](repeating: nil, count: l1Count)))
  }

  /// Writes a part of the disk that was not written before.
  package func write(
    _ bytes: RawSpan, at offset: UInt64, to file: borrowing File
  ) throws(FileError) {
    precondition(offset + UInt64(bytes.byteCount) <= diskByteCount, "a range of the disk")
    var done = 0
    while done < bytes.byteCount {
      let piece = try place(offset + UInt64(done), bytes.byteCount - done, file)
      try file.write(bytes.extracting(done..<done + piece.byteCount), at: piece.offset)
      done += piece.byteCount
    }
  }

  /// Where bytes of the disk go: as many as lie together.
  private func place(
    _ offset: UInt64, _ byteCount: Int, _ file: borrowing File
  ) throws(FileError) -> Piece {
    let cluster = offset >> Self.clusterBits
    let within = offset & (Self.clusterByteCount - 1)
    let (table, first) = (Int(cluster) / Self.l2Count, Int(cluster) % Self.l2Count)
    let last = (offset + UInt64(byteCount) - 1) >> Self.clusterBits
    let limit = min(Self.l2Count, first + Int(last - cluster) + 1)
    // The lock is held while entries are written: who finds a cluster there reads its entry.
    let (host, count) = try state.withLock { state throws(FileError) in
      try state.clusters(first..<limit, ofTable: table, file)
    }
    let held = UInt64(count) * Self.clusterByteCount - within
    return Piece(offset: host + within, byteCount: Int(min(held, UInt64(byteCount))))
  }

  /// Writes all tables, and the header at last. Nothing may be written after that.
  package func finish(_ file: borrowing File) throws(FileError) {
    let (used, tables) = state.withLock { ($0.clusterCount, $0.tables) }
    let l1 = tables.flatMap { table in
      Self.bytes((table?.offset).map { $0 | Self.copied } ?? 0)
    }
    try file.write(l1.span.bytes, at: Self.l1Offset)
    let counts = Refcounts(usedClusterCount: used)
    try file.setByteCount(counts.clusterCount << Self.clusterBits)
    try write(counts, from: used, to: file)
    try file.write(header(counts, tableAt: used).span.bytes, at: 0)
  }

  /// How much room the counts of references take, which count themselves as well.
  private struct Refcounts {
    var blockCount: UInt64 = 0
    var tableClusterCount: UInt64 = 0
    /// All clusters of the file.
    var clusterCount: UInt64

    init(usedClusterCount used: UInt64) {
      clusterCount = used
      var before: UInt64 = 0
      while before != clusterCount {
        before = clusterCount
        blockCount = (clusterCount + refcountsOfBlock - 1) / refcountsOfBlock
        tableClusterCount = (blockCount * 8 + clusterByteCount - 1) >> clusterBits
        clusterCount = used + blockCount + tableClusterCount
      }
    }
  }

  /// The table, then the blocks; every cluster has one reference.
  private func write(
    _ counts: Refcounts, from first: UInt64, to file: borrowing File
  ) throws(FileError) {
    var table: [UInt8] = []
    for block in 0..<counts.blockCount {
      let number = first + counts.tableClusterCount + block
      table += Self.bytes(number << Self.clusterBits)
      let begin = block * Self.refcountsOfBlock
      let count = min(Self.refcountsOfBlock, counts.clusterCount - begin)
      let ones = [[UInt8]](repeating: [0, 1], count: Int(count)).flatMap { $0 }
      try file.write(ones.span.bytes, at: number << Self.clusterBits)
    }
    try file.write(table.span.bytes, at: first << Self.clusterBits)
  }

  private func header(_ counts: Refcounts, tableAt first: UInt64) -> [UInt8] {
    var header = Self.bytes(QCOW2Header.magic) + Self.bytes(UInt32(3))
    header += [UInt8](repeating: 0, count: 12)  // made over nothing
    header += Self.bytes(UInt32(Self.clusterBits)) + Self.bytes(diskByteCount)
    header += Self.bytes(UInt32(0))  // not encrypted
    header += Self.bytes(UInt32(l1Count)) + Self.bytes(Self.l1Offset)
    header += Self.bytes(first << Self.clusterBits)
    header += Self.bytes(UInt32(counts.tableClusterCount))
    header += [UInt8](repeating: 0, count: 12)  // no snapshots
    header += [UInt8](repeating: 0, count: 24)  // no features
    header += Self.bytes(UInt32(4)) + Self.bytes(UInt32(104))  // counts of 2^4 bits; its length
    return header + [UInt8](repeating: 0, count: 8)  // no extensions
  }

  fileprivate static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }
}

extension QCOW2Writer.State {
  /// The clusters of entries of a table, made where they are not there: the place of the first, and
  /// how many follow it without a gap.
  fileprivate mutating func clusters(
    _ entries: Range<Int>, ofTable number: Int, _ file: borrowing File
  ) throws(FileError) -> (offset: UInt64, count: Int) {
    if tables[number] == nil { tables[number] = QCOW2Writer.Table(offset: take(1)) }
    guard var table = tables[number] else { preconditionFailure("the table was just made") }
    let first = entries.lowerBound
    if table.holds(first) { return (try read(first, of: table, file), 1) }
    let count = entries.prefix { !table.holds($0) }.count
    let offset = take(UInt64(count))
    var bytes: [UInt8] = []
    for entry in first..<first + count {
      let place = offset + UInt64(entry - first) * QCOW2Writer.clusterByteCount
      bytes += QCOW2Writer.bytes(place | QCOW2Writer.copied)
      table.isThere[entry / 64] |= 1 << UInt64(entry % 64)
    }
    try file.write(bytes.span.bytes, at: table.offset + UInt64(first) * 8)
    tables[number] = table
    return (offset, count)
  }

  private mutating func take(_ count: UInt64) -> UInt64 {
    defer { clusterCount += count }
    return clusterCount * QCOW2Writer.clusterByteCount
  }

  private func read(
    _ entry: Int, of table: QCOW2Writer.Table, _ file: borrowing File
  ) throws(FileError) -> UInt64 {
    var bytes = [UInt8](repeating: 0, count: 8)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    let count = try file.read(at: table.offset + UInt64(entry) * 8, into: &target)
    precondition(count == 8, "an entry that was written")
    let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return value & ~QCOW2Writer.copied
  }
}

extension QCOW2Writer.Table {
  fileprivate func holds(_ entry: Int) -> Bool {
    isThere[entry / 64] >> UInt64(entry % 64) & 1 != 0
  }
}
