package import Bytes
package import Hashing

/// A pack under construction, in memory.
///
/// Sealing is the one way out: a writer that is dropped leaves nothing behind, and a sealed one
/// cannot be written to because it no longer exists.
package struct PackWriter: ~Copyable {
  private var buffer: AlignedBuffer
  private var entries: [PackEntry] = []
  private var byteCount = PackFormat.headerByteCount

  /// - Parameter pool: lends the memory; made by ``makeBufferPool()``.
  package init(pool: BufferPool) {
    buffer = pool.take()
    var header = ByteWriter(reservingCapacity: PackFormat.headerByteCount)
    PackFormat.writeHeader(to: &header)
    var all = buffer.mutableBytes
    header.bytes.span.bytes.copy(into: &all)
  }

  /// Memory for packs. A last run may start just below the target, and the directory follows it.
  package static func makeBufferPool() -> BufferPool {
    BufferPool(capacity: PackFormat.maximumByteCount)
  }

  package var isEmpty: Bool { entries.isEmpty }

  /// Whether it has the size that packs are meant to have.
  package var isFull: Bool { byteCount >= PackFormat.targetByteCount }

  /// Whether `run` can be added.
  package func hasRoom(for run: borrowing RecordRun) -> Bool {
    let directory = (entries.count + run.entries.count) * PackFormat.entryByteCount
    return buffer.capacity - byteCount - PackFormat.trailerByteCount >= run.byteCount + directory
  }

  package mutating func append(_ run: borrowing RecordRun) {
    precondition(hasRoom(for: run), "room for the run")
    var target = buffer.mutableBytes(byteCount..<byteCount + run.byteCount)
    run.bytes.copy(into: &target)
    for var entry in run.entries {
      entry.offset += UInt32(byteCount)
      entries.append(entry)
    }
    byteCount += run.byteCount
  }

  /// Adds directory and trailer and names the pack. Costs a digest of all its bytes.
  ///
  /// - Parameter taken: packs on their way out, whose names it must not get: a record that is held
  ///   twice gives it another.
  package consuming func seal(
    with digester: inout Digester, besides taken: Set<PackID> = []
  ) -> SealedPack {
    precondition(!isEmpty, "a pack holds records")
    var (id, whole) = close(&digester)
    while taken.contains(id) {
      holdSmallestTwice()
      (id, whole) = close(&digester)
    }
    return SealedPack(id: id, entries: entries, buffer: buffer, byteCount: whole)
  }

  private mutating func holdSmallestTwice() {
    guard var entry = entries.min(by: { $0.recordByteCount < $1.recordByteCount }) else { return }
    let start = Int(entry.offset)
    let record = [UInt8](buffer.bytes.extracting(start..<start + entry.recordByteCount))
    precondition(
      buffer.capacity - byteCount - PackFormat.trailerByteCount
        >= record.count + (entries.count + 1) * PackFormat.entryByteCount, "room for a record")
    var target = buffer.mutableBytes(byteCount..<byteCount + record.count)
    record.span.bytes.copy(into: &target)
    entry.offset = UInt32(byteCount)
    entries.append(entry)
    byteCount += record.count
  }

  private mutating func close(_ digester: inout Digester) -> (id: PackID, byteCount: Int) {
    var directory = ByteWriter(reservingCapacity: entries.count * PackFormat.entryByteCount + 64)
    PackFormat.writeDirectory(entries, to: &directory)
    PackFormat.writeTrailer(
      digest: digester.digest(directory.bytes.span.bytes), directoryOffset: byteCount,
      count: entries.count, to: &directory)
    var target = buffer.mutableBytes(byteCount..<byteCount + directory.bytes.count)
    directory.bytes.span.bytes.copy(into: &target)
    let whole = byteCount + directory.bytes.count
    return (PackID(digester.digest(buffer.bytes.extracting(0..<whole))), whole)
  }
}

/// A finished pack in memory, ready to be put into stores.
package final class SealedPack: Sendable {
  package let id: PackID
  package let entries: [PackEntry]
  package let byteCount: Int
  private let buffer: AlignedBuffer

  init(id: PackID, entries: [PackEntry], buffer: consuming AlignedBuffer, byteCount: Int) {
    self.id = id
    self.entries = entries
    self.buffer = buffer
    self.byteCount = byteCount
  }

  /// The entries of wanted records, each record once: a pack may hold one twice.
  package func entries(where isWanted: (ContentID) -> Bool) -> [PackEntry] {
    var seen: Set<ContentID> = []
    return entries.filter { isWanted($0.id) && seen.insert($0.id).inserted }
  }

  /// Calls `body` with the whole pack.
  package func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try buffer.withBytes(0..<byteCount, body)
  }
}
