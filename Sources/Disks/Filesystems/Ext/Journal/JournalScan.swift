internal import Bytes

/// Goes through the log from its start to the first place where no transaction goes on.
///
/// The rules are those of the kernel: a transaction counts when its commit block is there. A commit
/// or a descriptor with a wrong checksum is a remnant of an earlier time, which ends the log, where
/// its time is before that of the transaction before it; else the log is damaged, and nothing of
/// the file system can be believed.
struct JournalScan {
  struct Logged {
    let tag: JournalBlock.Tag
    /// Its block in the journal.
    let number: UInt32
  }

  struct Transaction {
    let sequence: UInt32
    var logged: [Logged] = []
    /// Blocks that older transactions must not bring back.
    var revoked: [UInt64] = []
  }

  /// Those that are whole, in the order of their commits.
  private(set) var transactions: [Transaction] = []
  /// The number of the transaction that would come next.
  private(set) var nextSequence: UInt32

  private let file: JournalFile
  private var number: UInt32
  private var current: Transaction
  private var budget: UInt64
  /// Whether a block with a wrong checksum was met since the last commit.
  private var isDoubtful = false
  private var lastCommitSeconds: UInt64 = 0
  /// The first transaction whose commit has a wrong checksum, where commits need not be in order.
  private var failed: UInt32?
  private var transactionChecksum = BigEndianChecksum()

  /// - Throws: ``FileSystemError`` where the log is damaged.
  init(_ file: JournalFile) throws {
    self.file = file
    number = file.superblock.start
    nextSequence = file.superblock.sequence
    current = Transaction(sequence: nextSequence)
    budget = UInt64(file.superblock.end - file.superblock.first)
    while try step() {}
    if let failed {
      nextSequence = failed
      transactions.removeAll { Int32(bitPattern: $0.sequence &- failed) >= 0 }
    }
  }

  /// Looks at the next block that must say what it is; false where the log ends.
  private mutating func step() throws -> Bool {
    let bytes = try file.block(number)
    let block = bytes.span.bytes
    guard try block.bigEndian(at: 0) == JournalSuperblock.magic,
      try block.bigEndian(at: 8) == nextSequence,
      let kind = JournalBlock.Kind(rawValue: try block.bigEndian(at: 4))
    else { return false }
    try advance(by: 1)
    switch kind {
    case .descriptor:
      if try !JournalBlock.isIntact(block, file.superblock) { isDoubtful = true }
      try take(descriptor: block)
      return true
    case .revoke:
      if try !JournalBlock.isIntact(block, file.superblock) {
        isDoubtful = true
      } else if let revoked = try JournalBlock.revoked(in: block, file.superblock) {
        current.revoked += revoked
      } else {
        // Damage, if the transaction counts.
        isDoubtful = true
      }
      return true
    case .commit: return try take(commit: block)
    }
  }

  private mutating func advance(by count: UInt32) throws {
    guard UInt64(count) <= budget else {
      throw file.volume.damaged("the journal", "its log goes on in a circle")
    }
    budget -= UInt64(count)
    number = file.next(number, by: count)
  }

  private mutating func take(descriptor block: RawSpan) throws {
    let tags = try JournalBlock.tags(in: block, file.superblock)
    let isSummed = file.superblock.hasTransactionChecksums && !isDoubtful && failed == nil
    if isSummed { transactionChecksum.update(with: block) }
    for tag in tags {
      if isSummed {
        let logged = try file.block(number)
        transactionChecksum.update(with: logged.span.bytes)
      }
      current.logged.append(Logged(tag: tag, number: number))
      try advance(by: 1)
    }
  }

  private mutating func take(commit block: RawSpan) throws -> Bool {
    let seconds: UInt64 = try block.bigEndian(at: 48)
    func corrupt() -> FileSystemError {
      file.volume.damaged(
        "the journal", "transaction \(nextSequence) is not as it was written")
    }
    if isDoubtful {
      guard seconds < lastCommitSeconds else { throw corrupt() }
      return false
    }
    if file.superblock.hasTransactionChecksums, failed != nil { throw corrupt() }
    if try !isIntact(commit: block) {
      if seconds < lastCommitSeconds { return false }
      guard file.superblock.features.contains(.asynchronousCommit) else { throw corrupt() }
      failed = nextSequence
    }
    transactionChecksum = BigEndianChecksum()
    lastCommitSeconds = seconds
    transactions.append(current)
    nextSequence &+= 1
    current = Transaction(sequence: nextSequence)
    return true
  }

  private func isIntact(commit block: RawSpan) throws -> Bool {
    guard file.superblock.hasTransactionChecksums else {
      return try JournalBlock.isIntact(commit: block, file.superblock)
    }
    let type: UInt8 = try block.bigEndian(at: 12)
    let size: UInt8 = try block.bigEndian(at: 13)
    let stored: UInt32 = try block.bigEndian(at: 16)
    if type == 0, size == 0, stored == 0 { return true }
    return type == 1 && size == 4 && stored == transactionChecksum.value
  }
}

/// CRC-32 that takes the highest bit first, as the first kind of checksums in a journal does.
private struct BigEndianChecksum {
  private(set) var value = UInt32.max

  mutating func update(with bytes: RawSpan) {
    var value = value
    let table = bigEndianTable
    for place in 0..<bytes.byteCount {
      let byte = bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self)
      value = value << 8 ^ table[Int(value >> 24 ^ UInt32(byte))]
    }
    self.value = value
  }
}

private let bigEndianTable: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte) << 24) { value, _ in
    value & 0x8000_0000 == 0 ? value << 1 : value << 1 ^ 0x04C1_1DB7
  }
}
