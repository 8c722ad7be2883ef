/// What names a file: its record in the table, and how often that was used before.
///
///     reference := record:48 sequence:16
struct NTFSReference: Hashable, Sendable {
  let rawValue: UInt64

  init(_ rawValue: UInt64) { self.rawValue = rawValue }

  init(_ item: ItemID) { rawValue = item.number }

  init(record: UInt64, sequence: UInt16) {
    rawValue = record & (1 << 48 - 1) | UInt64(sequence) << 48
  }

  var record: UInt64 { rawValue & (1 << 48 - 1) }
  var sequence: UInt16 { UInt16(rawValue >> 48) }
  var item: ItemID { ItemID(rawValue) }

  /// Records below this one are the file system's own; a person sees of them the root alone.
  static let firstOfUsers: UInt64 = 16
}

/// Records whose numbers never change.
enum NTFSRecordNumber {
  static let table: UInt64 = 0
  static let log: UInt64 = 2
  static let volume: UInt64 = 3
  static let root: UInt64 = 5
  static let security: UInt64 = 9
  static let upperCase: UInt64 = 10
}
