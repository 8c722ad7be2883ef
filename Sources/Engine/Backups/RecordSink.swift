internal import Bytes
internal import Compression
internal import Hashing
internal import Maps
internal import Packs
internal import Tiers

/// Names chunks and maps and hands those that are new to the writer; one for each thread.
struct RecordSink: ~Copyable {
  let writer: TierWriter
  private var index: TierIndex
  private var digester = Digester()
  private var compressor: Compressor
  private var chunkRun = RecordRun()
  private var mapRun = RecordRun()

  /// Records are handed over in runs of about this size.
  private static let runByteCount = 1 << 20

  init(writer: TierWriter, compression: CompressionSetting) {
    self.writer = writer
    index = writer.open.index
    compressor = Compressor(compression)
  }

  /// Looks at the index as it is now, with what was published meanwhile.
  mutating func refreshIndex() { index = writer.open.index }

  /// Takes the chunk that lies at `range` of `window`.
  mutating func addChunk(
    _ range: Range<Int>, of window: borrowing AlignedBuffer, to pass: inout RegionPass
  ) throws {
    let bytes = window.bytes.extracting(range)
    let id = ContentID(digester.digest(bytes))
    pass.append(.chunk(id, byteCount: range.count))
    guard writer.claim(id, index: index) else { return }
    if !chunkRun.hasRoom(for: range.count) || chunkRun.byteCount >= Self.runByteCount {
      try writer.add(&chunkRun, kind: .chunk, digester: &digester)
    }
    let stored = chunkRun.append(bytes, id: id, kind: .chunk, with: &compressor)
    pass.tally.newChunks += 1
    pass.tally.newBytes += UInt64(range.count)
    pass.tally.storedBytes += UInt64(stored)
  }

  mutating func addMap(_ map: [UInt8]) throws -> ContentID {
    let id = ContentID(digester.digest(map.span.bytes))
    guard writer.claim(id, index: index) else { return id }
    if !mapRun.hasRoom(for: map.count) {
      try writer.add(&mapRun, kind: .map, digester: &digester)
    }
    _ = mapRun.append(map.span.bytes, id: id, kind: .map, with: &compressor)
    return id
  }

  /// Hands over what is left. To be called after the last chunk and map.
  mutating func finish() throws {
    try writer.add(&chunkRun, kind: .chunk, digester: &digester)
    try writer.add(&mapRun, kind: .map, digester: &digester)
  }
}
