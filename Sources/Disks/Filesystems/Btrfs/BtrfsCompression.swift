internal import Bytes
internal import Compression

/// Decoding of compressed extents.
extension BtrfsExtent {
  /// What the stored bytes decode to; what they do not fill is zeros, as at the end of a file.
  ///
  /// - Parameter sector: of the file system, in bytes, the unit of LZO.
  /// - Throws: ``FileSystemError`` where they do not decode.
  func decoded(_ stored: RawSpan, sector: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(decodedByteCount))
    let count: Int?
    do {
      var span = bytes.mutableSpan
      var target = span.mutableBytes
      switch compression {
      case .none:
        count = min(stored.byteCount, target.byteCount)
        stored.extracting(0..<count!).copy(into: &target)
      case .zlib:
        var decompressor = Decompressor()
        count = decompressor.expand(stored, codec: .zlib, into: &target)
      case .zstd:
        var decompressor = Decompressor()
        count = decompressor.expand(stored, codec: .zstd, into: &target)
      case .lzo: count = try? expandSegments(stored, sector: sector, into: &target)
      }
    }
    guard let count else {
      throw damagedBtrfs(
        "the extent at \(start)",
        "its \(compression) stream does not decode to "
          + "\(decodedByteCount) bytes")
    }
    // Who fails half-way may have left something behind what counts.
    for place in count..<bytes.count { bytes[place] = 0 }
    return bytes
  }
}

/// Expands LZO as btrfs keeps it (fs/btrfs/lzo.c): a segment for each sector of the file.
///
///     stream  := byteCount:u32 segment*          with all of itself
///     segment := byteCount:u32 data              its count does not go over the end of a sector
private func expandSegments(
  _ stored: RawSpan, sector: Int, into target: inout MutableRawSpan
) throws -> Int? {
  let end = Int(try stored.littleEndian(at: 0, as: UInt32.self))
  guard end <= stored.byteCount else { return nil }
  var place = 4
  var produced = 0
  while place < end, produced < target.byteCount {
    let left = sector - place % sector
    if left < 4 { place += left }
    guard place < end else { break }
    let count = Int(try stored.littleEndian(at: place, as: UInt32.self))
    place += 4
    guard count <= end - place else { return nil }
    var part = target._mutatingExtracting(
      produced..<min(produced + sector, target.byteCount))
    let room = part.byteCount
    guard let made = expandLZO1X(stored.extracting(place..<place + count), into: &part) else {
      return nil
    }
    produced += made
    place += count
    // Only the last one may be shorter.
    guard made == room || place >= end else { return nil }
  }
  return produced
}
