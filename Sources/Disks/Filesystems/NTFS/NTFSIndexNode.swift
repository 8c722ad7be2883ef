internal import Bytes

/// A node of an index: the root, which is an attribute, or a block of those that lie outside.
///
///     root   := type:u32 collation:u32 blockBytes:u32 blockClusters:u8 zero:3 node
///     block  := "INDX" ends:u16 endCount:u16 log:u64 number:u64 node
///     node   := entries:u32 used:u32 allocated:u32 hasChildren:u8 zero:3 … entry*
///     entry  := (file:u64 | value:u16 valueBytes:u16 zero:4) bytes:u16 keyBytes:u16 flags:u16
///               zero:2 key … [child:u64]
///
/// Places count from the start of the node, or of the entry. The last entry of a node has no key;
/// the child of an entry holds what stands before it.
struct NTFSIndexNode: Sendable {
  static let rootHeaderByteCount = 16
  static let blockHeaderByteCount = 24

  /// An entry's place, and what of it every index has.
  struct Entry: Sendable {
    let start: Int
    let byteCount: Int
    let key: Range<Int>
    let child: UInt64?
    let isLast: Bool
  }

  let bytes: [UInt8]
  let entries: [Entry]

  /// - Parameters:
  ///   - bytes: of a root, or of a block whose sectors' ends were put back.
  ///   - start: where the node begins.
  init(_ bytes: [UInt8], from start: Int) throws {
    let node = try bytes.span.bytes.field(at: start, count: bytes.count - start)
    var place = Int(try node.littleEndian(at: 0, as: UInt32.self))
    let used = Int(try node.littleEndian(at: 4, as: UInt32.self))
    guard used <= node.byteCount else { throw NTFSFault("its entries go over its end") }
    var entries: [Entry] = []
    while entries.last?.isLast != true {
      guard place >= 16, place <= used - 16 else { throw NTFSFault("its last entry is missing") }
      let entry = try Entry(node, at: place, limit: used, nodeStart: start)
      entries.append(entry)
      place += entry.byteCount
    }
    self.bytes = bytes
    self.entries = entries
  }

  @_lifetime(borrow self)
  func key(of entry: Entry) -> RawSpan { bytes.span.bytes.extracting(entry.key) }

  /// What the file name in an entry of a directory belongs to.
  func file(of entry: Entry) -> NTFSReference {
    NTFSReference(
      (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(bytes[entry.start + $1]) })
  }

  /// The value that an entry of an index of values has.
  func value(of entry: Entry) throws -> [UInt8] {
    let fields = bytes.span.bytes.extracting(entry.start..<entry.start + entry.byteCount)
    let place = Int(try fields.littleEndian(at: 0, as: UInt16.self))
    let count = Int(try fields.littleEndian(at: 2, as: UInt16.self))
    return Array(try fields.field(at: place, count: count))
  }
}

extension NTFSIndexNode.Entry {
  fileprivate init(_ node: RawSpan, at place: Int, limit: Int, nodeStart: Int) throws {
    byteCount = Int(try node.littleEndian(at: place + 8, as: UInt16.self))
    let keyByteCount = Int(try node.littleEndian(at: place + 10, as: UInt16.self))
    let flags: UInt16 = try node.littleEndian(at: place + 12)
    let childByteCount = flags & 1 == 0 ? 0 : 8
    isLast = flags & 2 != 0
    let needed = 16 + (isLast ? 0 : keyByteCount) + childByteCount
    guard byteCount.isMultiple(of: 8), byteCount >= needed, byteCount <= limit - place else {
      throw NTFSFault("an entry of \(byteCount) bytes with a key of \(keyByteCount)")
    }
    start = nodeStart + place
    key = start + 16..<start + 16 + (isLast ? 0 : keyByteCount)
    child = childByteCount == 0 ? nil : try node.littleEndian(at: place + byteCount - 8)
  }
}
