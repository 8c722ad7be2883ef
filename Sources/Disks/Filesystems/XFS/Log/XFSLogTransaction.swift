internal import Bytes

/// What stands in a record: pieces of transactions, of several mixed (XFS Algorithms & Data
/// Structures, "Log Operations"). Big-endian:
///
///     operation := transaction:u32, length:u32, client:u8, flags:u8, 0:u16, bytes
enum XFSLogOperation {
  static let headerByteCount = 12
  static let clients: Set<UInt8> = [0x69, 0xAA]

  struct Flags: OptionSet {
    let rawValue: UInt8
    static let start = Flags(rawValue: 0x01)
    static let commit = Flags(rawValue: 0x02)
    /// The bytes go on in the next record.
    static let continues = Flags(rawValue: 0x04)
    /// The bytes began in an earlier record.
    static let wasContinued = Flags(rawValue: 0x08)
    static let end = Flags(rawValue: 0x10)
    static let unmount = Flags(rawValue: 0x20)
  }
}

/// A transaction: changes that are all to be made or none, in the byte order of the machine, which
/// is little-endian here. Each item is a few regions of bytes, the first one says how many:
///
///     transaction := header item*
///     header      := 0x5452414E:u32, type:u32, id:u32, items:u32
///     item        := (type:u16, regions:u16, …) region*
struct XFSLogTransaction {
  static let magic: UInt32 = 0x5452_414E

  /// The position of the log where it begins.
  let sequence: UInt64
  private(set) var bytes: [UInt8] = []
  /// Where each region ends in ``bytes``.
  private var ends: [Int] = []

  init(sequence: UInt64) { self.sequence = sequence }

  mutating func append(_ bytes: RawSpan, isContinued: Bool) {
    if bytes.byteCount == 0, !isContinued { return }
    self.bytes += Array(bytes)
    if isContinued, !ends.isEmpty { ends.removeLast() }
    ends.append(self.bytes.count)
  }

  /// Where each region lies in ``bytes``, by item; nil where it is not a transaction.
  func items() throws -> [XFSLogItem]? {
    let span = bytes.span.bytes
    guard let headerEnd = ends.first else { return [] }
    guard headerEnd == 16, try span.littleEndian(at: 0) == Self.magic else { return nil }
    var items: [XFSLogItem] = []
    var index = 1
    while index < ends.count {
      let format = ends[index - 1]..<ends[index]
      guard format.count >= 4 else { return nil }
      let count = Int(try span.littleEndian(at: format.lowerBound + 2, as: UInt16.self))
      guard count > 0, count <= ends.count - index else { return nil }
      items.append(
        XFSLogItem(
          type: try span.littleEndian(at: format.lowerBound),
          regions: (index..<index + count).map { ends[$0 - 1]..<ends[$0] }))
      index += count
    }
    return items
  }
}

/// A thing that a transaction changes.
struct XFSLogItem {
  static let inode: UInt16 = 0x123B
  static let buffer: UInt16 = 0x123C
  static let inodeCreation: UInt16 = 0x123F
  /// Quotas of space, which are not read here: what is used, and that they were turned off.
  static let quotas: Set<UInt16> = [0x123D, 0x123E]

  let type: UInt16
  /// Where its regions lie in the bytes of the transaction; the first one says what it is.
  let regions: [Range<Int>]
}

/// Puts the transactions of a log together out of its records.
struct XFSLogReader {
  /// Bytes of transactions that are not complete yet. The system lets them grow to a few dozen
  /// mebibytes.
  private static let byteLimit = 256 << 20

  let range: XFSLogRange

  /// Calls `visit` with each transaction that was completed, in the order in which they were.
  ///
  /// - Throws: ``FileSystemError`` where the log is damaged.
  func forEachTransaction(_ visit: (XFSLogTransaction) throws -> Void) throws {
    var open: [UInt32: XFSLogTransaction] = [:]
    var byteCount = 0
    try range.forEachRecord { record in
      guard let data = try record.data(in: range.log) else {
        throw range.log.damaged(record.block, "a record is not as it was written")
      }
      let span = data.span.bytes
      var position = 0
      var left = record.operationCount
      while left > 0, position < span.byteCount {
        left -= 1
        let wrong = range.log.damaged(record.block, "an operation goes over the end of its record")
        guard span.byteCount - position >= XFSLogOperation.headerByteCount else { throw wrong }
        let id: UInt32 = try span.bigEndian(at: position)
        let length = Int(try span.bigEndian(at: position + 4, as: UInt32.self))
        let client: UInt8 = try span.bigEndian(at: position + 8)
        let flags = XFSLogOperation.Flags(rawValue: try span.bigEndian(at: position + 9))
        position += XFSLogOperation.headerByteCount
        guard length <= span.byteCount - position else { throw wrong }
        guard XFSLogOperation.clients.contains(client) else {
          throw range.log.damaged(record.block, "an operation of nobody")
        }
        let bytes = span.extracting(position..<position + length)
        position += length
        // What has no beginning here is in its place.
        guard var transaction = open.removeValue(forKey: id) else {
          if flags.contains(.start) { open[id] = XFSLogTransaction(sequence: record.sequence) }
          continue
        }
        if flags.contains(.commit) {
          byteCount -= transaction.bytes.count
          try visit(transaction)
        } else if flags.contains(.unmount) {
          byteCount -= transaction.bytes.count
        } else {
          byteCount += length
          guard byteCount <= Self.byteLimit, !flags.contains(.start) else {
            throw range.log.damaged(record.block, "a transaction that does not end")
          }
          transaction.append(bytes, isContinued: flags.contains(.wasContinued))
          open[id] = transaction
        }
      }
      return true
    }
  }
}
