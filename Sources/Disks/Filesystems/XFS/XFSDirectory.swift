internal import Bytes

/// An entry of a directory as it stands on the disk.
struct XFSRawEntry: ~Escapable {
  let name: RawSpan
  let inode: UInt64
  /// 0 where the directory does not tell.
  let kind: UInt8

  @_lifetime(copy name)
  init(name: RawSpan, inode: UInt64, kind: UInt8) {
    self.name = name
    self.inode = inode
    self.kind = kind
  }
}

/// The entries of directories (XFS Algorithms & Data Structures, "Directories"): in the inode, or
/// in blocks of the directory, which begin at its start. What begins at 32 GiB is an index of them.
extension XFSVolume {
  /// Where the index begins in a directory, in bytes.
  static let directoryIndexStart: UInt64 = 1 << 35

  func directoryEntry(
    _ entry: borrowing XFSRawEntry, named name: FileName
  ) -> DirectoryEntry {
    DirectoryEntry(name: name, item: ItemID(entry.inode), kind: FileKind(entryKind: entry.kind))
  }

  /// Calls `visit` with each entry but "." and ".." until it returns false.
  func forEachEntry(
    of directory: XFSInode, _ visit: (borrowing XFSRawEntry) throws -> Bool
  ) throws {
    if XFSInode.Format(rawValue: directory.data.format) == .local {
      return try forEachShortEntry(of: directory, visit)
    }
    let size = UInt64(superblock.directoryBlockByteCount)
    guard directory.byteCount > 0, directory.byteCount % size == 0,
      directory.byteCount <= Self.directoryIndexStart
    else { throw damaged(directory.structure, "a directory of \(directory.byteCount) bytes") }
    var fork = directoryBlocks(of: directory)
    let end = directory.byteCount / UInt64(superblock.blockByteCount)
    let step = size / UInt64(superblock.blockByteCount)
    var seen: Set<UInt64> = []
    var block: UInt64 = 0
    while block < end {
      let (pieceEnd, run) = try fork.piece(at: block)
      guard let run else {
        // Blocks that became empty are given back, but for the first.
        guard block > 0, pieceEnd >= end || pieceEnd % step == 0 else {
          throw damaged(fork.structure, "block \(block) of it is missing")
        }
        block = pieceEnd
        continue
      }
      if run.first == block { willNeed(min(run.count, end - block), from: run.place) }
      guard seen.insert(run.place + (block - run.first)).inserted else {
        throw damaged(fork.structure, block: run.place, "a block that comes twice in it")
      }
      let (place, bytes) = try directoryBlock(block / step, &fork)
      guard
        try forEachEntry(
          in: bytes.span.bytes, at: place, isFirst: block == 0, fork.structure, visit)
      else { return }
      block += step
    }
  }

  func directoryBlocks(of directory: XFSInode) -> XFSForkBlocks {
    XFSForkBlocks(
      directory.data, of: directory, on: self, "the directory of \(directory.structure)")
  }

  /// A block with entries, by its number in the directory, verified.
  ///
  /// The log has changes of one that lies in pieces by piece, and so nobody can tell its checksum
  /// then; what it had of it was verified in the log.
  func directoryBlock(
    _ number: UInt64, _ fork: inout XFSForkBlocks
  ) throws -> (place: UInt64, bytes: [UInt8]) {
    let step = UInt64(superblock.directoryBlockByteCount / superblock.blockByteCount)
    let (place, bytes, areChanged) = try fork.pieces(step, at: number * step)
    let span = bytes.span.bytes
    guard try XFSDirectoryBlock.isOne(span, superblock.features) else {
      throw damaged(fork.structure, block: place, "the magic number is missing")
    }
    try verify(
      span, .directoryData, at: place, owner: fork.inode.number, hasChecksum: !areChanged,
      fork.structure)
    return (place, bytes)
  }

  /// Calls `visit` with the entries of a block; returns false where it did.
  private func forEachEntry(
    in block: RawSpan, at place: UInt64, isFirst: Bool, _ structure: String,
    _ visit: (borrowing XFSRawEntry) throws -> Bool
  ) throws -> Bool {
    let layout = XFSDirectoryBlock(superblock.features)
    guard let end = try layout.end(of: block) else {
      throw damaged(structure, block: place, "its index is larger than it is")
    }
    var position = layout.start
    while position < end {
      if let free = try layout.freeByteCount(at: position, in: block, end: end) {
        position += free
        continue
      }
      guard let size = try layout.entryByteCount(at: position, in: block, end: end) else {
        throw damaged(structure, block: place, "the entry at byte \(position) is not one")
      }
      let entry = try layout.entry(at: position, in: block)
      // A damaged directory may have more of these, which are then shown as what they are.
      if !(isFirst && isSelfOrParent(entry.name)) {
        guard try visit(entry) else { return false }
      }
      position += size
    }
    return true
  }

  private func isSelfOrParent(_ name: RawSpan) -> Bool {
    name.isEqual(to: [UInt8(ascii: ".")].span.bytes)
      || name.isEqual(to: [UInt8(ascii: "."), UInt8(ascii: ".")].span.bytes)
  }
}
