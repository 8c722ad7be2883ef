internal import Bytes

/// Where an item stands in a tree: all trees are sorted by it (Linux, btrfs_tree.h,
/// `struct btrfs_disk_key`).
///
///     key := object:u64, type:u8, offset:u64
struct BtrfsKey: Hashable, Sendable, Comparable {
  static let byteCount = 17

  let object: UInt64
  let type: BtrfsItemType
  let offset: UInt64

  init(_ object: UInt64, _ type: BtrfsItemType, _ offset: UInt64) {
    self.object = object
    self.type = type
    self.offset = offset
  }

  init(_ bytes: RawSpan, at place: Int) throws(TruncatedInput) {
    object = try bytes.littleEndian(at: place)
    type = BtrfsItemType(rawValue: try bytes.littleEndian(at: place + 8))
    offset = try bytes.littleEndian(at: place + 9)
  }

  static func < (a: BtrfsKey, b: BtrfsKey) -> Bool {
    if a.object != b.object { return a.object < b.object }
    if a.type != b.type { return a.type.rawValue < b.type.rawValue }
    return a.offset < b.offset
  }

  /// The one behind it; nil behind the last of all.
  var next: BtrfsKey? {
    if offset < .max { return BtrfsKey(object, type, offset + 1) }
    if type.rawValue < .max {
      return BtrfsKey(object, BtrfsItemType(rawValue: type.rawValue + 1), 0)
    }
    return object < .max ? BtrfsKey(object + 1, BtrfsItemType(rawValue: 0), 0) : nil
  }

  /// The one before it; nil before the first of all.
  var previous: BtrfsKey? {
    if offset > 0 { return BtrfsKey(object, type, offset - 1) }
    if type.rawValue > 0 {
      return BtrfsKey(object, BtrfsItemType(rawValue: type.rawValue - 1), .max)
    }
    return object > 0 ? BtrfsKey(object - 1, BtrfsItemType(rawValue: .max), .max) : nil
  }
}

extension BtrfsKey: CustomStringConvertible {
  var description: String { "(\(object) \(type.rawValue) \(offset))" }
}

/// What an item is (btrfs_tree.h, `BTRFS_…_KEY`).
struct BtrfsItemType: Hashable, Sendable {
  let rawValue: UInt8

  static let inode = BtrfsItemType(rawValue: 1)
  static let inodeReference = BtrfsItemType(rawValue: 12)
  static let inodeExtendedReference = BtrfsItemType(rawValue: 13)
  static let extendedAttribute = BtrfsItemType(rawValue: 24)
  static let loggedIndexRange = BtrfsItemType(rawValue: 72)
  static let directoryItem = BtrfsItemType(rawValue: 84)
  static let directoryIndex = BtrfsItemType(rawValue: 96)
  static let extentData = BtrfsItemType(rawValue: 108)
  static let checksums = BtrfsItemType(rawValue: 128)
  static let root = BtrfsItemType(rawValue: 132)
  static let rootBackReference = BtrfsItemType(rawValue: 144)
  static let rootReference = BtrfsItemType(rawValue: 156)
  static let device = BtrfsItemType(rawValue: 216)
  static let chunk = BtrfsItemType(rawValue: 228)
}

/// Numbers of trees and objects that have a meaning (btrfs_tree.h, `BTRFS_…_OBJECTID`).
enum BtrfsObject {
  static let rootTree: UInt64 = 1
  static let chunkTree: UInt64 = 3
  /// The devices' items in the chunk tree.
  static let devices: UInt64 = 1
  static let topLevelSubvolume: UInt64 = 5
  static let rootTreeDirectory: UInt64 = 6
  static let checksumTree: UInt64 = 7
  /// The first number of a subvolume, of a file, and of all chunks.
  static let firstFree: UInt64 = 256
  static let lastFree: UInt64 = UInt64(bitPattern: -256)
  /// Of log trees in the tree of their roots, and what owns their nodes.
  static let logTree: UInt64 = UInt64(bitPattern: -6)
  static let checksums: UInt64 = UInt64(bitPattern: -10)

  /// Whether a tree holds files.
  static func isSubvolume(_ tree: UInt64) -> Bool {
    tree == topLevelSubvolume || firstFree...lastFree ~= tree
  }
}
