internal import Filesystems
internal import Guests

/// The items of a plan, packed: there may be millions of them.
///
/// Of the attributes it keeps those that are restored.
package struct PlanTable: RandomAccessCollection, Sendable {
  private struct Row {
    var number: UInt64
    var tree: UInt64
    var byteCount: UInt64
    /// Of a device its numbers: the major one in the upper half.
    var allocatedOrDevice: UInt64
    var modified: Int64
    var accessed: Int64
    var changed: Int64
    /// Where its name ends in the names, which begins where that of the row before ends.
    var nameEnd: Int
    var modifiedNanoseconds: UInt32
    var accessedNanoseconds: UInt32
    var changedNanoseconds: UInt32
    var owner: UInt32
    var group: UInt32
    /// -1 for none.
    var parent: Int32
    var linkTo: Int32
    var fileSystem: UInt16
    var permissions: UInt16
    var kind: FileKind
    var flags: Flags
  }

  private struct Flags: OptionSet {
    let rawValue: UInt8
    static let isOnTheWay = Flags(rawValue: 1)
    static let hasAccessed = Flags(rawValue: 2)
    static let hasChanged = Flags(rawValue: 4)
    static let hasDevice = Flags(rawValue: 8)
  }

  private var rows: [Row] = []
  private var names: [UInt8] = []
  private var fileSystems: [any FileSystem] = []

  package var startIndex: Int { 0 }
  package var endIndex: Int { rows.count }

  mutating func append(_ item: RestorePlan.Item) {
    let attributes = item.attributes
    names += item.name.bytes
    var flags: Flags = item.isOnTheWay ? .isOnTheWay : []
    if attributes.accessed != nil { flags.insert(.hasAccessed) }
    if attributes.changed != nil { flags.insert(.hasChanged) }
    if attributes.device != nil { flags.insert(.hasDevice) }
    let device = attributes.device.map { UInt64($0.major) << 32 | UInt64($0.minor) }
    rows.append(
      Row(
        number: item.place.item.number, tree: item.place.item.tree,
        byteCount: attributes.byteCount,
        allocatedOrDevice: device ?? attributes.allocatedByteCount,
        modified: attributes.modified.secondsSince1970,
        accessed: attributes.accessed?.secondsSince1970 ?? 0,
        changed: attributes.changed?.secondsSince1970 ?? 0, nameEnd: names.count,
        modifiedNanoseconds: attributes.modified.nanoseconds,
        accessedNanoseconds: attributes.accessed?.nanoseconds ?? 0,
        changedNanoseconds: attributes.changed?.nanoseconds ?? 0, owner: attributes.owner,
        group: attributes.group, parent: Int32(item.parent ?? -1), linkTo: Int32(item.linkTo ?? -1),
        fileSystem: index(of: item.place.fileSystem), permissions: attributes.permissions,
        kind: attributes.kind, flags: flags))
  }

  private mutating func index(of fileSystem: any FileSystem) -> UInt16 {
    if let known = fileSystems.lastIndex(where: { $0 === fileSystem }) { return UInt16(known) }
    fileSystems.append(fileSystem)
    return UInt16(fileSystems.count - 1)
  }

  package subscript(position: Int) -> RestorePlan.Item {
    let row = rows[position]
    let nameStart = position == 0 ? 0 : rows[position - 1].nameEnd
    var attributes = FileAttributes(
      kind: row.kind, permissions: row.permissions, owner: row.owner, group: row.group,
      byteCount: row.byteCount, allocatedByteCount: row.allocatedOrDevice,
      modified: FileTime(
        secondsSince1970: row.modified, nanoseconds: row.modifiedNanoseconds))
    if row.flags.contains(.hasAccessed) {
      attributes.accessed = FileTime(
        secondsSince1970: row.accessed, nanoseconds: row.accessedNanoseconds)
    }
    if row.flags.contains(.hasChanged) {
      attributes.changed = FileTime(
        secondsSince1970: row.changed, nanoseconds: row.changedNanoseconds)
    }
    if row.flags.contains(.hasDevice) {
      attributes.allocatedByteCount = 0
      attributes.device = DeviceNumber(
        major: UInt32(row.allocatedOrDevice >> 32),
        minor: UInt32(truncatingIfNeeded: row.allocatedOrDevice))
    }
    return RestorePlan.Item(
      name: FileName(Array(names[nameStart..<row.nameEnd])),
      parent: row.parent < 0 ? nil : Int(row.parent),
      place: MountTree.Place(
        fileSystem: fileSystems[Int(row.fileSystem)],
        item: ItemID(row.number, tree: row.tree)),
      attributes: attributes, isOnTheWay: row.flags.contains(.isOnTheWay),
      linkTo: row.linkTo < 0 ? nil : Int(row.linkTo))
  }

  /// The directory that an item lies in; nil at the top.
  func parent(of position: Int) -> Int? {
    rows[position].parent < 0 ? nil : Int(rows[position].parent)
  }

  func kind(of position: Int) -> FileKind { rows[position].kind }
}
