internal import Bytes

/// A name in a directory, or an extended attribute (btrfs_tree.h, `struct btrfs_dir_item`).
///
///     item := location:key, transaction:u64, dataByteCount:u16, nameByteCount:u16, kind:u8, name,
///             data
///
/// Those whose names have the same hash stand in one item behind one another.
struct BtrfsNamedItem: Sendable, Equatable {
  private static let headByteCount = 30
  static let directoryKind: UInt8 = 2

  /// What the name leads to.
  let location: BtrfsKey
  let kind: UInt8
  let name: [UInt8]
  let data: [UInt8]

  /// All that stand in an item.
  ///
  /// - Parameter structure: whose they are, for an error.
  static func all(
    in bytes: RawSpan, of structure: @autoclosure () -> String
  ) throws -> [BtrfsNamedItem] {
    var found: [BtrfsNamedItem] = []
    var place = 0
    while place < bytes.byteCount {
      guard bytes.byteCount - place >= headByteCount else {
        throw damagedBtrfs(structure(), "an entry ends too early")
      }
      let dataCount = Int(try bytes.littleEndian(at: place + 25, as: UInt16.self))
      let nameCount = Int(try bytes.littleEndian(at: place + 27, as: UInt16.self))
      let start = place + headByteCount
      guard nameCount + dataCount <= bytes.byteCount - start, nameCount > 0 else {
        throw damagedBtrfs(structure(), "an entry goes over its end")
      }
      found.append(
        BtrfsNamedItem(
          location: try BtrfsKey(bytes, at: place),
          kind: try bytes.littleEndian(at: place + 29),
          name: Array(bytes.extracting(start..<start + nameCount)),
          data: Array(bytes.extracting(start + nameCount..<start + nameCount + dataCount))))
      place = start + nameCount + dataCount
    }
    return found
  }

  init(location: BtrfsKey, kind: UInt8, name: [UInt8], data: [UInt8] = []) {
    self.location = location
    self.kind = kind
    self.name = name
    self.data = data
  }

  /// As it stands in an item.
  var encoded: [UInt8] {
    var writer = ByteWriter(reservingCapacity: Self.headByteCount + name.count + data.count)
    writer.integer(location.object)
    writer.integer(location.type.rawValue)
    writer.integer(location.offset)
    writer.integer(UInt64(0))
    writer.integer(UInt16(data.count))
    writer.integer(UInt16(name.count))
    writer.integer(kind)
    return writer.bytes + name + data
  }
}
