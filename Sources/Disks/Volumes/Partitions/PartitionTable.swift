/// What a disk's partition table says.
struct PartitionTable: Sendable, Equatable {
  enum Kind: String, Sendable {
    /// A master boot record.
    case dos
    case gpt
  }

  /// A part of the disk. Nothing says that the disk is as large.
  struct Entry: Sendable, Equatable {
    let number: Int
    /// In bytes, as is the size.
    let start: UInt64
    let byteCount: UInt64
    let type: PartitionType
    var label: String?
    /// Its GUID; in a master boot record the disk's number and its own.
    var uuid: String?
  }

  let kind: Kind
  let sectorByteCount: UInt64
  let uuid: String?
  var entries: [Entry]
  /// Whether it may be what is left of a table that is gone.
  var isDoubtful = false
  /// What is wrong with it, one sentence each.
  var problems: [String] = []
}

/// What a partition is for, and its code in the table.
struct PartitionType: Sendable, Equatable {
  let name: String
  var isExtended = false
}

/// A number of sectors in bytes; nil where no disk is as large.
func bytes(ofSectors count: UInt64, _ sectorByteCount: UInt64) -> UInt64? {
  let (product, overflow) = count.multipliedReportingOverflow(by: sectorByteCount)
  return overflow || product > UInt64(Int64.max) ? nil : product
}

/// Entries that a table may have before it counts as damaged.
let partitionLimit = 1024
