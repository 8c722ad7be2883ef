internal import Filesystems
internal import Guests

/// The items of a plan, packed: there may be millions of them.
///
/// A row is 40 bytes and its name; what else is known of an item is asked of its file system again
/// when it is made. Rows lie in blocks, so that growing neither copies them nor keeps room for as
/// many again.
package struct PlanTable: RandomAccessCollection, Sendable {
  struct Row {
    var number: UInt64
    var dataByteCount: UInt64
    /// Where its name ends in the names, which begins where that of the row before ends.
    var nameEnd: Int
    /// -1 for none.
    var parent: Int32
    var linkTo: Int32
    /// In ``origins``.
    var origin: UInt32
    var kind: FileKind
    var isOnTheWay: Bool
  }

  /// The tree of inodes that an item belongs to.
  private struct Origin {
    let fileSystem: any FileSystem
    let tree: UInt64
  }

  private struct OriginKey: Hashable {
    let fileSystem: ObjectIdentifier
    let tree: UInt64
  }

  private static let rowsPerBlock = 1 << 13

  private var blocks: [[Row]] = []
  private var names: [UInt8] = []
  private var origins: [Origin] = []
  private var originNumbers: [OriginKey: UInt32] = [:]

  package var startIndex: Int { 0 }
  package private(set) var endIndex = 0

  mutating func append(_ item: RestorePlan.Item) {
    if endIndex % Self.rowsPerBlock == 0 {
      var block: [Row] = []
      block.reserveCapacity(Self.rowsPerBlock)
      blocks.append(block)
    }
    names += item.name.bytes
    blocks[blocks.count - 1].append(
      Row(
        number: item.place.item.number, dataByteCount: item.dataByteCount, nameEnd: names.count,
        parent: Int32(item.parent ?? -1), linkTo: Int32(item.linkTo ?? -1),
        origin: originNumber(item.place), kind: item.kind, isOnTheWay: item.isOnTheWay))
    endIndex += 1
  }

  private mutating func originNumber(_ place: MountTree.Place) -> UInt32 {
    let key = OriginKey(fileSystem: ObjectIdentifier(place.fileSystem), tree: place.item.tree)
    if let known = originNumbers[key] { return known }
    let number = UInt32(origins.count)
    origins.append(Origin(fileSystem: place.fileSystem, tree: place.item.tree))
    originNumbers[key] = number
    return number
  }

  private func row(_ position: Int) -> Row {
    blocks[position / Self.rowsPerBlock][position % Self.rowsPerBlock]
  }

  package subscript(position: Int) -> RestorePlan.Item {
    let row = row(position)
    let nameStart = position == 0 ? 0 : self.row(position - 1).nameEnd
    let origin = origins[Int(row.origin)]
    return RestorePlan.Item(
      name: FileName(Array(names[nameStart..<row.nameEnd])),
      parent: row.parent < 0 ? nil : Int(row.parent),
      place: MountTree.Place(
        fileSystem: origin.fileSystem, item: ItemID(row.number, tree: origin.tree)),
      kind: row.kind, dataByteCount: row.dataByteCount, isOnTheWay: row.isOnTheWay,
      linkTo: row.linkTo < 0 ? nil : Int(row.linkTo))
  }

  /// The directory that an item lies in; nil at the top.
  func parent(of position: Int) -> Int? {
    let parent = row(position).parent
    return parent < 0 ? nil : Int(parent)
  }

  func kind(of position: Int) -> FileKind { row(position).kind }

  /// Bytes to read for a file's content; 0 for everything that has none of its own.
  func contentByteCount(of position: Int) -> UInt64 {
    let row = row(position)
    return row.kind == .regular && row.linkTo < 0 ? row.dataByteCount : 0
  }
}
