internal import Bytes
internal import Hashing
internal import Maps
internal import Packs
internal import Tiers
internal import Workers

/// Sends regions, each with its map; one for each thread.
struct CopyWorker: ~Copyable {
  private let writer: TierWriter
  private let cancellation: Cancellation
  private var reader: TierReader
  private var index: TierIndex
  private var digester = Digester()
  private var chunkRun = RecordRun()
  private var mapRun = RecordRun()
  private var scratch = AlignedBuffer(capacity: RecordHeader.maximumPlainByteCount)

  private static let runByteCount = 1 << 20

  init(from source: OpenTier, writer: TierWriter, cancellation: Cancellation) {
    self.writer = writer
    self.cancellation = cancellation
    reader = TierReader(source)
    index = writer.open.index
  }

  /// Sends a map above the regions' and gives its bytes.
  mutating func copyMap(_ id: ContentID) throws -> [UInt8] {
    let bytes = try reader.map(id)
    try copyMap(id, bytes.count)
    return bytes
  }

  /// Sends the map and all chunks of a region that the target lacks.
  mutating func copy(_ work: CopyWork) throws {
    index = writer.open.index
    let bytes = try reader.map(work.map)
    let map = try RegionMap(decoding: bytes.span.bytes, byteCount: work.byteCount)
    for case .chunk(let id, let byteCount) in map.items {
      try cancellation.check()
      try copyChunk(id, byteCount)
    }
    try copyMap(work.map, bytes.count)
  }

  private mutating func copyChunk(_ id: ContentID, _ byteCount: Int) throws {
    guard writer.claim(id, index: index) else { return }
    if chunkRun.byteCount >= Self.runByteCount { try handOverChunks() }
    try reader.copySealed(id, byteCount: byteCount, to: &chunkRun, scratch: &scratch)
  }

  private mutating func copyMap(_ id: ContentID, _ byteCount: Int) throws {
    guard writer.claim(id, index: index) else { return }
    if mapRun.byteCount >= Self.runByteCount { try handOverMaps() }
    try reader.copySealed(id, byteCount: byteCount, to: &mapRun, scratch: &scratch)
  }

  /// Hands over what is left. To be called after the last region.
  mutating func finish() throws {
    try handOverChunks()
    try handOverMaps()
  }

  private mutating func handOverChunks() throws {
    try writer.add(&chunkRun, kind: .chunk, digester: &digester)
  }

  private mutating func handOverMaps() throws {
    try writer.add(&mapRun, kind: .map, digester: &digester)
  }
}
