internal import BlockDevices
internal import Bytes
internal import Synchronization

/// A file system's superblock and the device that it describes: what all structures are read from.
final class ExtVolume: Sendable {
  let device: any BlockDevice
  /// The device where it is what a journal was replayed into.
  let overlay: Overlay?
  let superblock: ExtSuperblock
  let blocks: BlockCache
  /// Where inode tables begin, by group, as far as they were needed.
  private let inodeTables = Mutex<[UInt64: UInt64]>([:])
  /// Where no file has its blocks; known when the first file's map is read.
  private let reserved = Mutex<ExtReservedBlocks?>(nil)

  init(_ device: any BlockDevice, overlay: Overlay? = nil, _ superblock: ExtSuperblock) {
    self.device = device
    self.overlay = overlay
    self.superblock = superblock
    blocks = BlockCache(device, blockByteCount: superblock.blockByteCount)
  }

  func damaged(_ structure: String, block: UInt64? = nil, _ reason: String) -> FileSystemError {
    FileSystemError(.damaged, in: superblock.typeName, structure, block: block, reason)
  }

  /// A whole block that some structure names.
  ///
  /// - Parameter structure: what lies there, for an error.
  func block(_ number: UInt64, of structure: @autoclosure () -> String) throws -> [UInt8] {
    guard superblock.holds(1, from: number) else {
      throw damaged(structure(), block: number, "no such block is in the file system")
    }
    return try blocks.wholeBlock(number) { damaged(structure(), block: number, $0) }
  }

  /// A whole block that a file's map or an inode names.
  func fileBlock(_ number: UInt64, of structure: @autoclosure () -> String) throws -> [UInt8] {
    guard canHoldFile(1, from: number) else {
      throw damaged(structure(), block: number, "no file can have that block")
    }
    return try block(number, of: structure())
  }

  /// Whether `count` blocks from `block` on may belong to a file.
  func canHoldFile(_ count: UInt64, from block: UInt64) -> Bool {
    guard superblock.holds(count, from: block) else { return false }
    let known = reserved.withLock { reserved in
      if let reserved { return reserved }
      let read = ExtReservedBlocks(of: self)
      reserved = read
      return read
    }
    return !known.overlap(block..<block + count)
  }

  /// The block where a group's table of inodes begins.
  func inodeTable(ofGroup group: UInt64) throws -> UInt64 {
    if let known = inodeTables.withLock({ $0[group] }) { return known }
    let table = try readGroup(group).inodeTable
    inodeTables.withLock { tables in
      if tables.count >= 1 << 16 { tables.removeAll() }
      tables[group] = table
    }
    return table
  }
}
