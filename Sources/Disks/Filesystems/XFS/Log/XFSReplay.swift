internal import BlockDevices
internal import Bytes

/// What a log holds, over the file system that it belongs to: nothing is written (Linux,
/// fs/xfs/xfs_log_recover.c). It is read twice: buffers that were given up later must not be
/// replayed, for something else may be in their place.
struct XFSReplay {
  let overlay: Overlay
  let transactionCount: Int
  let unfinished: XFSUnfinishedWork

  /// - Throws: ``FileSystemError`` where the log is damaged, or holds what is not known.
  init(
    of range: XFSLogRange, over device: any BlockDevice, _ superblock: XFSSuperblock
  ) throws {
    guard superblock.features.log.subtracting(.attributes).isEmpty else {
      throw FileSystemError(
        .unsupported, in: xfsTypeName, "the log",
        "it uses unknown features 0x\(String(superblock.features.log.rawValue, radix: 16))")
    }
    let reader = XFSLogReader(range: range)
    var given = XFSGivenUpBuffers()
    var unfinished = XFSUnfinishedWork()
    var count = 0
    try reader.forEachTransaction { transaction in
      let bytes = transaction.bytes.span.bytes
      // First what is begun, for the same transaction may say that it is done.
      var done: [XFSLogItem] = []
      for item in try items(of: transaction) {
        let format = bytes.extracting(item.regions[0])
        if item.type == XFSLogItem.buffer {
          let buffer = try XFSLoggedBuffer(format)
          if buffer.flags.contains(.givenUp) { given.insert(buffer) }
        } else if XFSUnfinishedWork.holds(item.type) {
          if item.type % 2 == 0 {
            try unfinished.note(item.type, format)
          } else {
            done.append(item)
          }
        }
      }
      for item in done { try unfinished.note(item.type, bytes.extracting(item.regions[0])) }
      count += 1
    }
    var writer = XFSReplayWriter(superblock, over: device, given)
    try reader.forEachTransaction { transaction in
      try writer.begin(transaction.sequence)
      try replay(transaction, into: &writer)
    }
    try writer.finish()
    overlay = try writer.sectors.overlay()
    transactionCount = count
    self.unfinished = unfinished
  }
}

/// - Throws: ``FileSystemError`` where a transaction is none.
private func items(of transaction: XFSLogTransaction) throws -> [XFSLogItem] {
  if let items = try transaction.items() { return items }
  throw FileSystemError(.damaged, in: xfsTypeName, "the log", "a transaction is not one")
}

/// Buffers come first, for inodes may lie in them; what is given up comes last, for until then what
/// was logged of it must not be replayed.
private func replay(
  _ transaction: XFSLogTransaction, into writer: inout XFSReplayWriter
) throws {
  let bytes = transaction.bytes.span.bytes
  var inodes: [XFSLogItem] = []
  var givenUp: [XFSLoggedBuffer] = []
  for item in try items(of: transaction) {
    let format = bytes.extracting(item.regions[0])
    switch item.type {
    case XFSLogItem.buffer:
      let buffer = try XFSLoggedBuffer(format)
      if buffer.flags.contains(.givenUp) {
        givenUp.append(buffer)
      } else {
        try writer.replay(buffer, item, of: transaction)
      }
    case XFSLogItem.inodeCreation: try writer.createInodes(format)
    case XFSLogItem.inode: inodes.append(item)
    case let type where XFSLogItem.quotas.contains(type) || XFSUnfinishedWork.holds(type): break
    default:
      throw FileSystemError(
        .unsupported, in: xfsTypeName, "the log",
        "it holds an item of the unknown type 0x\(String(item.type, radix: 16))")
    }
  }
  for item in inodes { try writer.replayInode(item, of: transaction) }
  for buffer in givenUp { writer.given.remove(buffer) }
}

/// Buffers that are given up further on in the log, by where they lie and how long they are.
struct XFSGivenUpBuffers {
  private struct Key: Hashable {
    let sector: UInt64
    let count: Int
  }

  private var counts: [Key: Int] = [:]

  func contains(_ sector: UInt64, count: Int) -> Bool {
    counts[Key(sector: sector, count: count)] != nil
  }

  mutating func insert(_ buffer: XFSLoggedBuffer) {
    counts[Key(sector: buffer.sector, count: buffer.sectorCount), default: 0] += 1
  }

  mutating func remove(_ buffer: XFSLoggedBuffer) {
    let key = Key(sector: buffer.sector, count: buffer.sectorCount)
    guard let count = counts[key] else { return }
    counts[key] = count == 1 ? nil : count - 1
  }
}
