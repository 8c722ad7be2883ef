internal import Bytes

/// A name that an inode has, as it is kept with the inode (btrfs_tree.h, `struct btrfs_inode_ref`,
/// `struct btrfs_inode_extref`). Where many are in one directory, the further ones are extended.
///
///     reference := index:u64, nameByteCount:u16, name                    key: inode, 12, directory
///     extended  := directory:u64, index:u64, nameByteCount:u16, name     key: inode, 13, hash
struct BtrfsReference: Sendable, Equatable {
  /// What tells the names of an inode apart.
  struct Path: Hashable {
    let directory: UInt64
    let name: [UInt8]
  }

  let directory: UInt64
  /// Where the name stands in the order of the directory.
  let index: UInt64
  let name: [UInt8]

  var path: Path { Path(directory: directory, name: name) }

  /// All that stand in an item of either kind.
  static func all(of item: BtrfsItem) throws -> [BtrfsReference] {
    let isExtended = item.key.type == .inodeExtendedReference
    let head = isExtended ? 18 : 10
    let bytes = item.data.span.bytes
    var found: [BtrfsReference] = []
    var place = 0
    while place < bytes.byteCount {
      func wrong() -> FileSystemError {
        damagedBtrfs("inode \(item.key.object)", "one of its names goes over the end")
      }
      guard bytes.byteCount - place >= head else { throw wrong() }
      let count = Int(try bytes.littleEndian(at: place + head - 2, as: UInt16.self))
      guard count > 0, count <= bytes.byteCount - place - head else { throw wrong() }
      found.append(
        BtrfsReference(
          directory: isExtended ? try bytes.littleEndian(at: place) : item.key.offset,
          index: try bytes.littleEndian(at: place + head - 10),
          name: Array(bytes.extracting(place + head..<place + head + count))))
      place += head + count
    }
    return found
  }

  /// As it stands in an item of that kind.
  func encoded(as type: BtrfsItemType) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 18 + name.count)
    if type == .inodeExtendedReference { writer.integer(directory) }
    writer.integer(index)
    writer.integer(UInt16(name.count))
    return writer.bytes + name
  }
}
