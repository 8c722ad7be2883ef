internal import Bytes
internal import Compression
internal import Encryption
package import Hashing

/// Records one behind the other, on their way into a pack.
///
/// A worker collects here what it makes and hands over a whole run at once, so that what lay side
/// by side on the disk lies side by side in the pack, and no worker waits for another.
package struct RecordRun: ~Copyable {
  private var buffer: AlignedBuffer
  /// What the run holds; offsets count from its start.
  package private(set) var entries: [PackEntry] = []
  package private(set) var byteCount = 0

  /// - Parameter capacity: bytes, at least one record of the largest size.
  package init(capacity: Int = RecordRun.standardCapacity) {
    precondition(capacity >= RecordRun.largestRecord, "a run has room for the largest record")
    buffer = AlignedBuffer(capacity: capacity)
  }

  package static let largestRecord =
    RecordHeader.byteCount + RecordHeader.maximumPlainByteCount + ObjectCipher.overhead
  package static let standardCapacity = largestRecord + (1 << 20)

  /// Whether a payload of `plainByteCount` can be added, sealed or not.
  package func hasRoom(for plainByteCount: Int) -> Bool {
    buffer.capacity - byteCount
      >= RecordHeader.byteCount + plainByteCount + ObjectCipher.overhead
  }

  package var isEmpty: Bool { entries.isEmpty }

  package var bytes: RawSpan {
    @_lifetime(borrow self)
    borrowing get { buffer.bytes.extracting(0..<byteCount) }
  }

  /// Compresses `plain`, seals it where the vault is encrypted, and adds it.
  /// - Returns: bytes that the record takes.
  package mutating func append(
    _ plain: RawSpan, id: ContentID, kind: RecordKind, with sealer: inout RecordSealer
  ) -> Int {
    precondition(hasRoom(for: plain.byteCount) && plain.byteCount > 0, "room for the record")
    let end = byteCount + RecordHeader.byteCount + plain.byteCount + sealer.overhead
    var target = buffer.mutableBytes(byteCount..<end)
    var entry = sealer.write(plain, id: id, kind: kind, to: &target)
    entry.offset = UInt32(byteCount)
    entries.append(entry)
    byteCount += entry.recordByteCount
    return entry.recordByteCount
  }

  /// Adds a payload as it came out of another pack.
  package mutating func append(sealed payload: RawSpan, of entry: PackEntry) {
    precondition(
      hasRoom(for: payload.byteCount) && payload.byteCount == Int(entry.storedByteCount),
      "room for the record")
    let start = byteCount + RecordHeader.byteCount
    var target = buffer.mutableBytes(start..<start + payload.byteCount)
    payload.copy(into: &target)
    var header = ByteWriter(reservingCapacity: RecordHeader.byteCount)
    RecordHeader.write(entry, to: &header)
    var place = buffer.mutableBytes(byteCount..<start)
    header.bytes.span.bytes.copy(into: &place)
    var moved = entry
    moved.offset = UInt32(byteCount)
    entries.append(moved)
    byteCount += moved.recordByteCount
  }

  package mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
    byteCount = 0
  }
}
