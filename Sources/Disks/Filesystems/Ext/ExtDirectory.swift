internal import BlockDevices
internal import Bytes

/// The entries of a directory (Linux, Documentation/filesystems/ext4/directory.rst):
///
///     entry := inode:u32, length:u16, nameLength:u8, kind:u8, name, padding up to length
///     tail  := 0:u32, 12:u16, 0:u8, 0xDE:u8, checksum:u32
///
/// Entries fill a block to its end; with checksums the last one is a tail. An entry of inode 0 is
/// free. The blocks of a hashed index look like blocks of one free entry, so that reading all
/// entries from the first block to the last needs no index.
extension ExtVolume {
  /// An entry as it stands in its block.
  struct RawEntry: ~Escapable {
    let name: RawSpan
    let inode: UInt32
    let kind: UInt8

    @_lifetime(copy name)
    init(name: RawSpan, inode: UInt32, kind: UInt8) {
      self.name = name
      self.inode = inode
      self.kind = kind
    }
  }

  /// Calls `visit` with each entry but "." and ".." until it returns false.
  func forEachEntry(
    of directory: ExtInode, _ visit: (borrowing RawEntry) throws -> Bool
  ) throws {
    guard directory.kind == .directory else {
      throw FileSystemError(
        .wrongKind, in: superblock.typeName, directory.structure, "it is not a directory")
    }
    guard !directory.flags.contains(.encrypted) else {
      throw FileSystemError(
        .encrypted, in: superblock.typeName, directory.structure,
        "the names in it are encrypted, and there is no key here")
    }
    if directory.flags.contains(.inlineData) {
      try forEachInlineEntry(of: directory, visit)
    } else {
      try forEachStoredEntry(of: directory, visit)
    }
  }

  private func forEachStoredEntry(
    of directory: ExtInode, _ visit: (borrowing RawEntry) throws -> Bool
  ) throws {
    let size = UInt64(superblock.blockByteCount)
    guard directory.byteCount > 0, directory.byteCount % size == 0 else {
      throw damaged(directory.structure, "a directory of \(directory.byteCount) bytes")
    }
    let end = directory.byteCount / size
    // What is wrong with the whole is told when all that can be read of it was shown.
    var problem: FileSystemError?
    var seen: Set<UInt64> = []
    var block: UInt64 = 0
    while block < end {
      let window = try window(of: directory, around: block)
      while block < min(end, window.blocks.upperBound) {
        let (pieceEnd, run) = window.piece(at: block)
        guard let run, run.isWritten else {
          throw damaged(directory.structure, "block \(block) of the directory is missing")
        }
        let place = run.place + (block - run.first)
        if block == run.first {
          let count = min(pieceEnd, end) - block
          // A device that was cut off may end before the directory does.
          device.willNeed(
            min(place * size, device.byteCount)..<min((place + count) * size, device.byteCount))
        }
        guard seen.insert(place).inserted else {
          throw damaged(directory.structure, block: place, "a block that comes twice in it")
        }
        let bytes = try intactBlock(place, block, of: directory)
        if block == 0, try !isStart(bytes.span.bytes, of: directory) {
          problem = damaged(
            "the directory of \(directory.structure)", block: place,
            "it does not begin with itself and its parent: it may be another directory's")
        }
        guard
          try forEachEntry(
            in: bytes.span.bytes, of: directory, at: place, isDirectoryStart: block == 0, visit)
        else { return }
        block += 1
      }
    }
    if let problem { throw problem }
    try requireNoBlock(behind: end, of: directory)
  }

  /// A block of a directory, whose checksum was verified.
  func intactBlock(
    _ place: UInt64, _ index: UInt64, of directory: ExtInode
  ) throws -> [UInt8] {
    let bytes = try fileBlock(place, of: "the directory of \(directory.structure)")
    guard
      try !superblock.hasMetadataChecksums
        || isIntact(directoryBlock: bytes.span.bytes, index, of: directory)
    else {
      throw damaged(
        "the directory of \(directory.structure)", block: place, "the checksum does not match")
    }
    return bytes
  }

  /// Calls `visit` with the entries that fill `area`; returns false where it did.
  ///
  /// - Parameter isDirectoryStart: whether "." and ".." lie in its first bytes.
  func forEachEntry(
    in area: RawSpan, of directory: ExtInode, at place: UInt64?, isDirectoryStart: Bool,
    _ visit: (borrowing RawEntry) throws -> Bool
  ) throws -> Bool {
    let hasKinds = superblock.features.incompatible.contains(.fileType)
    var start = 0
    while start < area.byteCount {
      guard area.byteCount - start >= 8 else { throw brokenEntry(of: directory, place, start) }
      let inode: UInt32 = try area.littleEndian(at: start)
      let length = entryLength(try area.littleEndian(at: start + 4))
      let nameLength = Int(try area.littleEndian(at: start + 6, as: UInt8.self))
      let kind: UInt8 = try area.littleEndian(at: start + 7)
      guard length >= 12 || length >= 8 && inode == 0, length % 4 == 0,
        length <= area.byteCount - start, nameLength <= length - 8,
        inode <= superblock.inodeCount
      else { throw brokenEntry(of: directory, place, start) }
      if inode != 0 {
        guard nameLength > 0 else { throw brokenEntry(of: directory, place, start) }
        let name = area.extracting(start + 8..<start + 8 + nameLength)
        // Of these a damaged directory may have more, which are then shown as what they are.
        if !(isDirectoryStart && start <= 12 && isSelfOrParent(name)) {
          let entry = RawEntry(name: name, inode: inode, kind: hasKinds ? kind : 0)
          guard try visit(entry) else { return false }
        }
      }
      start += length
    }
    return true
  }

  /// Blocks of 64 KiB have entries of a length that 16 bits do not hold.
  private func entryLength(_ stored: UInt16) -> Int {
    if superblock.blockByteCount < 65_536 { return Int(stored) }
    if stored == .max || stored == 0 { return superblock.blockByteCount }
    return Int(stored & 0xFFFC) | Int(stored & 3) << 16
  }

  private func isSelfOrParent(_ name: RawSpan) -> Bool {
    guard name.byteCount <= 2 else { return false }
    for place in 0..<name.byteCount
    where name.unsafeLoad(fromByteOffset: place, as: UInt8.self) != UInt8(ascii: ".") {
      return false
    }
    return true
  }

  private func brokenEntry(
    of directory: ExtInode, _ place: UInt64?, _ start: Int
  ) -> FileSystemError {
    damaged(
      "the directory of \(directory.structure)", block: place,
      "the entry at byte \(start) is not one")
  }
}
