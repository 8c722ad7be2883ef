internal import Bytes

/// Changes of inodes (Linux, fs/xfs/libxfs/xfs_log_format.h, fs/xfs/xfs_inode_item_recover.c).
/// Little-endian; without the padding on machines of 32 bits:
///
///     format := type:u16, regions:u16, fields:u32, attributesSize:u16, dataSize:u16, [0:u32],
///               inode:u64, device:u32, 0:12, sector:u64, sectors:u32, offset:u32
///
/// The first region is the inode up to its forks, in the machine's byte order; then, as far as the
/// fields say so, come the fork of data and that of attributes.
struct XFSLoggedInode {
  struct Fields: OptionSet {
    let rawValue: UInt32
    static let device = Fields(rawValue: 0x010)
    /// Bytes, or extents.
    static let data: Fields = [.init(rawValue: 0x002), .init(rawValue: 0x004)]
    static let dataRoot = Fields(rawValue: 0x008)
    static let attributes: Fields = [.init(rawValue: 0x040), .init(rawValue: 0x080)]
    static let attributesRoot = Fields(rawValue: 0x100)
    /// Nodes of extents came from another inode and are to be this one's.
    static let dataOwner = Fields(rawValue: 0x200)
    static let attributesOwner = Fields(rawValue: 0x400)
  }

  let fields: Fields
  let number: UInt64
  let device: UInt32
  let sector: UInt64
  let sectorCount: Int
  let offset: Int

  init(_ format: RawSpan) throws {
    let padding = format.byteCount >= 56 ? 4 : 0
    fields = Fields(rawValue: try format.littleEndian(at: 4))
    number = try format.littleEndian(at: 12 + padding)
    device = try format.littleEndian(at: 20 + padding)
    sector = try format.littleEndian(at: 36 + padding)
    sectorCount = Int(try format.littleEndian(at: 44 + padding, as: UInt32.self))
    offset = Int(try format.littleEndian(at: 48 + padding, as: UInt32.self))
  }
}

extension XFSReplayWriter {
  mutating func replayInode(_ item: XFSLogItem, of transaction: XFSLogTransaction) throws {
    let span = transaction.bytes.span.bytes
    let logged = try XFSLoggedInode(span.extracting(item.regions[0]))
    guard !given.contains(logged.sector, count: logged.sectorCount) else { return }
    let size = superblock.inodeByteCount
    guard let (block, offset) = superblock.inodePlace(logged.number), item.regions.count >= 2,
      logged.sector < 1 << 54,
      block * UInt64(superblock.blockByteCount) + UInt64(offset)
        == logged.sector * 512 + UInt64(logged.offset)
    else { throw damaged("inode \(logged.number) is where it cannot be") }
    let place = block * UInt64(superblock.blockByteCount) + UInt64(offset)
    let within = Int(place % 512)
    let sectorCount = (within + size + 511) / 512
    var bytes = try sectors.read(sectorCount, from: place / 512)
    var inode = Array(bytes[within..<within + size])
    guard try inode.span.bytes.bigEndian(at: 0) == XFSInode.magic else {
      throw damaged("there is no inode \(logged.number) where it is logged")
    }
    let fields = span.extracting(item.regions[1])
    if try isNewer(fields, than: inode.span.bytes) {
      try inode.replaceFields(by: fields, sequence: sequence) {
        damaged("inode \(logged.number): \($0)")
      }
      try replaceForks(of: &inode, logged, item, transaction)
      if inode[4] == 3 { inode.seal(checksumAt: 0x64) }
      bytes.replaceSubrange(within..<within + size, with: inode)
      try sectors.write(bytes, at: place / 512)
    }
    if !logged.fields.isDisjoint(with: [.dataOwner, .attributesOwner]) {
      try takeOver(logged.fields, inode, logged.number)
    }
  }

  /// Whether what is logged was not written already: by the position of the log, or in version 4 by
  /// how often the inode was written, which wraps.
  private func isNewer(_ fields: RawSpan, than inode: RawSpan) throws -> Bool {
    if superblock.features.hasChecksums {
      let known: UInt64 = try inode.bigEndian(at: 0x70)
      return known == 0 || known == .max || known <= sequence
    }
    let logged: UInt16 = try fields.littleEndian(at: 30)
    let known: UInt16 = try inode.bigEndian(at: 30)
    return logged >= known || known == .max && logged < .max >> 1
  }

  private func replaceForks(
    of inode: inout [UInt8], _ logged: XFSLoggedInode, _ item: XFSLogItem,
    _ transaction: XFSLogTransaction
  ) throws {
    let start = inode[4] == 3 ? 176 : 100
    let forkOffset = Int(inode[0x52]) * 8
    guard forkOffset < inode.count - start else {
      throw damaged("inode \(logged.number): forks that do not fit")
    }
    let dataEnd = forkOffset == 0 ? inode.count : start + forkOffset
    var regions = item.regions.dropFirst(2)
    func put(
      _ isRoot: Bool, into fork: Range<Int>
    ) throws {
      guard let region = regions.popFirst() else {
        throw damaged("inode \(logged.number): a fork is missing")
      }
      let bytes = transaction.bytes.span.bytes.extracting(region)
      let fits =
        isRoot
        ? try inode.putRoot(bytes, into: fork, hasChecksums: superblock.features.hasChecksums)
        : inode.put(bytes, into: fork)
      guard fits else { throw damaged("inode \(logged.number): a fork that does not fit") }
    }
    if logged.fields.contains(.device) { inode.put(bigEndian: logged.device, at: start) }
    if !logged.fields.isDisjoint(with: [.data, .dataRoot]) {
      try put(logged.fields.contains(.dataRoot), into: start..<dataEnd)
    }
    if !logged.fields.isDisjoint(with: [.attributes, .attributesRoot]) {
      try put(logged.fields.contains(.attributesRoot), into: dataEnd..<inode.count)
    }
  }
}

extension [UInt8] {
  fileprivate mutating func put(_ bytes: RawSpan, into fork: Range<Int>) -> Bool {
    guard bytes.byteCount <= fork.count else { return false }
    replaceSubrange(fork.lowerBound..<fork.lowerBound + bytes.byteCount, with: Array(bytes))
    return true
  }

  /// Turns the root of a tree of extents from the form that it has in memory, like another node, to
  /// that in an inode; see ``XFSVolume/window(of:in:around:)``.
  fileprivate mutating func putRoot(
    _ node: RawSpan, into fork: Range<Int>, hasChecksums: Bool
  ) throws -> Bool {
    let header = hasChecksums ? 72 : 24
    guard node.byteCount >= header, fork.count >= 4 else { return false }
    let count = Int(try node.bigEndian(at: 6, as: UInt16.self))
    let room = (node.byteCount - header) / 16
    let roomHere = (fork.count - 4) / 16
    guard count <= room, count <= roomHere else { return false }
    let start = fork.lowerBound
    replaceSubrange(start..<start + 4, with: Array(node.extracting(4..<8)))
    let keys = node.extracting(header..<header + 8 * count)
    replaceSubrange(start + 4..<start + 4 + 8 * count, with: Array(keys))
    let children = node.extracting(header + 8 * room..<header + 8 * (room + count))
    let place = start + 4 + 8 * roomHere
    replaceSubrange(place..<place + 8 * count, with: Array(children))
    return true
  }
}
