internal import Bytes

/// A directory so small that it lies in its inode (XFS Algorithms & Data Structures, "Short Form
/// Directories"). Big-endian; inode numbers have eight bytes where one of them needs so many:
///
///     directory := entries:u8, entriesOf8:u8, parent:u32|u64, entry*
///     entry     := nameLength:u8, offset:u16, name, [kind:u8], inode:u32|u64
extension XFSVolume {
  func forEachShortEntry(
    of directory: XFSInode, _ visit: (borrowing XFSRawEntry) throws -> Bool
  ) throws {
    let fork = directory.span(of: directory.data)
    guard directory.byteCount <= UInt64(fork.byteCount), directory.byteCount >= 6 else {
      throw damaged(directory.structure, "a directory of \(directory.byteCount) bytes in it")
    }
    let bytes = fork.extracting(0..<Int(directory.byteCount))
    let hasKinds = superblock.features.hasFileTypes
    let isWide = try bytes.bigEndian(at: 1, as: UInt8.self) > 0
    let count = Int(try bytes.bigEndian(at: 0, as: UInt8.self))
    let numberSize = isWide ? 8 : 4
    var position = 2 + numberSize
    for _ in 0..<count {
      let nameLength =
        position < bytes.byteCount
        ? Int(try bytes.bigEndian(at: position, as: UInt8.self)) : 0
      let kindPlace = position + 3 + nameLength
      let numberPlace = kindPlace + (hasKinds ? 1 : 0)
      guard nameLength > 0, numberPlace + numberSize <= bytes.byteCount else {
        throw damaged(directory.structure, "the entry at byte \(position) of it is not one")
      }
      let inode: UInt64 =
        isWide
        ? try bytes.bigEndian(at: numberPlace)
        : UInt64(try bytes.bigEndian(at: numberPlace, as: UInt32.self))
      let entry = XFSRawEntry(
        name: try bytes.field(at: position + 3, count: nameLength), inode: inode,
        kind: hasKinds ? try bytes.bigEndian(at: kindPlace) : 0)
      guard try visit(entry) else { return }
      position = numberPlace + numberSize
    }
    guard position == bytes.byteCount else {
      throw damaged(directory.structure, "its entries end before it does")
    }
  }
}
