internal import Bytes

/// Extended attributes (XFS Algorithms & Data Structures, "Extended Attributes"): in the inode, or
/// in leaves of a tree in the fork for them. Big-endian:
///
///     short := size:u16, count:u8, 0:u8, (nameLength:u8, valueLength:u8, flags:u8, name, value)*
extension XFSVolume {
  /// Bytes of names and values that are read of one item at most.
  private static let byteLimit = 64 << 20

  /// All extended attributes of an item that a person sees.
  func extendedAttributes(of inode: XFSInode) throws -> [ExtendedAttribute] {
    guard !unfinished.itemsOfAttributes.contains(inode.number) else {
      throw FileSystemError(
        .unsupported, in: xfsTypeName, "the attributes of \(inode.structure)",
        "they were being changed, and the log does not say how that ended")
    }
    guard let fork = inode.attributes else { return [] }
    var found: [ExtendedAttribute] = []
    var byteCount = 0
    func append(_ raw: borrowing XFSRawAttribute) throws {
      guard let attribute = try attribute(raw, of: inode) else { return }
      byteCount += attribute.name.bytes.count + attribute.value.count
      guard byteCount <= Self.byteLimit else {
        throw FileSystemError(
          .unsupported, in: xfsTypeName, "the attributes of \(inode.structure)",
          "they have more than \(Self.byteLimit) bytes")
      }
      found.append(attribute)
    }
    switch XFSInode.Format(rawValue: fork.format) {
    case .local: try forEachShortAttribute(of: inode, fork, append)
    case .extents where fork.extentCount == 0: break
    case .extents, .tree: try forEachTreeAttribute(of: inode, fork, append)
    default: throw damaged(inode.structure, "attributes in the unknown format \(fork.format)")
    }
    return found
  }

  private func forEachShortAttribute(
    of inode: XFSInode, _ fork: XFSFork, _ visit: (borrowing XFSRawAttribute) throws -> Void
  ) throws {
    let span = inode.span(of: fork)
    func wrong() -> FileSystemError {
      damaged("the attributes of \(inode.structure)", "an attribute goes over their end")
    }
    guard span.byteCount >= 4 else { throw wrong() }
    let size = Int(try span.bigEndian(at: 0, as: UInt16.self))
    let count = Int(try span.bigEndian(at: 2, as: UInt8.self))
    guard size >= 4, size <= span.byteCount else { throw wrong() }
    var position = 4
    for _ in 0..<count {
      guard position + 3 <= size else { throw wrong() }
      let nameLength = Int(try span.bigEndian(at: position, as: UInt8.self))
      let valueLength = Int(try span.bigEndian(at: position + 1, as: UInt8.self))
      let value = position + 3 + nameLength
      guard nameLength > 0, value + valueLength <= size else { throw wrong() }
      try visit(
        XFSRawAttribute(
          flags: .init(rawValue: try span.bigEndian(at: position + 2)),
          name: span.extracting(position + 3..<value),
          value: span.extracting(value..<value + valueLength)))
      position = value + valueLength
    }
  }

  /// Nil for what is the file system's own business: one that was never finished, and the name by
  /// which a parent knows the item.
  private func attribute(
    _ raw: borrowing XFSRawAttribute, of inode: XFSInode
  ) throws -> ExtendedAttribute? {
    guard raw.flags.isDisjoint(with: [.incomplete, .parent]) else { return nil }
    var name = Array(raw.name)
    var value = Array(raw.value)
    if let remote = raw.remote { value = try self.value(remote, of: inode) }
    if raw.flags.contains(.root), let list = XFSAccessControlList.name(ofStored: name) {
      guard let given = XFSAccessControlList.given(stored: value) else {
        throw damaged(inode.structure, "its access control list is not one")
      }
      return ExtendedAttribute(name: FileName(list), value: given)
    }
    let prefix =
      raw.flags.contains(.root)
      ? "trusted." : raw.flags.contains(.secure) ? "security." : "user."
    name = Array(prefix.utf8) + name
    return ExtendedAttribute(name: FileName(name), value: value)
  }
}

/// An attribute as it stands on the disk.
struct XFSRawAttribute: ~Escapable {
  struct Flags: OptionSet {
    let rawValue: UInt8
    /// The value is where the name is.
    static let local = Flags(rawValue: 0x01)
    static let root = Flags(rawValue: 0x02)
    static let secure = Flags(rawValue: 0x04)
    static let parent = Flags(rawValue: 0x08)
    static let incomplete = Flags(rawValue: 0x80)
  }

  /// A value that lies in blocks of its own.
  struct Remote {
    let block: UInt64
    let byteCount: Int
  }

  let flags: Flags
  let name: RawSpan
  /// Empty where ``remote`` has it.
  let value: RawSpan
  let remote: Remote?

  @_lifetime(copy name, copy value)
  init(flags: Flags, name: RawSpan, value: RawSpan, remote: Remote? = nil) {
    self.flags = flags
    self.name = name
    self.value = value
    self.remote = remote
  }
}
