internal import Bytes

/// The compression of files on NTFS (MS-XCA 2.5).
///
///     unit    := chunk* end?              end := 0:u16
///     chunk   := header:u16 byte*         header: 12 bits how many bytes follow, less 1;
///                                         3 bits that are 3; 1 bit whether they are compressed
///     bytes   := (flags:u8 element{1…8})* compressed: a flag for each element, the lowest first
///     element := byte | match:u16         0: a byte, 1: how far back and how many, see ``split``
///
/// Each chunk gives 4,096 bytes of its own, or fewer and then zeros.
package enum LZNT1 {
  private static let chunkByteCount = 4096

  /// Expands the chunks of one compression unit. What the chunks do not reach of `target` is zeros,
  /// as Windows has it; what follows a chunk that fills it is not looked at.
  package static func expand(
    _ unit: RawSpan, into target: inout MutableRawSpan
  ) throws(DecompressionError) {
    let isWhole = target.withUnsafeMutableBytes { to in
      unit.withUnsafeBytes { from in expand(from, into: to) }
    }
    if !isWhole { throw DecompressionError(format: .lznt1, expected: target.byteCount) }
  }

  private static func expand(
    _ unit: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    var taken = 0
    var produced = 0
    while produced < target.count, unit.count - taken >= 2 {
      let header = Int(unit.loadUnaligned(fromByteOffset: taken, as: UInt16.self).littleEndian)
      if header == 0 { break }
      taken += 2
      let count = header & 0xFFF + 1
      guard header >> 12 & 7 == 3, count <= unit.count - taken else { return false }
      let bytes = UnsafeRawBufferPointer(rebasing: unit[taken..<taken + count])
      taken += count
      let room = min(chunkByteCount, target.count - produced)
      let chunk = UnsafeMutableRawBufferPointer(rebasing: target[produced..<produced + room])
      guard let made = header >> 15 == 0 ? copy(bytes, to: chunk) : expandChunk(bytes, into: chunk)
      else { return false }
      fillWithZeros(chunk, from: made)
      produced += room
    }
    fillWithZeros(target, from: produced)
    return true
  }

  private static func copy(
    _ bytes: UnsafeRawBufferPointer, to chunk: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard bytes.count <= chunk.count else { return nil }
    chunk.copyMemory(from: bytes)
    return bytes.count
  }

  /// Returns how many bytes came; nil where they are damaged or too many.
  private static func expandChunk(
    _ bytes: UnsafeRawBufferPointer, into chunk: UnsafeMutableRawBufferPointer
  ) -> Int? {
    var taken = 0
    var produced = 0
    while taken < bytes.count {
      var flags = UInt32(bytes[taken]) | 0x100
      taken += 1
      // The bit above the eight flags says that they are used up.
      while flags > 1, taken < bytes.count {
        if flags & 1 == 0 {
          guard produced < chunk.count else { return nil }
          chunk[produced] = bytes[taken]
          produced += 1
          taken += 1
        } else {
          guard produced > 0, bytes.count - taken >= 2 else { return nil }
          let match = Int(bytes.loadUnaligned(fromByteOffset: taken, as: UInt16.self).littleEndian)
          let split = split(at: produced)
          let (distance, count) = (match >> split + 1, match & (1 << split - 1) + 3)
          guard distance <= produced, count <= chunk.count - produced else { return nil }
          copyMatch(chunk, at: produced, distance: distance, count: count)
          produced += count
          taken += 2
        }
        flags >>= 1
      }
    }
    return produced
  }

  /// How many bits of a match say its length, the others how far back it is: as few bits say that
  /// as reach the start of the chunk from `place`, and at least four.
  private static func split(at place: Int) -> Int {
    let reach = Int.bitWidth - (place - 1).leadingZeroBitCount
    return 16 - max(4, reach)
  }

  private static func fillWithZeros(_ target: UnsafeMutableRawBufferPointer, from start: Int) {
    UnsafeMutableRawBufferPointer(rebasing: target[start...])
      .initializeMemory(as: UInt8.self, repeating: 0)
  }
}
