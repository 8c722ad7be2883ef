internal import Bytes
internal import Hashing
internal import Maps
internal import Tiers
internal import Workers

/// Writes regions of a disk from their maps; one for each thread.
struct RegionRestorer: ~Copyable {
  private let target: DiskTarget
  private let progress: Progress
  private let cancellation: Cancellation
  private var reader: TierReader
  /// Chunks that follow one another on the disk, written together.
  private var batch: [WantedChunk] = []
  private var batchByteCount = 0
  private var plain: AlignedBuffer

  /// Few and large writes cost the system less; more than this stays in no cache.
  private static let batchLimit = 1 << 20

  init(
    _ open: OpenTier, _ target: DiskTarget, _ progress: Progress, _ cancellation: Cancellation
  ) {
    self.target = target
    self.progress = progress
    self.cancellation = cancellation
    reader = TierReader(open)
    plain = AlignedBuffer(capacity: Self.batchLimit + RegionMap.maximumChunkByteCount)
  }

  /// - Throws: ``RestoreError``, ``FileError``, ``Cancelled``.
  mutating func restore(_ range: Range<UInt64>, map id: ContentID) throws {
    let map: RegionMap
    do {
      let bytes = try reader.map(id)
      map = try RegionMap(decoding: bytes.span.bytes, byteCount: range.count)
    } catch { throw RestoreError(offset: range.lowerBound, cause: error) }
    var position = range.lowerBound
    for item in map.items {
      switch item {
      case .zeros(let count):
        try flush(endingAt: position)
        try target.writeZeros(position..<position + UInt64(count))
      case .chunk(let id, let count):
        if batchByteCount + count > Self.batchLimit { try flush(endingAt: position) }
        batch.append(WantedChunk(id: id, byteCount: count, target: batchByteCount))
        batchByteCount += count
      }
      position += UInt64(item.byteCount)
    }
    try flush(endingAt: position)
  }

  private mutating func flush(endingAt end: UInt64) throws {
    guard !batch.isEmpty else { return }
    try cancellation.check()
    let start = end - UInt64(batchByteCount)
    do { try reader.read(batch, into: &plain) } catch let error as ReadError {
      let place = batch.first { $0.id == error.id }?.target ?? 0
      throw RestoreError(offset: start + UInt64(place), cause: error)
    }
    try target.write(plain.bytes.extracting(0..<batchByteCount), at: start)
    progress.advance(UInt64(batchByteCount))
    batch.removeAll(keepingCapacity: true)
    batchByteCount = 0
  }
}
