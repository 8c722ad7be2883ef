internal import BlockDevices
internal import Bytes
internal import Compression

/// A sparse extent of a VMDK image: a header, and grains in tables of tables.
///
///     header    := "KDMV" version:u32 flags:u32 capacity:u64 grainSize:u64 descriptorOffset:u64
///                  descriptorSize:u64 entriesPerTable:u32 redundantOffset:u64 directoryOffset:u64
///                  overhead:u64 unclean:u8 newLines:4 compression:u16
///     directory := table:u32*           where a table begins, 0 for none
///     table     := grain:u32*           where a grain begins, 0 for none, 1 for zeros
///     grain     := data | sector:u64 byteCount:u32 data       the latter where it is compressed
///
/// Integers are little-endian, all places and sizes in sectors. A stream has the true header before
/// its last sector. Source: VMware, Virtual Disk Format 5.0, "Hosted Sparse Extents".
struct VMDKExtent: ImageMap {
  private let file: HostFile
  private let tables: BlockCache
  private let expanded: ExpandedParts
  let byteCount: UInt64
  private let grainByteCount: UInt64
  private let entriesPerTable: UInt64
  private let directoryOffset: UInt64
  private let isCompressed: Bool
  private let hasZeroGrains: Bool
  /// Where its text lies in the file; nil for an extent that has none.
  let descriptor: Range<UInt64>?

  private static let sector: UInt64 = 512
  private static let headerByteCount = 512

  init(_ file: HostFile) throws {
    do {
      var header = try file.bytes(at: 0, count: Self.headerByteCount)
      let inFooter: UInt64 = try header.span.bytes.littleEndian(at: 56)
      let text = try Self.descriptor(header.span.bytes)
      if inFooter == .max, file.byteCount >= 1024 {
        header = try file.bytes(at: file.byteCount - 1024, count: Self.headerByteCount)
      }
      try self.init(header.span.bytes, text, file)
    } catch is TruncatedInput {
      throw Self.damage(file, "it ends within its header")
    } catch is OutsideDevice {
      throw Self.damage(file, "it ends within its header")
    }
  }

  private init(_ header: RawSpan, _ descriptor: Range<UInt64>?, _ file: HostFile) throws {
    guard header.starts(with: "KDMV") else {
      throw Self.damage(file, "it has no header at its end, as where it was not written whole")
    }
    let version: UInt32 = try header.littleEndian(at: 4)
    guard (1...3).contains(version) else {
      throw DiskImageError.unsupported(file.path, .vmdk, reason: "it is of version \(version)")
    }
    let flags: UInt32 = try header.littleEndian(at: 8)
    let capacity: UInt64 = try header.littleEndian(at: 12)
    let grain: UInt64 = try header.littleEndian(at: 20)
    entriesPerTable = UInt64(try header.littleEndian(at: 44, as: UInt32.self))
    let directory: UInt64 = try header.littleEndian(at: 56)
    isCompressed = flags & 1 << 16 != 0
    hasZeroGrains = flags & 1 << 2 != 0
    guard capacity <= UInt64(Int64.max) / Self.sector, grain.nonzeroBitCount == 1,
      grain <= 4096, (1...4096).contains(entriesPerTable), directory <= UInt64(Int64.max) / 512
    else {
      throw Self.damage(
        file, "\(capacity) sectors in grains of \(grain), \(entriesPerTable) to a table")
    }
    if isCompressed {
      let method: UInt16 = try header.littleEndian(at: 77)
      guard method == 1, flags & 1 << 17 != 0 else {
        throw DiskImageError.unsupported(
          file.path, .vmdk, reason: "its grains are compressed in way \(method)")
      }
    }
    self.file = file
    self.descriptor = descriptor
    byteCount = capacity * Self.sector
    grainByteCount = grain * Self.sector
    directoryOffset = directory * Self.sector
    tables = BlockCache(file, blockByteCount: 16 << 10, byteLimit: 4 << 20)
    expanded = ExpandedParts(partByteCount: Int(grain * Self.sector))
    let span = grainByteCount * entriesPerTable
    let count = byteCount == 0 ? 0 : (byteCount - 1) / span + 1
    guard file.holds(count * 4, at: directoryOffset) else {
      throw Self.damage(file, "its directory of \(count) tables lies at \(directoryOffset)")
    }
  }

