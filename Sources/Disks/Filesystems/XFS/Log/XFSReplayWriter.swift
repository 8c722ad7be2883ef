internal import BlockDevices
internal import Bytes

/// Makes the changes that a log tells of.
///
/// Metadata of version 5 says at which position of the log it was written last, and carries a
/// checksum, both of which are not in the log: they are put in when all changes that begin at one
/// position were made, as the system does.
struct XFSReplayWriter {
  let superblock: XFSSuperblock
  var given: XFSGivenUpBuffers
  var sectors: XFSReplayedSectors
  /// Where the transaction begins whose changes are being made.
  private(set) var sequence: UInt64 = 0
  /// Blocks of trees of extents that were given another owner.
  var takenOverCount = 0
  /// What was changed since that became so, by its first sector.
  private var changed: [UInt64: (header: XFSHeader, sectorCount: Int)] = [:]

  init(
    _ superblock: XFSSuperblock, over device: any BlockDevice, _ given: XFSGivenUpBuffers
  ) {
    self.superblock = superblock
    self.given = given
    sectors = XFSReplayedSectors(over: device)
  }

  mutating func begin(_ sequence: UInt64) throws {
    guard sequence != self.sequence else { return }
    try finish()
    self.sequence = sequence
  }

  mutating func finish() throws {
    for (sector, change) in changed {
      var bytes = try sectors.read(change.sectorCount, from: sector)
      bytes.put(bigEndian: sequence, at: change.header.sequence)
      bytes.seal(checksumAt: change.header.checksum)
      try sectors.write(bytes, at: sector)
    }
    changed = [:]
  }

  /// Has metadata sealed when all its changes were made.
  mutating func noteChange(_ sector: UInt64, count: Int, _ header: XFSHeader) {
    changed[sector] = (header, count)
  }

  func damaged(_ reason: String) -> FileSystemError {
    FileSystemError(.damaged, in: xfsTypeName, "the log", reason)
  }
}

extension XFSReplayWriter {
  mutating func replay(
    _ buffer: XFSLoggedBuffer, _ item: XFSLogItem, of transaction: XFSLogTransaction
  ) throws {
    guard let content = buffer.content, buffer.flags.isDisjoint(with: [.quotas, .inodes]),
      !given.contains(buffer.sector, count: buffer.sectorCount)
    else { return }
    var bytes = try sectors.read(buffer.sectorCount, from: buffer.sector)
    if superblock.features.hasChecksums,
      let known = try XFSLoggedContent.sequence(of: bytes.span.bytes, superblock),
      known != 0, known != .max, known >= sequence
    {
      return
    }
    var regions = item.regions.dropFirst()
    for run in buffer.runs {
      var position = run.lowerBound
      while position < run.upperBound {
        guard let region = regions.popFirst() else {
          throw damaged("a buffer has less than its map says")
        }
        let count = min(run.upperBound - position, region.count)
        guard count > 0, position + count <= bytes.count else {
          throw damaged("a change goes over the end of its buffer")
        }
        bytes.replaceSubrange(
          position..<position + count,
          with: transaction.bytes[region.lowerBound..<region.lowerBound + count])
        position += count
      }
    }
    guard content != .tree || XFSLoggedContent.isExtentTree(bytes.span.bytes) else { return }
    try sectors.write(bytes, at: buffer.sector)
    if superblock.features.hasChecksums,
      let header = try XFSLoggedContent.header(of: content, bytes.span.bytes, superblock)
    {
      noteChange(buffer.sector, count: buffer.sectorCount, header)
    }
  }
}

/// What the log's buffers hold, by their magic numbers in version 5.
enum XFSLoggedContent {
  private static let superblock = XFSHeader(
    checksum: 0xE0, place: 0, sequence: 0xF0, uuid: 0x20, owner: 0)

  static func isExtentTree(_ bytes: RawSpan) -> Bool {
    bytes.starts(with: "BMAP") || bytes.starts(with: "BMA3")
  }

  /// Nil for what has no header, such as a part of a directory's block that lies in pieces: of
  /// that the log has buffers of their own, and of its first piece alone a header.
  static func header(
    of content: XFSLoggedBuffer.Content, _ bytes: RawSpan, _ superblock: XFSSuperblock
  ) throws -> XFSHeader? {
    let first: UInt32 = try bytes.bigEndian(at: 0)
    let second: UInt16 = try bytes.bigEndian(at: 8)
    let isWhole = bytes.byteCount == superblock.directoryBlockByteCount
    switch (content, first, second) {
    case (.tree, 0x424D_4133, _): return .extentTree
    case (.symbolicLink, 0x5853_4C4D, _), (.attributeValue, 0x5841_524D, _): return .remote
    case (.onlyDirectoryBlock, 0x5844_4233, _), (.directoryData, 0x5844_4433, _):
      return isWhole ? .directoryData : nil
    case (.directoryLeaf, _, 0x3DF1), (.directoryLeafBelowNode, _, 0x3DFF):
      return isWhole ? .hashTree : nil
    case (.node, _, 0x3EBE), (.attributeLeaf, _, 0x3BEE): return .hashTree
    case (.superblock, XFSSuperblock.magic, _): return Self.superblock
    default: return nil
    }
  }

  /// When what is there now was written last, as a position of the log; nil where it does not tell,
  /// or belongs to another file system.
  static func sequence(of bytes: RawSpan, _ superblock: XFSSuperblock) throws -> UInt64? {
    let first: UInt32 = try bytes.bigEndian(at: 0)
    let second: UInt16 = try bytes.bigEndian(at: 8)
    let header: XFSHeader
    switch (first, second) {
    case (0x424D_4133, _): header = .extentTree
    case (0x5853_4C4D, _): header = .remote
    case (0x5844_4233, _), (0x5844_4433, _), (0x5844_4633, _): header = .directoryData
    case (XFSSuperblock.magic, _):
      header = Self.superblock
      let uuid = try bytes.field(
        at: superblock.features.incompatible.contains(.metadataUUID) ? 0xF8 : 0x20, count: 16)
      guard uuid.isEqual(to: superblock.metadataUUID.span.bytes) else { return nil }
      return try bytes.bigEndian(at: header.sequence)
    case (_, 0x3DF1), (_, 0x3DFF), (_, 0x3EBE), (_, 0x3BEE): header = .hashTree
    default: return nil
    }
    guard
      try bytes.field(at: header.uuid, count: 16)
        .isEqual(to: superblock.metadataUUID.span.bytes)
    else { return nil }
    return try bytes.bigEndian(at: header.sequence)
  }
}

extension [UInt8] {
  /// - Parameter offset: of a place for it within the bytes.
  mutating func put(bigEndian value: some FixedWidthInteger, at offset: Int) {
    for index in 0..<(value.bitWidth / 8) {
      self[offset + index] = UInt8(
        truncatingIfNeeded: value >> (value.bitWidth - 8 - 8 * index))
    }
  }

  /// Makes the checksum of a structure of version 5 fit.
  mutating func seal(checksumAt offset: Int) {
    let value = xfsChecksum(of: span.bytes, fieldAt: offset)
    for index in 0..<4 { self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }
}
