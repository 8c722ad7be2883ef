internal import Bytes
internal import Encryption
internal import Hashing
internal import Maps
internal import Tiers
internal import Workers

/// A region map and the length of the region it has to cover.
struct RegionToVerify: Sendable {
  let map: ContentID
  let byteCount: Int
}

/// Checks regions; one for each thread.
struct RegionVerifier: ~Copyable {
  private let checked: CheckedRecords
  private let progress: Progress
  private let cancellation: Cancellation
  private var reader: TierReader
  /// Chunks that are read together.
  private var batch: [WantedChunk] = []
  private var batchByteCount = 0
  private var plain: AlignedBuffer

  init(
    _ open: OpenTier, _ checked: CheckedRecords, _ progress: Progress,
    _ cancellation: Cancellation
  ) {
    self.checked = checked
    self.progress = progress
    self.cancellation = cancellation
    reader = TierReader(open)
    plain = AlignedBuffer(capacity: ContentNamer.batchByteCount + RegionMap.maximumChunkByteCount)
  }

  mutating func verify(_ region: RegionToVerify) throws {
    let map: RegionMap
    do {
      let bytes = try checked.map(region.map) { try reader.map(region.map) }
      map = try RegionMap(decoding: bytes.span.bytes, byteCount: region.byteCount)
    } catch { return checked.noteBrokenTree() }
    for item in map.items {
      try cancellation.check()
      if case .chunk(let id, let count) = item, checked.isNew(id) {
        if batchByteCount + count > ContentNamer.batchByteCount { verifyBatch() }
        batch.append(WantedChunk(id: id, byteCount: count, target: batchByteCount))
        batchByteCount += count
      }
      progress.advance(UInt64(item.byteCount))
    }
    verifyBatch()
  }

  private mutating func verifyBatch() {
    do {
      try reader.read(batch, into: &plain)
      for chunk in batch { checked.noteChunk(chunk.byteCount) }
    } catch {
      // One of them is lost: which, and whether it is the only one, each by itself tells.
      for chunk in batch { verifyAlone(chunk) }
    }
    batch.removeAll(keepingCapacity: true)
    batchByteCount = 0
  }

  private mutating func verifyAlone(_ chunk: WantedChunk) {
    do {
      try reader.read([chunk], into: &plain)
      checked.noteChunk(chunk.byteCount)
    } catch { checked.noteDamage(chunk.id, "\(error)") }
  }
}
