internal import BlockDevices
internal import Bytes
internal import Hashing
internal import Maps
internal import Synchronization
package import Tiers
package import Vaults

/// A disk of a recovery point, read at any place without restoring it; every chunk checked.
///
/// Safe for several threads: each call borrows a cursor, which remembers the region map and the
/// chunk it used last, so reading in order decodes nothing twice.
package final class PointDisk: BlockDevice {
  package let byteCount: UInt64
  private let open: OpenTier
  /// The regions that hold data, in order, and their maps.
  private let regions: [(index: UInt64, map: ContentID)]
  private let idle = Mutex<[Cursor]>([])

  /// Reads the maps above the regions'.
  ///
  /// - Throws: ``ReadError``, ``VaultError``.
  package init(_ disk: RecoveryPoint.Disk, from open: OpenTier) throws {
    guard let tree = disk.tree else {
      throw VaultError.damaged("disk \(disk.name)", reason: "its root is no digest")
    }
    byteCount = disk.size
    self.open = open
    var reader = TierReader(open)
    var regions: [(index: UInt64, map: ContentID)] = []
    try tree.forEachRegion {
      try reader.map($0)
    } visit: { region, map in
      regions.append((region, map))
    }
    self.regions = regions
  }

  /// - Throws: ``RestoreError``.
  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    let end = offset + UInt64(target.byteCount)
    precondition(end <= byteCount, "a range of the disk")
    let cursor = takeCursor(near: offset)
    defer { idle.withLock { $0.append(cursor) } }
    var position = offset
    while position < end {
      let region = Region.range(position / Region.byteCount, diskByteCount: byteCount)
      let partEnd = min(end, region.upperBound)
      var part = target._mutatingExtracting(
        Int(position - offset)..<Int(partEnd - offset))
      try read(region, from: Int(position - region.lowerBound), into: &part, with: cursor)
      position = partEnd
    }
  }

  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    let cursor = takeCursor(near: offset)
    defer { idle.withLock { $0.append(cursor) } }
    var number = firstRegion(atOrAfter: offset / Region.byteCount)
    while number < regions.count {
      let region = Region.range(regions[number].index, diskByteCount: byteCount)
      let start = offset > region.lowerBound ? Int(offset - region.lowerBound) : 0
      let extents = try extents(of: number, with: cursor)
      if let run = extents.dataRun(from: start) {
        return region.lowerBound + UInt64(run.lowerBound)..<region.lowerBound
          + UInt64(run.upperBound)
      }
      number += 1
    }
    return nil
  }

  /// Chunks lie in packs in another order than on the disk, so there is nothing to hint at.
  package func willNeed(_ range: Range<UInt64>) {}

  // MARK: one region

  /// - Parameter start: where in the region.
  private func read(
    _ region: Range<UInt64>, from start: Int, into target: inout MutableRawSpan,
    with cursor: Cursor
  ) throws {
    let number = firstRegion(atOrAfter: region.lowerBound / Region.byteCount)
    guard number < regions.count, regions[number].index == region.lowerBound / Region.byteCount
    else { return target.fillWithZeros() }
    let extents = try extents(of: number, with: cursor)
    try cursor.read(extents, ofRegionAt: region.lowerBound, from: start, into: &target)
  }

  private func extents(of number: Int, with cursor: Cursor) throws -> RegionExtents {
    let (index, map) = regions[number]
    let region = Region.range(index, diskByteCount: byteCount)
    do { return try cursor.extents(of: map, byteCount: region.count) } catch {
      throw RestoreError(offset: region.lowerBound, cause: error)
    }
  }

  private func firstRegion(atOrAfter index: UInt64) -> Int {
    var (low, high) = (0, regions.count)
    while low < high {
      let middle = (low + high) / 2
      if regions[middle].index < index { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A cursor that was last at the same region, else any, else a new one.
  private func takeCursor(near offset: UInt64) -> Cursor {
    let number = firstRegion(atOrAfter: offset / Region.byteCount)
    let map = number < regions.count ? regions[number].map : nil
    let found: Cursor? = idle.withLock { cursors in
      if let near = cursors.firstIndex(where: { $0.currentMap == map }) {
        return cursors.remove(at: near)
      }
      return cursors.count >= Self.cursorLimit ? cursors.removeLast() : nil
    }
    return found ?? Cursor(open)
  }

  /// As many as there may be threads that read different places in turn.
  private static let cursorLimit = 16
}

/// A region map with the place of every item.
private struct RegionExtents {
  let items: [RegionMap.Item]
  /// Where each item begins, and at last where the region ends.
  let starts: [Int]

  init(_ map: RegionMap) {
    items = map.items
    var starts = [0]
    for item in items { starts.append(starts.last! + item.byteCount) }
    self.starts = starts
  }

  /// The item that holds byte `offset` of the region.
  func item(at offset: Int) -> Int {
    var (low, high) = (0, items.count)
    while low + 1 < high {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  /// The first run of chunks that ends behind `offset`, from `offset` on.
  func dataRun(from offset: Int) -> Range<Int>? {
    guard offset < starts.last! else { return nil }
    var number = item(at: offset)
    while number < items.count, case .zeros = items[number] { number += 1 }
    guard number < items.count else { return nil }
    let start = max(offset, starts[number])
    while number < items.count, case .chunk = items[number] { number += 1 }
    return start..<starts[number]
  }
}

/// Reads one place of a disk; used by one thread at a time.
private final class Cursor: @unchecked Sendable {
  private(set) var currentMap: ContentID?
  private var currentExtents: RegionExtents?
  private var reader: TierReader
  private var chunk = AlignedBuffer(capacity: RegionMap.maximumChunkByteCount)
  private var currentChunk: ContentID?

  init(_ open: OpenTier) { reader = TierReader(open) }

  func extents(of map: ContentID, byteCount: Int) throws -> RegionExtents {
    if currentMap == map, let currentExtents { return currentExtents }
    let bytes = try reader.map(map)
    let extents = RegionExtents(
      try RegionMap(decoding: bytes.span.bytes, byteCount: byteCount))
    (currentMap, currentExtents) = (map, extents)
    return extents
  }

  /// - Throws: ``RestoreError`` with the place where the chunk begins that is lost.
  func read(
    _ extents: RegionExtents, ofRegionAt regionStart: UInt64, from start: Int,
    into target: inout MutableRawSpan
  ) throws(RestoreError) {
    var number = extents.item(at: start)
    var filled = 0
    while filled < target.byteCount {
      let skipped = start + filled - extents.starts[number]
      let item = extents.items[number]
      let count = min(item.byteCount - skipped, target.byteCount - filled)
      var part = target._mutatingExtracting(filled..<filled + count)
      do {
        switch item {
        case .zeros: part.fillWithZeros()
        case .chunk(let id, _) where count == item.byteCount: try reader.read(id, into: &part)
        case .chunk(let id, let whole):
          try load(id, whole)
          chunk.bytes.extracting(skipped..<skipped + count).copy(into: &part)
        }
      } catch {
        throw RestoreError(offset: regionStart + UInt64(extents.starts[number]), cause: error)
      }
      filled += count
      number += 1
    }
  }

  private func load(_ id: ContentID, _ byteCount: Int) throws {
    if currentChunk == id { return }
    currentChunk = nil
    var target = chunk.mutableBytes(0..<byteCount)
    try reader.read(id, into: &target)
    currentChunk = id
  }
}
