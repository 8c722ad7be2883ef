internal import BlockDevices
internal import Bytes
internal import Compression

/// Where the clusters of a qcow2 image lie.
///
///     L1 table := entry:u64*            offset of an L2 table, 0 for none
///     L2 table := (entry:u64 bitmap:u64?)*
///
/// An entry of an L2 table is a cluster's; the bitmap, of images with extended entries, says of
/// each 32nd part of it whether it is there and whether it is zeros. Tables are read when they are
/// needed, in pieces of which the recent ones are kept. Source: QEMU, docs/interop/qcow2.txt,
/// "Cluster mapping", "Extended L2 Entries".
struct QCOW2Map: ImageMap {
  private let header: QCOW2Header
  private let file: HostFile
  private let tables: BlockCache
  private let expanded: ExpandedParts

  var byteCount: UInt64 { header.byteCount }

  private static let offsetMask: UInt64 = 0x00FF_FFFF_FFFF_FE00
  private static let copied: UInt64 = 1 << 63
  private static let isCompressed: UInt64 = 1 << 62
  private static let subclusterCount: UInt64 = 32

  init(_ header: QCOW2Header, _ file: HostFile, cacheByteLimit: Int) {
    self.header = header
    self.file = file
    tables = BlockCache(file, blockByteCount: 16 << 10, byteLimit: cacheByteLimit)
    expanded = ExpandedParts(partByteCount: Int(header.clusterByteCount))
  }

  func run(at offset: UInt64, before end: UInt64) throws -> ImageRun {
    let index = offset / header.l1Span
    let table = try l2Offset(index)
    guard let table else { return try run(withoutTableAt: offset, before: end) }
    let limit = min(end, header.byteCount, (index + 1) * header.l1Span)
    return try run(in: table, at: offset, before: max(limit, offset + 1))
  }

  /// Over all tables that are not there one after the other.
  private func run(withoutTableAt offset: UInt64, before end: UInt64) throws -> ImageRun {
    let end = min(end, header.byteCount)
    var position = (offset / header.l1Span + 1) * header.l1Span
    while position < end, try l2Offset(position / header.l1Span) == nil {
      position += header.l1Span
    }
    return ImageRun(place: .below, byteCount: min(position, header.byteCount) - offset)
  }

  private func l2Offset(_ index: UInt64) throws -> UInt64? {
    let entry = try word(at: header.l1Offset + index * 8)
    let offset = entry & Self.offsetMask
    if offset == 0 { return nil }
    guard offset.isMultiple(of: header.clusterByteCount),
      file.holds(header.clusterByteCount, at: offset)
    else {
      throw QCOW2Header.damage(
        file, "entry \(index) of its L1 table leads to \(offset), in a file of \(file.byteCount)")
    }
    return offset
  }

  private func word(at offset: UInt64) throws -> UInt64 {
    let size = UInt64(tables.blockByteCount)
    let block = try tables.block(offset / size)
    return try block.span.bytes.bigEndian(at: Int(offset % size))
  }

  private func run(in table: UInt64, at offset: UInt64, before end: UInt64) throws -> ImageRun {
    let entrySize = header.hasExtendedEntries ? 16 : 8
    let index = Int(offset >> UInt64(header.clusterBits)) & (header.l2Count - 1)
    let place = table + UInt64(index * entrySize)
    let size = UInt64(tables.blockByteCount)
    let block = try tables.block(place / size)
    let entries = block.span.bytes
    var position = Int(place % size)
    let last = min(entries.byteCount, position + (header.l2Count - index) * entrySize)
    var found = try piece(entries, position, at: offset)
    position += entrySize
    while offset + found.byteCount < end {
      let next = offset + found.byteCount
      if !next.isMultiple(of: header.clusterByteCount) {
        // A further part of the same cluster.
        let more = try piece(entries, position - entrySize, at: next)
        guard found.absorb(more) else { break }
      } else {
        guard position < last else { break }
        let more = try piece(entries, position, at: next)
        guard found.absorb(more) else { break }
        position += entrySize
      }
    }
    found.byteCount = min(found.byteCount, header.byteCount - offset)
    return found
  }

