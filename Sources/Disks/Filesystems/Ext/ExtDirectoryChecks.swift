internal import Bytes

/// What holds for every directory besides its entries, as e2fsck has it: where checksums do not
/// tell, names would be missing without a word.
extension ExtVolume {
  /// Whether a directory's first block has "." and ".." where they belong, and they are right as
  /// far as the directory itself can tell.
  func isStart(_ block: RawSpan, of directory: ExtInode) throws -> Bool {
    let isParent = isParent(try block.littleEndian(at: 12), of: directory.number)
    return try block.littleEndian(at: 0, as: UInt32.self) == directory.number
      && block.littleEndian(at: 4, as: UInt16.self) == 12
      && hasName(".", block, at: 0) && isParent && hasName("..", block, at: 12)
  }

  private func isParent(_ parent: UInt32, of directory: UInt32) -> Bool {
    let root: UInt32 = 2
    if directory == root || parent == root { return parent == root }
    return parent >= superblock.firstInode && parent <= superblock.inodeCount
      && parent != directory
  }

  private func hasName(_ name: StaticString, _ block: RawSpan, at start: Int) throws -> Bool {
    guard try Int(block.littleEndian(at: start + 6, as: UInt8.self)) == name.utf8CodeUnitCount
    else { return false }
    return block.extracting((start + 8)...).starts(with: name)
  }

  /// Refuses a directory that has blocks behind the end that its size gives it.
  func requireNoBlock(behind end: UInt64, of directory: ExtInode) throws {
    // Old systems set some aside.
    var block = end + UInt64(superblock.reservedDirectoryBlocks)
    // More parts than a node of a block map has, and empty, were made to keep us busy.
    for _ in 0..<1024 + superblock.blockByteCount / 2 {
      let window = try window(of: directory, around: block)
      let (pieceEnd, run) = window.piece(at: block)
      if let run, run.isWritten {
        throw damaged(
          directory.structure, block: run.place + (block - run.first),
          "the directory has blocks behind its size of \(directory.byteCount) bytes")
      }
      guard pieceEnd < 1 << 32 else { return }
      block = pieceEnd
    }
    throw damaged(directory.structure, "the directory's map has many parts behind its end")
  }
}
