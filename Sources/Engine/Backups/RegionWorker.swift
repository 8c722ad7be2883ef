internal import BlockDevices
internal import Bytes
internal import Chunking
internal import Compression
internal import Encryption
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
  /// Bytes of the region: first those of `pieces`, then those that are not cut yet.
  private var window: AlignedBuffer
  private var filledByteCount = 0
  private var cutByteCount = 0
  /// What was cut and is not stored yet: chunks are named many at a time.
  private var pieces: [CutPiece] = []
  /// Where in the region the next piece begins.
  private var offset = 0

  /// Small enough to stay in a core's own cache between the read and the cut.
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
    window = AlignedBuffer(
      capacity: chunker.sizes.maximum + Self.readByteCount + ContentNamer.batchByteCount)
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
    offset = 0
    let region = range.lowerBound / Region.byteCount
    recognizer.begin(region, byteCount: range.count, recognition)
    var position = range.lowerBound
    while position < range.upperBound, let extent = try device.nextData(from: position) {
      let block = UInt64(ChunkSizes.blockByteCount)
      let start = max(position, min(extent.lowerBound, range.upperBound) / block * block)
      let end = min(range.upperBound, (extent.upperBound + block - 1) / block * block)
      if start > position { append(.zeros(Int(start - position))) }
      if end > start { try cut(start..<end, of: device, &pass) }
      position = max(start, end)
      if extent.lowerBound >= range.upperBound { break }
    }
    if position < range.upperBound { append(.zeros(Int(range.upperBound - position))) }
    try storePieces(&pass)
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
    while position < range.upperBound {
      try cancellation.check()
      if position >= advised {
        advised = min(range.upperBound, position + Self.readAhead)
        device.willNeed(advised..<min(range.upperBound, advised + Self.readAhead))
      }
      if window.capacity - filledByteCount < Self.readByteCount { try storePieces(&pass) }
      let count = Int(min(UInt64(Self.readByteCount), range.upperBound - position))
      var target = window.mutableBytes(filledByteCount..<filledByteCount + count)
      try device.read(at: position, into: &target)
      position += UInt64(count)
      filledByteCount += count
      progress.advance(UInt64(count))
      cutWindow(isLast: position == range.upperBound)
    }
  }

  /// Cuts what is certain.
  private mutating func cutWindow(isLast: Bool) {
    while cutByteCount < filledByteCount,
      isLast || filledByteCount - cutByteCount >= chunker.sizes.maximum
    {
      let rest = cutByteCount..<filledByteCount
      switch chunker.nextPiece(in: window.bytes.extracting(rest)) {
      case .zeros(let count):
        append(.zeros(count))
        cutByteCount += count
      case .chunk(let count):
        let range = cutByteCount..<cutByteCount + count
        append(.chunk(range, recognized(range, of: window, at: offset, by: &recognizer)))
        cutByteCount += count
      }
    }
  }

  private mutating func append(_ piece: CutPiece) {
    pieces.append(piece)
    offset += piece.byteCount
  }

  /// Names and stores what was cut, and makes room in the window.
  private mutating func storePieces(_ pass: inout RegionPass) throws {
    let names = try names(of: pieces, in: window, by: &sink)
    for (piece, name) in zip(pieces, names) {
      switch piece {
      case .zeros(let count): pass.append(.zeros(byteCount: count))
      case .chunk(let range, _):
        let stored = try add(range, of: window, named: name, to: &sink)
        pass.append(.chunk(name, byteCount: range.count))
        if let stored { pass.tally.noteStored(range.count, as: stored) }
      }
    }
    pieces.removeAll(keepingCapacity: true)
    window.moveToStart(cutByteCount..<filledByteCount)
    filledByteCount -= cutByteCount
    cutByteCount = 0
  }
}

/// A piece of a region on its way to the store.
private enum CutPiece {
  /// So many bytes, all zero.
  case zeros(Int)
  /// A chunk: where it lies in the window, and its name where it was recognised.
  case chunk(Range<Int>, ContentID?)

  var byteCount: Int {
    switch self {
    case .zeros(let count): count
    case .chunk(let range, _): range.count
    }
  }
}

private func recognized(
  _ range: Range<Int>, of window: borrowing AlignedBuffer, at offset: Int,
  by recognizer: inout ChunkRecognizer
) -> ContentID? {
  recognizer.recognize(window.bytes.extracting(range), at: offset)
}

/// The name of each piece: that which it was recognised by, or the digest of its bytes.
private func names(
  of pieces: [CutPiece], in window: borrowing AlignedBuffer, by sink: inout RecordSink
) throws -> [ContentID] {
  var unnamed: [Range<Int>] = []
  for case .chunk(let range, nil) in pieces { unnamed.append(range) }
  var computed = try sink.names(of: unnamed, in: window.bytes).makeIterator()
  return pieces.map { piece in
    switch piece {
    case .zeros: .zeros
    case .chunk(_, let known): known ?? computed.next()!
    }
  }
}

/// Gives the sink a part of `window`; the bytes it takes if it is new.
private func add(
  _ range: Range<Int>, of window: borrowing AlignedBuffer, named name: ContentID,
  to sink: inout RecordSink
) throws -> Int? {
  try sink.add(window.bytes.extracting(range), id: name, kind: .chunk)
}
