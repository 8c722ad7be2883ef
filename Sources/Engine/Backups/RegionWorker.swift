internal import BlockDevices
internal import Bytes
internal import Chunking
internal import Compression
internal import Hashing
internal import Maps
internal import Packs
internal import Synchronization
internal import Tiers
internal import Workers

/// Reads regions, cuts them into chunks, and hands what is new to the writer; one for each thread.
struct RegionWorker: ~Copyable {
  private let chunker: Chunker
  private let cancellation: Cancellation
  private let progress: Progress
  private var sink: RecordSink
  private var recognizer: ChunkRecognizer
  /// Bytes of the disk that were read and are not cut yet, from its start on.
  private var window: AlignedBuffer

  /// Small enough to stay in a core's own cache between the read and the digest.
  private static let readByteCount = 256 << 10
  /// How far the system reads ahead of the worker.
  private static let readAhead: UInt64 = 4 << 20

  init(
    chunker: Chunker, compression: CompressionSetting, writer: TierWriter,
    cancellation: Cancellation, progress: Progress
  ) {
    self.chunker = chunker
    self.cancellation = cancellation
    self.progress = progress
    sink = RecordSink(writer: writer, compression: compression)
    recognizer = ChunkRecognizer(writer.open)
    window = AlignedBuffer(capacity: chunker.sizes.maximum + Self.readByteCount)
  }

  /// Backs one region up.
  ///
  /// - Parameter recognition: of the disk's chunks; nil to compute the digest of each.
  /// - Returns: the id of the region's map; zeros for a region of zeros.
  mutating func backUp(
    _ range: Range<UInt64>, of device: any BlockDevice, tally: DiskTally,
    recognition: Recognition?
  ) throws -> ContentID {
    sink.refreshIndex()
    var pass = RegionPass()
    let region = range.lowerBound / Region.byteCount
    recognizer.begin(region, byteCount: range.count, recognition)
    var position = range.lowerBound
    while position < range.upperBound, let extent = try device.nextData(from: position) {
      let block = UInt64(ChunkSizes.blockByteCount)
      let start = max(position, min(extent.lowerBound, range.upperBound) / block * block)
      let end = min(range.upperBound, (extent.upperBound + block - 1) / block * block)
      if start > position { pass.append(.zeros(byteCount: Int(start - position))) }
      if end > start { try cut(start..<end, of: device, &pass) }
      position = max(start, end)
      if extent.lowerBound >= range.upperBound { break }
    }
    if position < range.upperBound {
      pass.append(.zeros(byteCount: Int(range.upperBound - position)))
    }
    tally.add(pass.tally)
    if pass.map.isZero { return .zeros }
    let map = try storeMap(pass.map.encoded())
    recognizer.end(region, map: map)
    return map
  }

  /// Hands over what is left. To be called after the last region.
  mutating func finish() throws { try sink.finish() }

  /// Stores a map that lies above the regions'.
  mutating func storeMap(_ bytes: [UInt8]) throws -> ContentID {
    try sink.add(bytes.span.bytes, kind: .map).id
  }

  /// Reads and cuts a range that begins and ends on block boundaries or the region's own.
  private mutating func cut(
    _ range: Range<UInt64>, of device: any BlockDevice, _ pass: inout RegionPass
  ) throws {
    var position = range.lowerBound
    var advised = position
    var filled = 0
    while position < range.upperBound || filled > 0 {
      try cancellation.check()
      if position < range.upperBound {
        if position >= advised {
          advised = min(range.upperBound, position + Self.readAhead)
          device.willNeed(advised..<min(range.upperBound, advised + Self.readAhead))
        }
        let count = Int(min(UInt64(Self.readByteCount), range.upperBound - position))
        var target = window.mutableBytes(filled..<filled + count)
        try device.read(at: position, into: &target)
        position += UInt64(count)
        filled += count
        progress.advance(UInt64(count))
      }
      filled = try cutWindow(filled, isLast: position == range.upperBound, &pass)
    }
  }

  /// Cuts what is certain and moves the rest to the window's start.
  /// - Returns: bytes of the rest.
  private mutating func cutWindow(
    _ filled: Int, isLast: Bool, _ pass: inout RegionPass
  ) throws -> Int {
    var start = 0
    while start < filled, isLast || filled - start >= chunker.sizes.maximum {
      let piece = chunker.nextPiece(in: window.bytes.extracting(start..<filled))
      switch piece {
      case .zeros(let count): pass.append(.zeros(byteCount: count))
      case .chunk(let count):
        let (id, stored) = try addChunk(
          start..<start + count, of: window, to: &sink, at: pass.map.byteCount, &recognizer)
        pass.append(.chunk(id, byteCount: count))
        if let stored { pass.tally.noteStored(count, as: stored) }
      }
      start += piece.byteCount
    }
    window.moveToStart(start..<filled)
    return filled - start
  }
}

/// Gives the sink a part of `window`; the chunk's name, and the bytes it takes if it is new.
private func addChunk(
  _ range: Range<Int>, of window: borrowing AlignedBuffer, to sink: inout RecordSink,
  at offset: Int, _ recognizer: inout ChunkRecognizer
) throws -> (id: ContentID, storedByteCount: Int?) {
  let chunk = window.bytes.extracting(range)
  guard let id = recognizer.recognize(chunk, at: offset) else {
    return try sink.add(chunk, kind: .chunk)
  }
  return (id, try sink.add(chunk, id: id, kind: .chunk))
}
