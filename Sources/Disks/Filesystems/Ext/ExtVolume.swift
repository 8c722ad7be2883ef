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
    let bytes: [UInt8]
    do {
      bytes = try blocks.block(number)
    } catch is OutsideDevice {
      throw damaged(structure(), block: number, "the device ends before it")
    }
    guard bytes.count == superblock.blockByteCount else {
      throw damaged(structure(), block: number, "the device ends within it")
    }
    return bytes
  }

  /// The block where a group's table of inodes begins.
  func inodeTable(ofGroup group: UInt64) throws -> UInt64 {
    if let known = inodeTables.withLock({ $0[group] }) { return known }
    let table = try readInodeTable(ofGroup: group)
    inodeTables.withLock { tables in
      if tables.count >= 1 << 16 { tables.removeAll() }
      tables[group] = table
    }
    return table
  }
}
