package import BlockDevices
internal import Bytes
internal import Hashing
internal import Maps
internal import Synchronization
package import Tiers
package import Vaults

/// A disk of a recovery point, read at any place without restoring it; every chunk checked.
///
/// Safe for several threads. A read of a part of a chunk decodes the whole and keeps it for a
/// while; reads of small parts in order have the next chunks decoded ahead.
package final class PointDisk: BlockDevice {
  package let byteCount: UInt64
  private let contents: PointContents
  /// The regions that hold data, in order, and their maps.
  private let regions: [(index: UInt64, map: ContentID)]
  /// Where the chunk begins and ends that was read in part last, and how many before it lay side by
  /// side.
  private let sequence = Mutex((chunk: UInt64(0)..<0, length: 0))

  /// Reads the maps above the regions'.
  ///
  /// - Parameter contents: shared by the disks of one point.
  /// - Throws: ``ReadError``, ``VaultError``.
  package init(_ disk: RecoveryPoint.Disk, in contents: PointContents) throws {
    guard let tree = disk.tree else {
      throw VaultError.damaged("disk \(disk.name)", reason: "its root is no digest")
    }
    byteCount = disk.size
    self.contents = contents
    regions = try contents.regions(of: tree)
  }

  /// A disk by itself.
  package convenience init(_ disk: RecoveryPoint.Disk, from open: OpenTier) throws {
    try self.init(disk, in: PointContents(open))
  }

  /// - Throws: ``RestoreError``.
  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    let end = offset + UInt64(target.byteCount)
    precondition(end <= byteCount, "a range of the disk")
    var position = offset
    while position < end {
      let region = Region.range(position / Region.byteCount, diskByteCount: byteCount)
      let partEnd = min(end, region.upperBound)
      var part = target._mutatingExtracting(
        Int(position - offset)..<Int(partEnd - offset))
      try read(region, from: Int(position - region.lowerBound), into: &part)
      position = partEnd
    }
  }

  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    var number = firstRegion(atOrAfter: offset / Region.byteCount)
    while number < regions.count {
      let region = Region.range(regions[number].index, diskByteCount: byteCount)
      let start = offset > region.lowerBound ? Int(offset - region.lowerBound) : 0
      let extents = try extents(of: number)
      if let run = extents.dataRun(from: start) {
        return region.lowerBound + UInt64(run.lowerBound)..<region.lowerBound
          + UInt64(run.upperBound)
      }
      number += 1
    }
    return nil
  }

  /// Chunks are named by their digests, and whole regions by their maps'.
  package func contentRun(
    at offset: UInt64, _ scale: ContentRun.Scale
  ) throws -> ContentRun? {
    let index = offset / Region.byteCount
    let region = Region.range(index, diskByteCount: byteCount)
    let number = firstRegion(atOrAfter: index)
    guard number < regions.count, regions[number].index == index else {
      return ContentRun(.zeros, byteCount: region.upperBound - offset)
    }
    let start = offset - region.lowerBound
    if scale == .large {
      return ContentRun(
        regions[number].map.name(from: start), byteCount: region.upperBound - offset)
    }
    let extents = try extents(of: number)
    let item = extents.item(at: Int(start))
    let left = UInt64(extents.starts[item + 1]) - start
    switch extents.items[item] {
    case .zeros: return ContentRun(.zeros, byteCount: left)
    case .chunk(let id, _):
      return ContentRun(id.name(from: start - UInt64(extents.starts[item])), byteCount: left)
    }
  }

  /// Nothing: who reads much reads it with several threads, which keep all cores busy by
  /// themselves.
  package func willNeed(_ range: Range<UInt64>) {}

  // MARK: one region

  /// - Parameter start: where in the region.
  private func read(
    _ region: Range<UInt64>, from start: Int, into target: inout MutableRawSpan
  ) throws {
    let number = firstRegion(atOrAfter: region.lowerBound / Region.byteCount)
    guard number < regions.count, regions[number].index == region.lowerBound / Region.byteCount
    else { return target.fillWithZeros() }
    let extents = try extents(of: number)
    var item = extents.item(at: start)
    var filled = 0
    while filled < target.byteCount {
      let skipped = start + filled - extents.starts[item]
      let count = min(extents.items[item].byteCount - skipped, target.byteCount - filled)
      var part = target._mutatingExtracting(filled..<filled + count)
      do {
        try read(item, of: extents, at: region.lowerBound, skipping: skipped, into: &part)
      } catch {
        throw RestoreError(
          offset: region.lowerBound + UInt64(extents.starts[item]), cause: error)
      }
      filled += count
      item += 1
    }
  }

  private func read(
    _ number: Int, of extents: RegionExtents, at regionStart: UInt64, skipping skipped: Int,
    into target: inout MutableRawSpan
  ) throws {
    guard case .chunk(let id, let byteCount) = extents.items[number] else {
      return target.fillWithZeros()
    }
    if target.byteCount == byteCount { return try contents.read(id, into: &target) }
    readAheadIfInOrder(number, of: extents, at: regionStart)
    let bytes = try contents.chunk(PointContents.Wanted(id: id, byteCount: byteCount))
    bytes.span.bytes.extracting(skipped..<skipped + target.byteCount).copy(into: &target)
  }

  /// Decodes what follows a chunk, where the ones before it were read one after the other.
  private func readAheadIfInOrder(_ number: Int, of extents: RegionExtents, at regionStart: UInt64)
  {
    let start = regionStart + UInt64(extents.starts[number])
    let end = regionStart + UInt64(extents.starts[number + 1])
    let isInOrder = sequence.withLock { last in
      if last.chunk.lowerBound == start { return false }
      last = (start..<end, last.chunk.upperBound == start ? last.length + 1 : 0)
      return last.length >= Self.sequenceLength
    }
    guard isInOrder else { return }
    let next = extents.items.dropFirst(number + 1).prefix(Self.chunksAhead)
    contents.readAhead(
      next.compactMap { item in
        guard case .chunk(let id, let byteCount) = item else { return nil }
        return PointContents.Wanted(id: id, byteCount: byteCount)
      })
  }

  /// Chunks side by side that make a sequence.
  private static let sequenceLength = 2
  private static let chunksAhead = 4

  private func extents(of number: Int) throws -> RegionExtents {
    let (index, map) = regions[number]
    let region = Region.range(index, diskByteCount: byteCount)
    do { return try contents.extents(of: map, byteCount: region.count) } catch {
      throw RestoreError(offset: region.lowerBound, cause: error)
    }
  }

  private func firstRegion(atOrAfter index: UInt64) -> Int {
    regions.firstIndex(fromWhereOn: { $0.index >= index })
  }
}

extension ContentID {
  /// The name of what it holds from `offset` on.
  fileprivate func name(from offset: UInt64) -> ContentRun.Name {
    let words = digest.words
    return .digest(words.0, words.1, words.2, words.3, offset: offset)
  }
}
