internal import Bytes

/// A block of a directory with entries in it (XFS Algorithms & Data Structures, "Block
/// Directories"). Big-endian:
///
///     block := magic:u32, [checksum:u32, place:u64, lsn:u64, uuid:16, owner:u64], free:12, [0:u32]
///              (entry | unused)* [index]
///     entry  := inode:u64, nameLength:u8, name, [kind:u8], padding, start:u16     multiple of 8
///     unused := 0xFFFF:u16, length:u16, …, start:u16
///     index  := (hash:u32, address:u32)* count:u32, stale:u32     where the block is the only one
struct XFSDirectoryBlock {
  private static let onlyBlock4: UInt32 = 0x5844_3242
  private static let data4: UInt32 = 0x5844_3244
  private static let onlyBlock5: UInt32 = 0x5844_4233
  private static let data5: UInt32 = 0x5844_4433

  /// Where the first entry begins.
  let start: Int
  private let hasKinds: Bool

  init(_ features: XFSFeatures) {
    start = features.hasChecksums ? 64 : 16
    hasKinds = features.hasFileTypes
  }

  static func isOne(_ block: RawSpan, _ features: XFSFeatures) throws -> Bool {
    let magic: UInt32 = try block.bigEndian(at: 0)
    return features.hasChecksums
      ? magic == onlyBlock5 || magic == data5 : magic == onlyBlock4 || magic == data4
  }

  /// Where the entries end; nil where there is no room for what says so.
  func end(of block: RawSpan) throws -> Int? {
    let magic: UInt32 = try block.bigEndian(at: 0)
    guard magic == Self.onlyBlock4 || magic == Self.onlyBlock5 else { return block.byteCount }
    let count = Int(try block.bigEndian(at: block.byteCount - 8, as: UInt32.self))
    guard count <= (block.byteCount - start - 8) / 8 else { return nil }
    return block.byteCount - 8 - 8 * count
  }

  /// The length of the unused space that begins at `position`; nil where there is none.
  func freeByteCount(at position: Int, in block: RawSpan, end: Int) throws -> Int? {
    guard position + 8 <= end, try block.bigEndian(at: position) == 0xFFFF as UInt16 else {
      return nil
    }
    let length = Int(try block.bigEndian(at: position + 2, as: UInt16.self))
    return try isWhole(at: position, length, in: block, end: end) ? length : nil
  }

  /// The length of the entry that begins at `position`; nil where it is none.
  func entryByteCount(at position: Int, in block: RawSpan, end: Int) throws -> Int? {
    guard position + 16 <= end else { return nil }
    let nameLength = Int(try block.bigEndian(at: position + 8, as: UInt8.self))
    let length = (8 + 1 + nameLength + (hasKinds ? 1 : 0) + 2 + 7) / 8 * 8
    guard nameLength > 0 else { return nil }
    return try isWhole(at: position, length, in: block, end: end) ? length : nil
  }

  /// - Parameter position: where ``entryByteCount(at:in:end:)`` says that there is one.
  @_lifetime(copy block)
  func entry(at position: Int, in block: RawSpan) throws -> XFSRawEntry {
    let nameLength = Int(try block.bigEndian(at: position + 8, as: UInt8.self))
    return XFSRawEntry(
      name: try block.field(at: position + 9, count: nameLength),
      inode: try block.bigEndian(at: position),
      kind: hasKinds ? try block.bigEndian(at: position + 9 + nameLength) : 0)
  }

  /// Whether something of that length ends in the block, and says at its end where it begins.
  private func isWhole(
    at position: Int, _ length: Int, in block: RawSpan, end: Int
  ) throws -> Bool {
    guard length >= 8, length % 8 == 0, length <= end - position else { return false }
    return try Int(block.bigEndian(at: position + length - 2, as: UInt16.self)) == position
  }
}