  private static func descriptor(_ header: RawSpan) throws -> Range<UInt64>? {
    let (offset, count): (UInt64, UInt64) = (
      try header.littleEndian(at: 28), try header.littleEndian(at: 36)
    )
    guard offset > 0, offset < 1 << 40, (1...2048).contains(count) else { return nil }
    return offset * sector..<(offset + count) * sector
  }

  func run(at offset: UInt64, before end: UInt64) throws -> ImageRun {
    let span = grainByteCount * entriesPerTable
    let table = try tableOffset(offset / span)
    let end = min(end, byteCount)
    guard let table else {
      var position = (offset / span + 1) * span
      while position < end, try tableOffset(position / span) == nil { position += span }
      return ImageRun(place: .zeros, byteCount: min(position, byteCount) - offset)
    }
    let limit = min(end, (offset / span + 1) * span)
    let within = offset % grainByteCount
    let first = try grain(table, offset)
    var found = ImageRun(place: first.advanced(by: within), byteCount: grainByteCount - within)
    while offset + found.byteCount < limit {
      let next = ImageRun(
        place: try grain(table, offset + found.byteCount), byteCount: grainByteCount)
      guard found.absorb(next) else { break }
    }
    found.byteCount = min(found.byteCount, byteCount - offset)
    return found
  }

  private func tableOffset(_ index: UInt64) throws -> UInt64? {
    let entry = try word(at: directoryOffset + index * 4)
    if entry == 0 { return nil }
    let offset = UInt64(entry) * Self.sector
    guard file.holds(entriesPerTable * 4, at: offset) else {
      throw damage("table \(index) lies at \(offset), beyond the file's end")
    }
    return offset
  }

  private func grain(_ table: UInt64, _ offset: UInt64) throws -> ImageRun.Place {
    let entry = try word(at: table + offset / grainByteCount % entriesPerTable * 4)
    if entry == 0 || entry == 1 && hasZeroGrains { return .zeros }
    let place = UInt64(entry) * Self.sector
    guard isCompressed else { return .stored(at: place) }
    // How long it is, its own header says.
    let count = min(grainByteCount, max(place, file.byteCount) - place)
    return .compressed(ImageRun.Compressed(offset: place, byteCount: Int(count)))
  }

  private func word(at offset: UInt64) throws -> UInt32 {
    let size = UInt64(tables.blockByteCount)
    let block = try tables.block(offset / size)
    return try block.span.bytes.littleEndian(at: Int(offset % size))
  }

  func expand(
    _ place: ImageRun.Compressed, at offset: UInt64, into part: inout MutableRawSpan
  ) throws {
    let start = offset / grainByteCount * grainByteCount
    try expanded.read(place, at: offset, into: &part) { target in
      guard file.holds(12, at: place.offset) else {
        throw damage("byte \(offset) of the disk lies at \(place.offset), beyond the file's end")
      }
      let marker = try file.bytes(at: place.offset, count: 12)
      let sector: UInt64 = try marker.span.bytes.littleEndian(at: 0)
      let count = UInt64(try marker.span.bytes.littleEndian(at: 8, as: UInt32.self))
      guard sector == start / Self.sector, count <= grainByteCount * 2,
        file.holds(count, at: place.offset + 12)
      else { throw damage("at \(place.offset) the grain of byte \(offset) does not begin") }
      let payload = try file.bytes(at: place.offset + 12, count: Int(count))
      var decompressor = Decompressor()
      let made = decompressor.expand(payload.span.bytes, codec: .zlib, into: &target)
      // The last one may hold no more than the disk's end.
      guard let made, made == target.byteCount || start + UInt64(made) >= byteCount else {
        throw damage("the grain of byte \(offset) expands to something else than a grain")
      }
      var rest = target._mutatingExtracting(made..<target.byteCount)
      rest.fillWithZeros()
    }
  }

  func damage(_ reason: String) -> DiskImageError { Self.damage(file, reason) }

  static func damage(_ file: HostFile, _ reason: String) -> DiskImageError {
    .damaged(file.path, .vmdk, reason: reason)
  }
}
