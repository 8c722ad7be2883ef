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
  private var piece = AlignedBuffer(capacity: RegionMap.maximumChunkByteCount)
  private var start: UInt64 = 0
  private var end: UInt64 = 0
  private var extents = RegionExtents(RegionMap())

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

  /// Turns to another region, which has this map now.
  mutating func enter(_ range: Range<UInt64>, map id: ContentID) throws {
    (start, end) = (range.lowerBound, range.upperBound)
    switch present {
    case .known:
      do {
        extents = RegionExtents(try reader.regionMap(id, byteCount: range.count))
      } catch { throw RestoreError(offset: start, cause: error) }
    case .unread(let image):
      image.willNeed(start..<min(end, start + Self.readAhead))
    }
  }

  /// Whether the disk has exactly this chunk in this place.
  mutating func holds(_ id: ContentID, in range: Range<UInt64>) throws -> Bool {
    switch present {
    case .known:
      let offset = Int(range.lowerBound - start)
      let number = extents.item(at: offset)
      return extents.starts[number] == offset
        && extents.items[number] == .chunk(id, byteCount: range.count)
    case .unread(let image):
      advise(image, before: range)
      var target = piece.mutableBytes(0..<range.count)
      try image.read(at: range.lowerBound, into: &target)
      return named(0..<range.count, of: piece, by: &namer) == id
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

/// A part of `piece` by its name.
private func named(
  _ range: Range<Int>, of piece: borrowing AlignedBuffer, by namer: inout ContentNamer
) -> ContentID {
  namer.name(piece.bytes.extracting(range))
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
