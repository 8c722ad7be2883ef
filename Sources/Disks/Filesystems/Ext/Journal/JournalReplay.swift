internal import BlockDevices
internal import Bytes

/// What a journal holds, over the file system that it belongs to: nothing is written, and a block
/// is read from the journal from then on.
struct JournalReplay {
  let overlay: Overlay
  let transactionCount: Int

  /// - Throws: ``FileSystemError`` where the journal is damaged.
  init(_ file: JournalFile, _ scan: JournalScan) throws {
    let revoked = revocations(scan.transactions)
    var blocks: [UInt64: Overlay.Block] = [:]
    for transaction in scan.transactions {
      for logged in transaction.logged {
        let target = logged.tag.block
        if let last = revoked[target], !isLater(transaction.sequence, than: last) { continue }
        blocks[target] = try block(logged, of: transaction.sequence, in: file)
      }
    }
    transactionCount = scan.transactions.count
    overlay = try Overlay(
      over: file.volume.device, blockByteCount: file.volume.superblock.blockByteCount,
      blocks: blocks)
  }
}

/// Transactions are counted in 32 bits that wrap.
private func isLater(_ sequence: UInt32, than other: UInt32) -> Bool {
  Int32(bitPattern: sequence &- other) > 0
}

/// The last transaction that revokes a block, by block.
private func revocations(_ transactions: [JournalScan.Transaction]) -> [UInt64: UInt32] {
  var revoked: [UInt64: UInt32] = [:]
  for transaction in transactions {
    for block in transaction.revoked { revoked[block] = transaction.sequence }
  }
  return revoked
}

private func block(
  _ logged: JournalScan.Logged, of sequence: UInt32, in file: JournalFile
) throws -> Overlay.Block {
  let volume = file.volume
  guard logged.tag.block < volume.superblock.blockCount else {
    throw volume.damaged(
      "the journal", block: logged.tag.block, "it logs a block that is not in the file system")
  }
  let isEscaped = logged.tag.flags.contains(.escaped)
  guard isEscaped || file.superblock.hasBlockChecksums else {
    return try stored(logged, in: file)
  }
  var bytes = try file.block(logged.number)
  guard
    JournalBlock.isIntact(
      logged: bytes.span.bytes, logged.tag, sequence: sequence, file.superblock)
  else {
    throw volume.damaged(
      "the journal", block: logged.tag.block,
      "what transaction \(sequence) logs of the block does not match its checksum")
  }
  guard isEscaped else { return try stored(logged, in: file) }
  for index in 0..<4 {
    bytes[index] = UInt8(truncatingIfNeeded: JournalSuperblock.magic >> UInt32(24 - 8 * index))
  }
  return .bytes(bytes)
}

private func stored(
  _ logged: JournalScan.Logged, in file: JournalFile
) throws -> Overlay.Block {
  let place = try file.place(of: logged.number)
  guard file.volume.device.holds(UInt64(file.volume.superblock.blockByteCount), at: place) else {
    throw file.volume.damaged("the journal", "the device ends before its block \(logged.number)")
  }
  return .stored(at: place)
}
