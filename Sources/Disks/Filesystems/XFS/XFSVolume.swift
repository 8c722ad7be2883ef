internal import BlockDevices
internal import Bytes

/// A file system's superblock and the device that it describes: what all structures are read from.
///
/// Blocks are counted from the start of the device here, whatever the disk calls them.
final class XFSVolume: Sendable {
  let device: any BlockDevice
  /// The device where it is what a log was replayed into.
  let overlay: Overlay?
  let superblock: XFSSuperblock
  /// What the log says was begun and not finished.
  let unfinished: XFSUnfinishedWork
  private let blocks: BlockCache

  init(
    _ device: any BlockDevice, overlay: Overlay? = nil, _ superblock: XFSSuperblock,
    unfinished: XFSUnfinishedWork = XFSUnfinishedWork()
  ) {
    self.device = device
    self.overlay = overlay
    self.superblock = superblock
    self.unfinished = unfinished
    blocks = BlockCache(device, blockByteCount: superblock.blockByteCount)
  }

  func damaged(_ structure: String, block: UInt64? = nil, _ reason: String) -> FileSystemError {
    FileSystemError(.damaged, in: xfsTypeName, structure, block: block, reason)
  }

  /// A whole block that an inode or its maps name.
  ///
  /// - Parameter structure: what lies there, for an error.
  func block(_ number: UInt64, of structure: @autoclosure () -> String) throws -> [UInt8] {
    guard superblock.canHoldFile(1, from: number) else {
      throw damaged(structure(), block: number, "no file can have that block")
    }
    return try blocks.wholeBlock(number) { damaged(structure(), block: number, $0) }
  }

  /// Some blocks that follow one another. The caller bounds `count`.
  func blocks(
    _ count: UInt64, from number: UInt64, of structure: @autoclosure () -> String
  ) throws -> [UInt8] {
    if count == 1 { return try block(number, of: structure()) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(count) * superblock.blockByteCount)
    for index in 0..<count { bytes += try block(number + index, of: structure()) }
    return bytes
  }

  /// Whether the log has changed some blocks.
  func isChangedByLog(_ count: UInt64, from number: UInt64) -> Bool {
    guard let overlay else { return false }
    let size = UInt64(superblock.blockByteCount)
    let piece = overlay.piece(at: number * size, before: (number + count) * size)
    guard case .base = piece.source else { return true }
    return piece.byteCount < count * size
  }

  /// Hints that blocks will be read soon. A device that was cut off may end before them.
  func willNeed(_ count: UInt64, from number: UInt64) {
    let size = UInt64(superblock.blockByteCount)
    device.willNeed(
      min(number * size, device.byteCount)..<min((number + count) * size, device.byteCount))
  }
}