  /// The rest of the cluster that holds `offset`, or of the part of it that is stored in one way.
  private func piece(_ entries: RawSpan, _ position: Int, at offset: UInt64) throws -> ImageRun {
    let entry: UInt64 = try entries.bigEndian(at: position)
    let within = offset & (header.clusterByteCount - 1)
    let rest = header.clusterByteCount - within
    if entry & Self.isCompressed != 0 {
      return ImageRun(place: .compressed(try compressed(entry, at: offset)), byteCount: rest)
    }
    let host = entry & Self.offsetMask
    guard host.isMultiple(of: header.clusterByteCount) else {
      throw QCOW2Header.damage(
        file, "byte \(offset) of the disk lies at \(host), where no cluster begins")
    }
    // In a file of their own, clusters may begin at its very start.
    let isThere = host != 0 || header.dataFileName != nil && entry & Self.copied != 0
    if header.hasExtendedEntries {
      let bitmap: UInt64 = try entries.bigEndian(at: position + 8)
      return try part(isThere ? host : nil, bitmap, at: offset)
    }
    if entry & 1 != 0 {
      guard header.version >= 3 else {
        throw QCOW2Header.damage(file, "byte \(offset) of the disk is zeros in a way of version 3")
      }
      return ImageRun(place: .zeros, byteCount: rest)
    }
    return ImageRun(place: isThere ? .stored(at: host + within) : .below, byteCount: rest)
  }

  private func part(_ host: UInt64?, _ bitmap: UInt64, at offset: UInt64) throws -> ImageRun {
    let size = header.clusterByteCount / Self.subclusterCount
    let within = offset & (header.clusterByteCount - 1)
    let (stored, zeros) = (bitmap & 0xFFFF_FFFF, bitmap >> 32)
    guard stored & zeros == 0, host != nil || stored == 0 else {
      throw QCOW2Header.damage(file, "byte \(offset) of the disk has a bitmap of 0x\(hex(bitmap))")
    }
    let number = within / size
    let rest = (number + 1) * size - within
    if zeros >> number & 1 != 0 { return ImageRun(place: .zeros, byteCount: rest) }
    guard let host, stored >> number & 1 != 0 else {
      return ImageRun(place: .below, byteCount: rest)
    }
    return ImageRun(place: .stored(at: host + within), byteCount: rest)
  }

  private func compressed(_ entry: UInt64, at offset: UInt64) throws -> ImageRun.Compressed {
    let offsetBits = UInt64(62 - (header.clusterBits - 8))
    let start = entry & ((1 << offsetBits) - 1)
    let sectors = (entry & (Self.isCompressed - 1)) >> offsetBits
    guard header.dataFileName == nil, start < file.byteCount else {
      throw QCOW2Header.damage(
        file, "byte \(offset) of the disk lies compressed at \(start), beyond the file's end")
    }
    let end = min((start / 512 + sectors + 1) * 512, file.byteCount)
    return ImageRun.Compressed(offset: start, byteCount: Int(end - start))
  }

  func expand(
    _ place: ImageRun.Compressed, at offset: UInt64, into part: inout MutableRawSpan
  ) throws {
    try expanded.read(place, at: offset, into: &part) { target in
      let payload = try file.bytes(at: place.offset, count: place.byteCount)
      if !expand(payload.span.bytes, into: &target) {
        throw damage("what is compressed at \(place.offset) does not expand to a cluster")
      }
    }
  }

  private func expand(_ payload: RawSpan, into target: inout MutableRawSpan) -> Bool {
    switch header.compression {
    case .deflate: return expandRawDeflate(payload, into: &target)
    case .zstd:
      var decompressor = Decompressor()
      return decompressor.expand(payload, codec: .zstd, into: &target) == target.byteCount
    }
  }

  func damage(_ reason: String) -> DiskImageError { QCOW2Header.damage(file, reason) }
}

private func hex(_ value: UInt64) -> String { String(value, radix: 16) }
