internal import Bytes

/// Looking a name up by a directory's index (XFS Algorithms & Data Structures, "Leaf Directories",
/// "Node Directories"). Big-endian; in version 5 the first header has 56 bytes:
///
///     leaf   := next:u32, previous:u32, magic:u16, …, count:u16, stale:u16, [0:u32], entry*
///     entry  := hash:u32, address:u32     in units of 8 bytes from the directory's start; 0: none
///     node   := next:u32, previous:u32, magic:u16, …, count:u16, level:u16, [0:u32], branch*
///     branch := greatestHash:u32, block:u32
///
/// The index only makes it faster: whoever does not find a name by it reads all entries.
extension XFSVolume {
  private static let greatestDepth = 5

  /// The entry of that name, where names that differ by case may be equal.
  func entry(named name: FileName, in directory: XFSInode) throws -> DirectoryEntry? {
    if !superblock.features.ignoresCase, directory.byteCount < Self.directoryIndexStart,
      let found = try indexedEntry(named: name, in: directory)
    {
      return found
    }
    let folded = superblock.features.ignoresCase ? name.bytes.map(lowerCase) : nil
    var exact: DirectoryEntry?
    var similar: DirectoryEntry?
    try forEachEntry(of: directory) { entry in
      if entry.name.isEqual(to: name.bytes.span.bytes) {
        exact = directoryEntry(entry, named: name)
        return false
      }
      if let folded, similar == nil, entry.name.byteCount == folded.count {
        let bytes = Array(entry.name)
        if bytes.map(lowerCase) == folded {
          similar = directoryEntry(entry, named: FileName(bytes))
        }
      }
      return true
    }
    return exact ?? similar
  }

  private func lowerCase(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte + 0x20 : byte
  }

  /// What the index leads to; nil where all entries have to be looked at.
  private func indexedEntry(
    named name: FileName, in directory: XFSInode
  ) throws -> DirectoryEntry? {
    let size = UInt64(superblock.directoryBlockByteCount)
    let format = XFSInode.Format(rawValue: directory.data.format)
    guard format != .local, directory.byteCount > size, !name.bytes.isEmpty else { return nil }
    var fork = directoryBlocks(of: directory)
    let hash = xfsNameHash(name.bytes)
    var next: UInt64? = Self.directoryIndexStart / size
    for _ in 0..<Self.greatestDepth {
      guard let number = next, let block = try intactIndexBlock(number, &fork) else { return nil }
      guard block.isNode else { return try entry(named: name, hash, in: block, &fork) }
      let branch = block.firstEntry(from: hash)
      guard branch < block.count else { return nil }
      next = UInt64(block.value(at: branch))
    }
    return nil
  }

  private func entry(
    named name: FileName, _ hash: UInt32, in leaf: XFSHashBlock, _ fork: inout XFSForkBlocks
  ) throws -> DirectoryEntry? {
    let size = superblock.directoryBlockByteCount
    let layout = XFSDirectoryBlock(superblock.features)
    var index = leaf.firstEntry(from: hash)
    while index < leaf.count, leaf.hash(at: index) == hash {
      let offset = UInt64(leaf.value(at: index)) * 8
      index += 1
      let (number, within) = offset.quotientAndRemainder(dividingBy: UInt64(size))
      guard offset > 0, offset < fork.inode.byteCount else { continue }
      let (_, bytes) = try directoryBlock(number, &fork)
      let block = bytes.span.bytes
      guard let end = try layout.end(of: block),
        try layout.entryByteCount(at: Int(within), in: block, end: end) != nil
      else { return nil }
      let entry = try layout.entry(at: Int(within), in: block)
      if entry.name.isEqual(to: name.bytes.span.bytes) {
        return directoryEntry(entry, named: name)
      }
    }
    return nil
  }

  /// Nil where the index is damaged.
  private func intactIndexBlock(
    _ number: UInt64, _ fork: inout XFSForkBlocks
  ) throws -> XFSHashBlock? {
    do {
      return try indexBlock(number, &fork)
    } catch let error as FileSystemError where error.problem == .damaged {
      return nil
    }
  }

  /// A block of the index by its number in the directory; nil where it is not one.
  private func indexBlock(
    _ number: UInt64, _ fork: inout XFSForkBlocks
  ) throws -> XFSHashBlock? {
    let step = UInt64(superblock.directoryBlockByteCount / superblock.blockByteCount)
    guard try fork.piece(at: number * step).run != nil else { return nil }
    let (place, bytes) = try fork.blocks(step, at: number * step)
    guard let block = try XFSHashBlock(bytes, superblock.features) else { return nil }
    try verify(
      bytes.span.bytes, .hashTree, at: place, owner: fork.inode.number, fork.structure)
    return block
  }
}

/// A block of a directory's index: pairs of a hash and where it leads, ordered by hash.
private struct XFSHashBlock {
  let isNode: Bool
  let count: Int
  private let bytes: [UInt8]
  private let start: Int

  init?(_ bytes: [UInt8], _ features: XFSFeatures) throws {
    let span = bytes.span.bytes
    let magic: UInt16 = try span.bigEndian(at: 8)
    let (leaves, node): ([UInt16], UInt16) =
      features.hasChecksums ? ([0x3DF1, 0x3DFF], 0x3EBE) : ([0xD2F1, 0xD2FF], 0xFEBE)
    guard magic == node || leaves.contains(magic) else { return nil }
    isNode = magic == node
    start = features.hasChecksums ? 64 : 16
    count = Int(try span.bigEndian(at: features.hasChecksums ? 56 : 12, as: UInt16.self))
    guard count <= (bytes.count - start) / 8 else { return nil }
    self.bytes = bytes
  }

  func hash(at index: Int) -> UInt32 { number(at: start + 8 * index) }
  func value(at index: Int) -> UInt32 { number(at: start + 8 * index + 4) }

  private func number(at offset: Int) -> UInt32 {
    bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The first pair whose hash is not less.
  func firstEntry(from hash: UInt32) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self.hash(at: middle) < hash { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The hash of a name: bytes of seven bits, four at a time.
func xfsNameHash(_ name: [UInt8]) -> UInt32 {
  var hash: UInt32 = 0
  var index = 0
  while index < name.count {
    let part = name[index..<min(index + 4, name.count)]
    let shift = UInt32(7 * part.count)
    let mixed = part.reduce(UInt32(0)) { $0 << 7 ^ UInt32($1) }
    hash = mixed ^ (hash << shift | hash >> (32 - shift))
    index += 4
  }
  return hash
}
