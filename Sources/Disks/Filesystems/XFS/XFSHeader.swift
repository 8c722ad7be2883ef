internal import Bytes

let xfsTypeName = "xfs"

/// Where a block of metadata of version 5 says what it is and where it belongs (XFS Algorithms &
/// Data Structures, "Metadata Integrity"). Offsets in bytes; the checksum is CRC-32C,
/// little-endian, over the whole structure with zeros in its place.
struct XFSHeader: Sendable {
  let checksum: Int
  /// The structure's own place, in units of 512 bytes.
  let place: Int
  /// The log's position when it was written last.
  let sequence: Int
  let uuid: Int
  /// The inode that it belongs to.
  let owner: Int

  /// Blocks of a directory with entries in them.
  static let directoryData = XFSHeader(checksum: 4, place: 8, sequence: 16, uuid: 24, owner: 40)
  /// Leaves and nodes of directories and attributes.
  static let hashTree = XFSHeader(checksum: 12, place: 16, sequence: 24, uuid: 32, owner: 48)
  /// Blocks of the tree of extents.
  static let extentTree = XFSHeader(checksum: 64, place: 24, sequence: 32, uuid: 40, owner: 56)
  /// Values of attributes, and targets of symbolic links.
  static let remote = XFSHeader(checksum: 12, place: 40, sequence: 48, uuid: 16, owner: 32)
}

/// The checksum that a structure should have whose own lies at `offset`.
func xfsChecksum(of bytes: RawSpan, fieldAt offset: Int) -> UInt32 {
  let castagnoli = CyclicChecksum.castagnoli
  var value = castagnoli.updating(.max, with: bytes.extracting(0..<offset))
  value = castagnoli.updating(value, with: UInt32(0))
  value = castagnoli.updating(value, with: bytes.extracting(offset + 4..<bytes.byteCount))
  return ~value
}

extension XFSVolume {
  /// Makes sure that metadata is what was written for this inode at this place. In version 4
  /// nothing tells.
  ///
  /// - Parameters:
  ///   - block: where it begins, counted from the start of the device.
  ///   - hasChecksum: whether its checksum is known.
  ///   - structure: what lies there, for an error.
  func verify(
    _ bytes: RawSpan, _ header: XFSHeader, at block: UInt64, owner: UInt64,
    hasChecksum: Bool = true, _ structure: @autoclosure () -> String
  ) throws {
    guard superblock.features.hasChecksums else { return }
    guard
      try !hasChecksum
        || bytes.littleEndian(at: header.checksum)
          == xfsChecksum(of: bytes, fieldAt: header.checksum)
    else { throw damaged(structure(), block: block, "the checksum does not match") }
    let uuid = superblock.metadataUUID
    guard try bytes.field(at: header.uuid, count: 16).isEqual(to: uuid.span.bytes) else {
      throw damaged(structure(), block: block, "it belongs to another file system")
    }
    let place = block * UInt64(superblock.blockByteCount) / 512
    guard try bytes.bigEndian(at: header.place) == place else {
      throw damaged(structure(), block: block, "it was written for another place")
    }
    guard try bytes.bigEndian(at: header.owner) == owner else {
      throw damaged(structure(), block: block, "it belongs to another inode")
    }
  }
}
