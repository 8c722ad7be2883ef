internal import Bytes
internal import Encryption
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
  /// Is being filled.
  private var batch = RestoreBatch()
  /// Is full, and being read ahead by the system while the one before it is expanded.
  private var full = RestoreBatch()
  private var plain: AlignedBuffer

  /// No write is longer. Few and large ones cost the system less.
  static let writeLimit = ContentNamer.batchByteCount + RegionMap.maximumChunkByteCount

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
    try comparison?.enter(range, wanted: map, map: presentMap)
    if comparison == nil { try announce(map, from: range.lowerBound) }
    var position = range.lowerBound
    for item in map.items {
      let end = position + UInt64(item.byteCount)
      switch item {
      case .zeros: try writeZeros(position..<end)
      case .chunk(let id, let count):
        if comparison?.holds(id, in: position..<end) == true {
          try cancellation.check()
        } else {
          if batch.byteCount + count > ContentNamer.batchByteCount { try writeFull() }
          batch.append(id, byteCount: count, at: position)
        }
      }
      position = end
    }
    try writeFull()
    try writeFull()
  }

  /// Tells the target of all longer runs of data.
  private func announce(_ map: RegionMap, from start: UInt64) throws {
    var run = start..<start
    for item in map.items {
      let end = run.upperBound + UInt64(item.byteCount)
      if case .chunk = item {
        run = run.lowerBound..<end
      } else {
        if run.count >= Self.announcedByteCount { try target.willWrite(run) }
        run = end..<end
      }
    }
    if run.count >= Self.announcedByteCount { try target.willWrite(run) }
  }

  /// For shorter runs it is not worth a call.
  private static let announcedByteCount = 128 << 10

  private mutating func writeZeros(_ range: Range<UInt64>) throws {
    guard let data = try comparison?.data(in: range) else { return try target.writeZeros(range) }
    for part in data {
      try target.writeZeros(part)
      progress.advance(UInt64(part.count))
    }
  }

  /// Writes the batch that is full; the one that was being filled takes its place.
  private mutating func writeFull() throws {
    reader.willNeed(batch.chunks)
    try write(full)
    full = batch
    batch = RestoreBatch()
  }

  private mutating func write(_ batch: RestoreBatch) throws {
    try cancellation.check()
    do { try reader.read(batch.chunks, into: &plain) } catch let error as ReadError {
      throw RestoreError(offset: batch.start(of: error.id) ?? 0, cause: error)
    }
    for run in batch.runs {
      try target.write(plain.bytes.extracting(run.bytes), at: run.start)
    }
    progress.advance(UInt64(batch.byteCount))
  }
}
