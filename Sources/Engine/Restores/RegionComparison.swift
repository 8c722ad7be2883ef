internal import Bytes
internal import DiskImages
internal import Encryption
internal import Hashing
internal import Maps
internal import Tiers

/// What a disk holds before a restore that writes only what differs.
enum PresentDisk: Sendable {
  /// The tree of a point that was just taken of it, in this tier.
  case known(DiskTree, OpenTier)
  /// It has to be read, and what is in it named.
  case unread(DiskImage)
}

/// Tells which parts of a region a disk holds already; one for each thread.
struct RegionComparison: ~Copyable {
  private let present: PresentDisk
  private var reader: TierReader
  private var namer: ContentNamer
  private var piece = AlignedBuffer(
    capacity: ContentNamer.batchByteCount + RegionMap.maximumChunkByteCount)
  private var start: UInt64 = 0
  private var end: UInt64 = 0
  /// The region as it is, where that is known.
  private var extents = RegionExtents(RegionMap())
  /// Where in the region chunks begin that the disk has, where it was read for that.
  private var heldStarts: Set<Int> = []

  /// How far the system reads ahead, and in what pieces zeros are looked for.
  private static let readAhead: UInt64 = 8 << 20
  private static let zeroTestByteCount: UInt64 = 64 << 10

  /// - Parameter open: the tier of the point that is restored.
  init(_ present: PresentDisk, _ open: OpenTier) {
    self.present = present
    if case .known(_, let tier) = present {
      reader = TierReader(tier)
    } else {
      reader = TierReader(open)
    }
    namer = ContentNamer(open.tier.protection)
  }

  /// Turns to another region.
  ///
  /// - Parameters:
  ///   - wanted: what it is to be.
  ///   - id: the map of what it is, where that is known.
  mutating func enter(_ range: Range<UInt64>, wanted: RegionMap, map id: ContentID) throws {
    (start, end) = (range.lowerBound, range.upperBound)
    switch present {
    case .known:
      do {
        extents = RegionExtents(try reader.regionMap(id, byteCount: range.count))
      } catch { throw RestoreError(offset: start, cause: error) }
    case .unread(let image):
      image.willNeed(start..<min(end, start + Self.readAhead))
      try findHeld(wanted, in: image)
    }
  }

  /// Whether the disk has exactly this chunk in this place.
  func holds(_ id: ContentID, in range: Range<UInt64>) -> Bool {
    let offset = Int(range.lowerBound - start)
    switch present {
    case .known:
      let number = extents.item(at: offset)
      return extents.starts[number] == offset
        && extents.items[number] == .chunk(id, byteCount: range.count)
    case .unread: return heldStarts.contains(offset)
    }
  }

  /// Reads what the disk has in place of the chunks that are wanted, and compares their names.
  private mutating func findHeld(_ wanted: RegionMap, in image: DiskImage) throws {
    heldStarts.removeAll(keepingCapacity: true)
    var places: [(start: Int, id: ContentID, bytes: Range<Int>)] = []
    var filled = 0
    var position = 0
    for item in wanted.items {
      if case .chunk(let id, let count) = item {
        let range = start + UInt64(position)..<start + UInt64(position + count)
        advise(image, before: range)
        var target = piece.mutableBytes(filled..<filled + count)
        try image.read(at: range.lowerBound, into: &target)
        places.append((position, id, filled..<filled + count))
        filled += count
      }
      position += item.byteCount
      guard filled >= ContentNamer.batchByteCount || position == Int(end - start) else { continue }
      let names = names(of: places.map(\.bytes), in: piece, by: &namer)
      for (place, name) in zip(places, names) where name == place.id {
        heldStarts.insert(place.start)
      }
      places.removeAll(keepingCapacity: true)
      filled = 0
    }
  }

  /// The parts of a range that may hold something else than zeros, in order.
  mutating func data(in range: Range<UInt64>) throws -> [Range<UInt64>] {
    switch present {
    case .known:
      var found: [Range<UInt64>] = []
      var position = Int(range.lowerBound - start)
      let limit = Int(range.upperBound - start)
      while position < limit, let run = extents.dataRun(from: position), run.lowerBound < limit {
        found.append(start + UInt64(run.lowerBound)..<start + UInt64(min(run.upperBound, limit)))
        position = run.upperBound
      }
      return found
    case .unread(let image): return try data(of: image, in: range)
    }
  }

  private mutating func data(
    of image: DiskImage, in range: Range<UInt64>
  ) throws -> [Range<UInt64>] {
    var found: [Range<UInt64>] = []
    var position = range.lowerBound
    while position < range.upperBound, let extent = try image.nextData(from: position),
      extent.lowerBound < range.upperBound
    {
      position = max(position, extent.lowerBound)
      let stop = min(extent.upperBound, range.upperBound)
      while position < stop {
        let next = min(stop, position + Self.zeroTestByteCount)
        advise(image, before: position..<next)
        let count = Int(next - position)
        var target = piece.mutableBytes(0..<count)
        try image.read(at: position, into: &target)
        if !piece.bytes.extracting(0..<count).isZero { found.append(position..<next) }
        position = next
      }
    }
    return found
  }

  /// Has the system read on, once for every few MiB.
  private func advise(_ image: DiskImage, before range: Range<UInt64>) {
    let (before, now) = (range.lowerBound / Self.readAhead, range.upperBound / Self.readAhead)
    if now > before, range.upperBound < end {
      image.willNeed(range.upperBound..<min(end, range.upperBound + Self.readAhead))
    }
  }
}

private func names(
  of parts: [Range<Int>], in piece: borrowing AlignedBuffer, by namer: inout ContentNamer
) -> [ContentID] {
  namer.names(of: parts, in: piece.bytes)
}

extension TierReader {
  /// A region's map; a region of zeros has one without a name.
  mutating func regionMap(_ id: ContentID, byteCount: Int) throws -> RegionMap {
    if id == .zeros {
      var zeros = RegionMap()
      zeros.append(.zeros(byteCount: byteCount))
      return zeros
    }
    let bytes = try map(id)
    return try RegionMap(decoding: bytes.span.bytes, byteCount: byteCount)
  }
}
