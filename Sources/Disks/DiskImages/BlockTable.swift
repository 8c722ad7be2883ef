internal import BlockDevices
internal import Bytes

/// The map of an image that has one table of 32-bit numbers, one for each block of the disk.
struct BlockTable: ImageMap {
  /// What a format makes of its table.
  struct Layout {
    let format: DiskImage.Format
    /// Of the disk.
    let byteCount: UInt64
    let blockByteCount: UInt64
    let tableOffset: UInt64
    let entryCount: UInt64
    let isBigEndian: Bool
    /// A block lies at `base` and so many times the entry.
    let base: UInt64
    let scale: UInt64
    /// From here on entries say that a block is zeros.
    let firstUnused: UInt32
  }

  private let layout: Layout
  private let file: HostFile
  private let table: BlockCache

  var byteCount: UInt64 { layout.byteCount }

  /// - Throws: ``DiskImageError`` where the table is not there or too short.
  init(_ layout: Layout, in file: HostFile) throws {
    self.layout = layout
    self.file = file
    table = BlockCache(file, blockByteCount: 16 << 10, byteLimit: 4 << 20)
    guard layout.byteCount <= UInt64(Int64.max), layout.blockByteCount.nonzeroBitCount == 1,
      (512...256 << 20).contains(layout.blockByteCount)
    else {
      throw damage("a disk of \(layout.byteCount) bytes in blocks of \(layout.blockByteCount)")
    }
    let needed = (layout.byteCount + layout.blockByteCount - 1) / layout.blockByteCount
    guard layout.entryCount >= needed, layout.tableOffset.isMultiple(of: 4),
      file.holds(needed * 4, at: layout.tableOffset)
    else {
      throw damage(
        "a table of \(layout.entryCount) entries at \(layout.tableOffset) for a disk of "
          + "\(layout.byteCount) bytes")
    }
  }

  func run(at offset: UInt64, before end: UInt64) throws -> ImageRun {
    let size = UInt64(table.blockByteCount)
    let place = layout.tableOffset + offset / layout.blockByteCount * 4
    let block = try table.block(place / size)
    var position = Int(place % size)
    let within = offset & (layout.blockByteCount - 1)
    var found = ImageRun(
      place: try self.place(block.span.bytes, position).advanced(by: within),
      byteCount: layout.blockByteCount - within)
    let end = min(end, layout.byteCount)
    while offset + found.byteCount < end, position + 8 <= block.count {
      position += 4
      let next = ImageRun(
        place: try self.place(block.span.bytes, position), byteCount: layout.blockByteCount)
      guard found.absorb(next) else { break }
    }
    found.byteCount = min(found.byteCount, layout.byteCount - offset)
    return found
  }

  private func place(_ entries: RawSpan, _ position: Int) throws -> ImageRun.Place {
    let entry: UInt32 =
      layout.isBigEndian
      ? try entries.bigEndian(at: position) : try entries.littleEndian(at: position)
    if entry >= layout.firstUnused { return .zeros }
    return .stored(at: layout.base + UInt64(entry) * layout.scale)
  }

  func damage(_ reason: String) -> DiskImageError {
    .damaged(file.path, layout.format, reason: reason)
  }
}
