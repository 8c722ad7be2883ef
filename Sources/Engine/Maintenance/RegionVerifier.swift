internal import Bytes
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
  private var plain = AlignedBuffer(capacity: RegionMap.maximumChunkByteCount)

  init(
    _ open: OpenTier, _ checked: CheckedRecords, _ progress: Progress,
    _ cancellation: Cancellation
  ) {
    self.checked = checked
    self.progress = progress
    self.cancellation = cancellation
    reader = TierReader(open)
  }

  mutating func verify(_ region: RegionToVerify) throws {
    let map: RegionMap
    do {
      let bytes = try checked.map(region.map) { try reader.map(region.map) }
      map = try RegionMap(decoding: bytes.span.bytes, byteCount: region.byteCount)
    } catch { return checked.noteBrokenTree() }
    for item in map.items {
      try cancellation.check()
      if case .chunk(let id, let count) = item, checked.isNew(id) { verify(id, count) }
      progress.advance(UInt64(item.byteCount))
    }
  }

  private mutating func verify(_ id: ContentID, _ byteCount: Int) {
    do {
      try reader.read([WantedChunk(id: id, byteCount: byteCount, target: 0)], into: &plain)
      checked.noteChunk(byteCount)
    } catch { checked.noteDamage(id, "\(error)") }
  }
}
