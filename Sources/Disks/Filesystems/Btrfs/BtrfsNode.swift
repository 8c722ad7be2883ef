internal import Bytes

/// Where a node of a tree lies, and what it has to be.
struct BtrfsPointer: Sendable, Equatable {
  let logical: UInt64
  let generation: UInt64
  let level: UInt8
}

/// A node of a tree (btrfs_tree.h, `struct btrfs_header`, `btrfs_item`, `btrfs_key_ptr`), verified.
///
///     node    := checksum:32, uuid:16, logical:u64, flags:u64, chunkTreeUUID:16, generation:u64,
///                owner:u64, count:u32, level:u8, (item* … data | pointer*)
///     item    := key:17, dataOffset:u32, dataByteCount:u32      offsets count from the first item
///     pointer := key:17, logical:u64, generation:u64
struct BtrfsNode: Sendable {
  static let headerByteCount = 101
  private static let itemByteCount = 25
  private static let pointerByteCount = 33
  private static let levelLimit: UInt8 = 8

  let pointer: BtrfsPointer
  let owner: UInt64
  let count: Int
  private let bytes: [UInt8]

  /// What is wrong with a node; nil where it is what `pointer` says.
  static func complaint(
    _ bytes: RawSpan, _ pointer: BtrfsPointer, _ superblock: BtrfsSuperblock, _ uuids: [[UInt8]]
  ) throws -> String? {
    guard superblock.checksum.matches(bytes.extracting(0x20..<bytes.byteCount), bytes) else {
      return "the checksum does not match"
    }
    let uuid = Array(try bytes.field(at: 0x20, count: 16))
    guard uuids.contains(uuid) else { return "it belongs to another file system" }
    let logical: UInt64 = try bytes.littleEndian(at: 0x30)
    guard logical == pointer.logical else { return "it belongs at \(logical)" }
    let generation: UInt64 = try bytes.littleEndian(at: 0x50)
    guard generation == pointer.generation else {
      return "it is of generation \(generation), not \(pointer.generation)"
    }
    let level = try bytes.littleEndian(at: 0x64, as: UInt8.self)
    guard level == pointer.level, level < levelLimit else {
      return "it is of level \(level), not \(pointer.level)"
    }
    return nil
  }

  /// - Parameter bytes: without a complaint.
  init(_ bytes: [UInt8], _ pointer: BtrfsPointer) throws {
    let span = bytes.span.bytes
    self.pointer = pointer
    self.bytes = bytes
    owner = try span.littleEndian(at: 0x58)
    let stored = Int(try span.littleEndian(at: 0x60, as: UInt32.self))
    let size = pointer.level == 0 ? Self.itemByteCount : Self.pointerByteCount
    count = stored
    guard stored <= (bytes.count - Self.headerByteCount) / size else {
      throw wrong("\(stored) items do not fit into it")
    }
    guard stored > 0 || pointer.level == 0 else { throw wrong("it is empty") }
    for index in 0..<stored {
      if index > 0, try key(index - 1) >= key(index) { throw wrong("its keys are not in order") }
      guard pointer.level == 0 else { continue }
      let place = Self.headerByteCount + index * Self.itemByteCount + BtrfsKey.byteCount
      let offset = Int(try span.littleEndian(at: place, as: UInt32.self))
      let length = Int(try span.littleEndian(at: place + 4, as: UInt32.self))
      guard offset >= stored * Self.itemByteCount,
        offset + length <= bytes.count - Self.headerByteCount
      else { throw wrong("item \(index) lies outside of it") }
    }
  }

  var isLeaf: Bool { pointer.level == 0 }

  /// - Parameter index: less than ``count``.
  func key(_ index: Int) throws -> BtrfsKey {
    let size = isLeaf ? Self.itemByteCount : Self.pointerByteCount
    return try BtrfsKey(bytes.span.bytes, at: Self.headerByteCount + index * size)
  }

  /// The data of an item of a leaf.
  @_lifetime(borrow self)
  func data(_ index: Int) throws -> RawSpan {
    let span = bytes.span.bytes
    let place = Self.headerByteCount + index * Self.itemByteCount + BtrfsKey.byteCount
    let offset = Int(try span.littleEndian(at: place, as: UInt32.self))
    let length = Int(try span.littleEndian(at: place + 4, as: UInt32.self))
    return try span.field(at: Self.headerByteCount + offset, count: length)
  }

  /// The node under a pointer of a node that is no leaf.
  func child(_ index: Int) throws -> BtrfsPointer {
    let place = Self.headerByteCount + index * Self.pointerByteCount + BtrfsKey.byteCount
    let span = bytes.span.bytes
    return BtrfsPointer(
      logical: try span.littleEndian(at: place), generation: try span.littleEndian(at: place + 8),
      level: pointer.level - 1)
  }

  /// The last place whose key is not behind `key`; nil where all are.
  func lastIndex(notBehind key: BtrfsKey) throws -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if try self.key(middle) <= key { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? low - 1 : nil
  }

  func wrong(_ reason: String) -> FileSystemError {
    damagedBtrfs("a node of tree \(owner)", block: pointer.logical, reason)
  }
}
