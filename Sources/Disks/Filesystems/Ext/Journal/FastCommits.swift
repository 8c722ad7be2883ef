internal import Bytes

/// Fast commits: changes since the last transaction, behind the log
/// (Linux, Documentation/filesystems/ext4/journal.rst and fs/ext4/fast_commit.h). Little-endian.
///
///     commit := (tag:u16, length:u16, value)*      over blocks, each padded by a tag 7
///     head   := tag 9, features:u32, transaction:u32
///     tail   := tag 8, transaction:u32, checksum:u32
enum FastCommits {
  private static let head: UInt16 = 9

  /// Whether there are any that belong behind the transactions of the log.
  static func areThere(in file: JournalFile, behind nextSequence: UInt32) throws -> Bool {
    guard file.superblock.fastCommitBlocks > 1 else { return false }
    let bytes = try file.block(file.superblock.end + 1)
    let block = bytes.span.bytes
    let tag: UInt16 = try block.littleEndian(at: 0)
    let length: UInt16 = try block.littleEndian(at: 2)
    let transaction: UInt32 = try block.littleEndian(at: 8)
    return tag == head && length >= 8 && transaction == nextSequence
  }
}
