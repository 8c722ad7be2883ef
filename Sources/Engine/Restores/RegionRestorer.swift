internal import Bytes
internal import Hashing
internal import Maps
internal import Tiers
internal import Workers

/// Writes regions of a disk from their maps; one for each thread.
struct RegionRestorer: ~Copyable {
  private let target: any RegionTarget
  private let progress: Progress
  private let cancellation: Cancellation
  private var reader: TierReader
  /// What need not be written; nil where nothing is known of the target.
  private var comparison: RegionComparison?
  /// Chunks that follow one another on the disk, written together.
  private var batch: [WantedChunk] = []
  private var batchByteCount = 0
  private var plain: AlignedBuffer

  /// Few and large writes cost the system less, and enough chunks for all lanes of the digest go in
  /// one; twice as much is no faster.
  private static let batchLimit = 4 << 20
  /// No write is longer.
  static let writeLimit = batchLimit + RegionMap.maximumChunkByteCount

  /// - Parameter progress: is told of every byte that is written, and where there is a comparison
  ///   of those that are made zeros as well.
  init(
    _ open: OpenTier, _ target: any RegionTarget, over present: PresentDisk? = nil,
    _ progress: Progress, _ cancellation: Cancellation
  ) {
    self.target = target
    self.progress = progress
    self.cancellation = cancellation
    reader = TierReader(open)
    plain = AlignedBuffer(capacity: Self.writeLimit)
    if let present { comparison = RegionComparison(present, open) }
  }

  /// - Parameter presentMap: the region's map on the target now, where it is compared by that.
  /// - Throws: ``RestoreError``, ``FileError``, ``Cancelled``.
  mutating func restore(
    _ range: Range<UInt64>, map id: ContentID, over presentMap: ContentID = .zeros
  ) throws {
    let map: RegionMap
    do { map = try reader.regionMap(id, byteCount: range.count) } catch {
      throw RestoreError(offset: range.lowerBound, cause: error)
    }
    try comparison?.enter(range, map: presentMap)
    var position = range.lowerBound
    for item in map.items {
      let end = position + UInt64(item.byteCount)
      switch item {
      case .zeros:
        try flush(endingAt: position)
        try writeZeros(position..<end)
      case .chunk(let id, let count):
        if try comparison?.holds(id, in: position..<end) == true {
          try cancellation.check()
          try flush(endingAt: position)
          break
        }
        if batchByteCount + count > Self.batchLimit { try flush(endingAt: position) }
        batch.append(WantedChunk(id: id, byteCount: count, target: batchByteCount))
        batchByteCount += count
      }
      position = end
    }
    try flush(endingAt: position)
  }

  private mutating func writeZeros(_ range: Range<UInt64>) throws {
    guard let data = try comparison?.data(in: range) else { return try target.writeZeros(range) }
    for part in data {
      try target.writeZeros(part)
      progress.advance(UInt64(part.count))
    }
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
