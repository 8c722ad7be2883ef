internal import Bytes
internal import Hashing
internal import Maps
internal import Synchronization
package import Tiers
internal import Workers

/// The chunks and maps of a recovery point, for any number of threads and for all its disks.
///
/// What was used lately stays decoded, up to a limit of memory; every chunk is checked.
package final class PointContents: Sendable {
  private let open: OpenTier
  private let chunks: ContentCache<[UInt8]>
  private let regions = ContentCache<RegionExtents>(costLimit: 16 << 20)
  private let idle = Mutex<[PooledReader]>([])
  private let ahead = Mutex(Ahead())

  /// Chunks that will be wanted, the nearest first, and whether a thread is at it.
  private struct Ahead {
    var wanted: [Wanted] = []
    var isRunning = false
  }

  struct Wanted: Sendable {
    let id: ContentID
    let byteCount: Int
  }

  /// A reader, which one thread at a time has taken out of a list.
  private final class PooledReader: @unchecked Sendable {
    var reader: TierReader
    init(_ open: OpenTier) { reader = TierReader(open) }
  }

  /// Readers that are kept for later; more than this many threads make more, for a while.
  private static let idleLimit = 16
  /// Chunks that are read ahead at most: two times what a sequence asks for.
  private static let aheadLimit = 8

  /// - Parameter chunkMemory: bytes of decoded chunks that are kept.
  package init(_ open: OpenTier, chunkMemory: Int = 32 << 20) {
    self.open = open
    chunks = ContentCache(costLimit: chunkMemory)
  }

  /// The regions of a disk that hold data, in order, and their maps.
  func regions(of tree: DiskTree) throws -> [(index: UInt64, map: ContentID)] {
    var regions: [(index: UInt64, map: ContentID)] = []
    try withReader { reader in
      try tree.forEachRegion {
        try reader.map($0)
      } visit: {
        regions.append(($0, $1))
      }
    }
    return regions
  }

  func extents(of map: ContentID, byteCount: Int) throws -> RegionExtents {
    let found = try regions.value(map) {
      let bytes = try withReader { reader in try reader.map(map) }
      let extents = RegionExtents(
        try RegionMap(decoding: bytes.span.bytes, byteCount: byteCount))
      return (extents, extents.cost)
    }
    // Kept for another region, which had its length.
    guard found.byteCount == byteCount else {
      throw MapDamage(reason: "it covers \(found.byteCount) bytes of a region of \(byteCount)")
    }
    return found
  }

  /// The bytes of a chunk, kept for whoever wants other parts of it.
  func chunk(_ wanted: Wanted) throws -> [UInt8] {
    let found = try chunks.value(wanted.id) {
      let bytes = try decode(wanted)
      return (bytes, bytes.count)
    }
    // Of two maps that give it different lengths one is wrong; reading it says which.
    return found.count == wanted.byteCount ? found : try decode(wanted)
  }

  private func decode(_ wanted: Wanted) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: wanted.byteCount)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try withReader { reader in try reader.read(wanted.id, into: &target) }
    return bytes
  }

  /// Fills `target`, which has the chunk's length, and keeps nothing: who reads whole chunks reads
  /// them once.
  func read(_ id: ContentID, into target: inout MutableRawSpan) throws {
    if let bytes = chunks.known(id), bytes.count == target.byteCount {
      return bytes.span.bytes.copy(into: &target)
    }
    try withReader { reader in try reader.read(id, into: &target) }
  }

  /// Decodes chunks on a thread of its own, for they will be wanted soon. What fails is left for
  /// whoever wants it.
  func readAhead(_ wanted: [Wanted]) {
    let new = wanted.filter { !chunks.isPresent($0.id) }
    guard !new.isEmpty else { return }
    let starts = ahead.withLock { ahead in
      let queued = Set(ahead.wanted.map(\.id))
      ahead.wanted += new.filter { !queued.contains($0.id) }
      ahead.wanted.removeFirst(max(0, ahead.wanted.count - Self.aheadLimit))
      defer { ahead.isRunning = true }
      return !ahead.isRunning
    }
    if starts { WorkerThread { self.decodeAhead() }.detach() }
  }

  private func decodeAhead() {
    while let next = nextAhead() {
      do { _ = try chunk(next) } catch { continue }
    }
  }

  private func nextAhead() -> Wanted? {
    ahead.withLock { ahead in
      guard !ahead.wanted.isEmpty else {
        ahead.isRunning = false
        return nil
      }
      return ahead.wanted.removeFirst()
    }
  }

  private func withReader<Result>(_ body: (inout TierReader) throws -> Result) rethrows -> Result {
    let pooled = idle.withLock { $0.popLast() } ?? PooledReader(open)
    defer {
      idle.withLock { if $0.count < Self.idleLimit { $0.append(pooled) } }
    }
    return try body(&pooled.reader)
  }
}
