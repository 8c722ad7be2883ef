internal import BlockDevices
internal import Bytes

/// Where the blocks of a VHDX image lie.
///
///     table  := (block* bitmap)*
///     entry  := state:3 reserved:17 offset:44         bits from the lowest; the offset in MiB
///     bitmap := bit for each sector of 2^23           1 MiB; whether it is in this image
///
/// After the entries of so many blocks as a bitmap has bits for stands that of the bitmap, which
/// only images that are made over others have. Source: [MS-VHDX] 2.5, "BAT".
struct VHDXMap: ImageMap {
  private let file: VHDXFile
  private let disk: VHDXMetadata
  private let tables: BlockCache
  private let blockBits: UInt64
  /// Of a number of a block: those that tell it from others whose sectors are in one bitmap.
  private let chunkBits: UInt64

  var byteCount: UInt64 { disk.byteCount }

  private enum State {
    static let notPresent: UInt64 = 0
    /// Undefined, zero and unmapped: what undefined and unmapped ones hold nobody relies on.
    static let zeros: ClosedRange<UInt64> = 1...3
    static let present: UInt64 = 6
    static let partlyPresent: UInt64 = 7
  }

  private static let stateMask: UInt64 = 7
  private static let offsetMask = ~(VHDXHeader.alignment - 1)
  private static let bitmapByteCount: UInt64 = 1 << 20
  private static let entryByteCount: UInt64 = 8

  init(_ file: VHDXFile, _ disk: VHDXMetadata, cacheByteLimit: Int) throws {
    self.file = file
    self.disk = disk
    tables = BlockCache(file.content, blockByteCount: 16 << 10, byteLimit: cacheByteLimit)
    blockBits = UInt64(disk.blockByteCount.trailingZeroBitCount)
    chunkBits =
      UInt64((Self.bitmapByteCount * 8 * disk.sectorByteCount).trailingZeroBitCount)
      - blockBits
    let blocks = (disk.byteCount + disk.blockByteCount - 1) >> blockBits
    guard blocks > 0 else { return }
    let last = disk.parent == nil ? entry(ofBlock: blocks - 1) : bitmapEntry(ofBlock: blocks - 1)
    guard (last + 1) * Self.entryByteCount <= UInt64(file.table.count) else {
      throw file.damage(
        "a table of \(file.table.count) bytes for a disk of \(disk.byteCount) bytes")
    }
  }

  private func entry(ofBlock number: UInt64) -> UInt64 { number + number >> chunkBits }

  private func bitmapEntry(ofBlock number: UInt64) -> UInt64 {
    let chunk = number >> chunkBits
    return (chunk + 1) << chunkBits + chunk
  }

  /// In the file.
  private func place(ofEntry number: UInt64) -> UInt64 {
    file.table.lowerBound + number * Self.entryByteCount
  }

  func run(at offset: UInt64, before end: UInt64) throws -> ImageRun {
    let end = min(end, byteCount)
    let size = UInt64(tables.blockByteCount)
    let first = place(ofEntry: entry(ofBlock: offset >> blockBits))
    let block = try tables.block(first / size)
    let entries = block.span.bytes
    var found = try piece(
      try entries.littleEndian(at: Int(first % size)), at: offset, before: end)
    while offset + found.byteCount < end {
      let next = offset + found.byteCount
      let place = place(ofEntry: entry(ofBlock: next >> blockBits))
      guard place / size == first / size else { break }
      let more = try piece(
        try entries.littleEndian(at: Int(place % size)), at: next, before: end)
      guard found.absorb(more) else { break }
    }
    found.byteCount = min(found.byteCount, byteCount - offset)
    return found
  }

  /// The rest of the block that holds `offset`, or of the part of it that is stored in one way.
  private func piece(_ entry: UInt64, at offset: UInt64, before end: UInt64) throws -> ImageRun {
    let within = offset & (disk.blockByteCount - 1)
    let rest = disk.blockByteCount - within
    switch entry & Self.stateMask {
    case State.notPresent:
      return ImageRun(place: disk.parent == nil ? .zeros : .below, byteCount: rest)
    case State.zeros: return ImageRun(place: .zeros, byteCount: rest)
    case State.present:
      return ImageRun(place: .stored(at: try place(entry, offset) + within), byteCount: rest)
    case State.partlyPresent where disk.parent != nil:
      let part = try part(at: offset, before: min(end, offset + rest))
      let place = try place(entry, offset) + within
      return ImageRun(place: part.isHere ? .stored(at: place) : .below, byteCount: part.byteCount)
    default:
      throw damage("the block of byte \(offset) is in state \(entry & Self.stateMask)")
    }
  }

  private func place(_ entry: UInt64, _ offset: UInt64) throws -> UInt64 {
    let place = entry & Self.offsetMask
    guard place >= VHDXHeader.alignment, place < file.content.byteCount else {
      throw damage(
        "the block of byte \(offset) of the disk lies at \(place), in a file of "
          + "\(file.content.byteCount)")
    }
    return place
  }

  /// The sectors from one on that are all here, or all not; no more than one read of the bitmap
  /// tells.
  private func part(
    at offset: UInt64, before end: UInt64
  ) throws -> (isHere: Bool, byteCount: UInt64) {
    let size = UInt64(tables.blockByteCount)
    let entryPlace = place(ofEntry: bitmapEntry(ofBlock: offset >> blockBits))
    let entries = try tables.block(entryPlace / size)
    let entry: UInt64 = try entries.span.bytes.littleEndian(at: Int(entryPlace % size))
    guard entry & Self.stateMask == State.present else {
      throw damage("no bitmap says which sectors of the block of byte \(offset) there are")
    }
    let bitmap = try place(entry, offset)
    guard file.content.holds(Self.bitmapByteCount, at: bitmap) else {
      throw damage("the bitmap for byte \(offset) lies at \(bitmap), beyond the file's end")
    }
    let chunkByteCount = Self.bitmapByteCount * 8 * disk.sectorByteCount
    let sector = (offset & (chunkByteCount - 1)) / disk.sectorByteCount
    let place = bitmap + sector / 8
    let block = try tables.block(place / size)
    let bits = block.span.bytes.extracting(Int(place % size)...)
    let first = Int(sector % 8)
    let wanted =
      (end + disk.sectorByteCount - 1) / disk.sectorByteCount
      - offset / disk.sectorByteCount
    let (isHere, count) = equalBits(bits, from: first, limit: Int(wanted))
    return (isHere, UInt64(count) * disk.sectorByteCount - offset % disk.sectorByteCount)
  }

  func damage(_ reason: String) -> DiskImageError { file.damage(reason) }
}

/// A bit, and how many up to `limit` follow that are the same, itself counted.
private func equalBits(
  _ bytes: RawSpan, from first: Int, limit: Int
) -> (isOne: Bool, count: Int) {
  let isOne = isSet(bytes, first)
  let end = min(first + limit, bytes.byteCount * 8)
  var bit = first + 1
  while bit < end {
    if bit.isMultiple(of: 8),
      bytes.unsafeLoad(fromByteOffset: bit / 8, as: UInt8.self) == (isOne ? 0xFF : 0)
    {
      bit += 8
    } else if isSet(bytes, bit) == isOne {
      bit += 1
    } else {
      break
    }
  }
  return (isOne, min(bit, end) - first)
}

private func isSet(_ bytes: RawSpan, _ bit: Int) -> Bool {
  bytes.unsafeLoad(fromByteOffset: bit / 8, as: UInt8.self) >> UInt8(bit % 8) & 1 != 0
}
