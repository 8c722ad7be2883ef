internal import BlockDevices
internal import Bytes

/// Where all of a file system's own addresses lie.
struct BtrfsChunkMap: Sendable {
  /// Ascending; none overlap.
  private(set) var chunks: [BtrfsChunk] = []

  /// More than 250,000 chunks would be hundreds of terabytes.
  private static let limit = 1 << 18

  /// The chunks by which all others are found, which the superblock holds.
  init(ofSuperblock superblock: BtrfsSuperblock) throws {
    let bytes = superblock.systemChunks.span.bytes
    var place = 0
    while place < bytes.byteCount {
      guard bytes.byteCount - place >= BtrfsKey.byteCount + 48 else {
        throw damagedBtrfs("the system chunks", "the last one ends too early")
      }
      let key = try BtrfsKey(bytes, at: place)
      place += BtrfsKey.byteCount
      let count = Int(try bytes.littleEndian(at: place + 44, as: UInt16.self))
      let size = 48 + count * 32
      guard key.type == .chunk, size <= bytes.byteCount - place else {
        throw damagedBtrfs("the system chunks", "one of them is none")
      }
      try insert(BtrfsChunk(bytes.extracting(place..<place + size), at: key.offset))
      place += size
    }
  }

  /// Adds a chunk that may be known already.
  mutating func insert(_ chunk: BtrfsChunk) throws {
    let index = firstIndex(endingAfter: chunk.start)
    if index < chunks.count, chunks[index].start < chunk.end {
      guard chunks[index].start == chunk.start, chunks[index].byteCount == chunk.byteCount else {
        throw damagedBtrfs("the chunk at \(chunk.start)", "it overlaps another one")
      }
      chunks[index] = chunk
      return
    }
    guard chunks.count < Self.limit else {
      throw damagedBtrfs("the chunk map", "it has more than \(Self.limit) chunks")
    }
    chunks.insert(chunk, at: index)
  }

  /// The chunk that has an address; nil where none has.
  func chunk(at logical: UInt64) -> BtrfsChunk? {
    let index = firstIndex(endingAfter: logical)
    guard index < chunks.count, chunks[index].start <= logical else { return nil }
    return chunks[index]
  }

  private func firstIndex(endingAfter logical: UInt64) -> Int {
    chunks.firstIndex(fromWhereOn: { $0.end > logical })
  }
}
