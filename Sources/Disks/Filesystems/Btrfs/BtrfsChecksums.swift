internal import Bytes

/// The checksums of data: one for each sector, in items of the checksum tree whose key's offset is
/// the address of the first sector (btrfs documentation, "On-disk format", EXTENT_CSUM).
extension BtrfsVolume {
  /// The checksums of `count` sectors from an address on, behind one another.
  ///
  /// - Parameter extent: where the extent begins that they belong to.
  /// - Throws: ``FileSystemError`` where one is missing.
  func checksums(at logical: UInt64, count: Int, inExtent extent: UInt64) throws -> [UInt8] {
    var found: [UInt8] = []
    let size = superblock.checksum.byteCount
    found.reserveCapacity(count * size)
    let sector = UInt64(superblock.sectorByteCount)
    let logs = replayed.checksums[extent] ?? []
    while found.count < count * size {
      let place = logical + UInt64(found.count / size) * sector
      let left = count - found.count / size
      var part: [UInt8]?
      // The log that was replayed last knows best.
      for log in logs.reversed() where log.range.contains(place) {
        part = try checksums(at: place, limit: left, in: log.tree)
        if part != nil { break }
      }
      // What a log says of the sectors behind the first one has to be looked for again.
      let limit = logs.isEmpty ? left : 1
      guard let part = try part ?? checksums(at: place, limit: limit, in: checksumTree()) else {
        throw damagedBtrfs("the data", block: place, "it should have a checksum, and has none")
      }
      found += part
    }
    return found
  }

  private func checksumTree() throws -> BtrfsTree { try tree(BtrfsObject.checksumTree) }

  /// Up to `limit` checksums that stand in one item; nil where the first is not there.
  private func checksums(
    at logical: UInt64, limit: Int, in tree: BtrfsTree
  ) throws -> [UInt8]? {
    let lower = BtrfsKey(BtrfsObject.checksums, .checksums, 0)
    let upper = BtrfsKey(BtrfsObject.checksums, .checksums, logical)
    guard let item = try lastItem(from: lower, through: upper, in: tree) else { return nil }
    let sector = UInt64(superblock.sectorByteCount)
    let size = superblock.checksum.byteCount
    let index = (logical - item.key.offset) / sector
    let count = UInt64(item.data.count / size)
    guard index < count else { return nil }
    let end = min(index + UInt64(limit), count)
    return Array(item.data[Int(index) * size..<Int(end) * size])
  }

  /// Whole sectors of data from any copy that fits their checksums.
  ///
  /// - Parameters:
  ///   - count: bytes, whole sectors of them; the caller bounds it.
  ///   - extent: where the extent begins that they belong to; nil where its data has no checksums.
  func data(at logical: UInt64, count: Int, inExtent extent: UInt64?) throws -> [UInt8] {
    let sector = superblock.sectorByteCount
    guard let extent else {
      return try storage.bytes(at: logical, count: count, of: "the data") { _ in nil }
    }
    let sums = try checksums(at: logical, count: count / sector, inExtent: extent)
    let size = superblock.checksum.byteCount
    func isRight(_ bytes: RawSpan, _ index: Int) -> Bool {
      superblock.checksum.matches(
        bytes, sums.span.bytes.extracting(index * size..<(index + 1) * size))
    }
    var bytes = [UInt8](repeating: 0, count: count)
    var bad = Array(0..<count / sector)
    do {
      var span = bytes.mutableSpan
      var target = span.mutableBytes
      try storage.read(at: logical, copy: 0, into: &target)
      let read = bytes.span.bytes
      bad = bad.filter { !isRight(read.extracting($0 * sector..<($0 + 1) * sector), $0) }
    } catch {
      // Each sector is looked for alone, and what is wrong is told then.
    }
    for index in bad {
      let place = logical + UInt64(index * sector)
      let found = try storage.bytes(at: place, count: sector, of: "the data") {
        isRight($0, index) ? nil : "the checksum does not match"
      }
      bytes.replaceSubrange(index * sector..<(index + 1) * sector, with: found)
    }
    return bytes
  }
}
