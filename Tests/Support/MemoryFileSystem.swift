package import BlockDevices
internal import Bytes
package import Filesystems
internal import Synchronization

/// A file system in memory, for tests of what stands above file systems. It holds whatever it is
/// given: names that no system makes, directories that contain themselves, files that cannot be
/// read.
package final class MemoryFileSystem: FileSystem {
  package struct Item: Sendable {
    package var attributes: FileAttributes
    package var content: [Run] = []
    package var target = FileName("")
    package var entries: [DirectoryEntry] = []
    package var extendedAttributes: [ExtendedAttribute] = []

    package init(_ attributes: FileAttributes) { self.attributes = attributes }
  }

  /// A run of a file.
  package enum Run: Sendable {
    case bytes([UInt8])
    case hole(UInt64)
    /// Bytes that cannot be read.
    case damaged(UInt64)

    var byteCount: UInt64 {
      switch self {
      case .bytes(let bytes): UInt64(bytes.count)
      case .hole(let count), .damaged(let count): count
      }
    }
  }

  private let items = Mutex<[UInt64: Item]>([:])
  private let next = Mutex<UInt64>(3)
  package let state: FileSystemState
  package let typeName = "memory"
  package let root = ItemID(2)

  package init(state: FileSystemState = FileSystemState()) {
    self.state = state
    items.withLock { $0[2] = Item(.make(.directory, permissions: 0o755)) }
  }

  package static func open(_ device: any BlockDevice) -> MemoryFileSystem? { nil }

  // MARK: making

  /// Makes an item that has no name yet.
  package func make(_ item: Item) -> ItemID {
    let number = next.withLock { number in
      defer { number += 1 }
      return number
    }
    items.withLock { $0[number] = item }
    return ItemID(number)
  }

  /// Gives an item a name, whatever the name is.
  package func name(_ item: ItemID, _ name: FileName, in directory: ItemID? = nil) {
    items.withLock { items in
      let kind = items[item.number]?.attributes.kind
      items[(directory ?? root).number]?.entries.append(
        DirectoryEntry(name: name, item: item, kind: kind))
    }
  }

  package func change(_ item: ItemID, _ body: (inout Item) -> Void) {
    items.withLock { items in body(&items[item.number]!) }
  }

  @discardableResult
  package func directory(
    _ name: FileName, in directory: ItemID? = nil, permissions: UInt16 = 0o755
  ) -> ItemID {
    let item = make(Item(.make(.directory, permissions: permissions)))
    self.name(item, name, in: directory)
    return item
  }

  @discardableResult
  package func file(
    _ name: FileName, _ content: [Run], in directory: ItemID? = nil, permissions: UInt16 = 0o644,
    links: UInt32 = 1
  ) -> ItemID {
    var item = Item(.make(.regular, permissions: permissions))
    item.content = content
    item.attributes.byteCount = content.reduce(0) { $0 + $1.byteCount }
    item.attributes.allocatedByteCount = item.attributes.byteCount
    item.attributes.linkCount = links
    let made = make(item)
    self.name(made, name, in: directory)
    return made
  }

  @discardableResult
  package func file(
    _ name: FileName, _ text: String, in directory: ItemID? = nil
  ) -> ItemID {
    file(name, [.bytes(Array(text.utf8))], in: directory)
  }

  @discardableResult
  package func link(
    _ name: FileName, to target: FileName, in directory: ItemID? = nil
  ) -> ItemID {
    var item = Item(.make(.symbolicLink, permissions: 0o777))
    item.target = target
    item.attributes.byteCount = UInt64(target.bytes.count)
    let made = make(item)
    self.name(made, name, in: directory)
    return made
  }

  // MARK: reading

  private func item(_ item: ItemID) throws -> Item {
    guard let found = items.withLock({ $0[item.number] }) else {
      throw FileSystemError(.damaged, in: typeName, "item \(item.number)", "it is not there")
    }
    return found
  }

  package func attributes(of item: ItemID) throws -> FileAttributes {
    try self.item(item).attributes
  }

  package func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    for entry in try item(directory).entries where try !visit(entry) { return }
  }

  package func content(of file: ItemID) throws -> any FileContent {
    MemoryContent(runs: try item(file).content)
  }

  package func target(ofSymbolicLink link: ItemID) throws -> FileName { try item(link).target }

  package func extendedAttributes(of item: ItemID) throws -> [ExtendedAttribute] {
    try self.item(item).extendedAttributes
  }
}

private struct MemoryContent: FileContent {
  let runs: [MemoryFileSystem.Run]

  var byteCount: UInt64 { runs.reduce(0) { $0 + $1.byteCount } }

  private func run(at offset: UInt64) -> (run: MemoryFileSystem.Run, start: UInt64) {
    var start: UInt64 = 0
    for run in runs {
      if offset < start + run.byteCount { return (run, start) }
      start += run.byteCount
    }
    preconditionFailure("an offset within the file")
  }

  func extent(at offset: UInt64) -> FileExtent {
    let (run, start) = run(at: offset)
    let left = start + run.byteCount - offset
    if case .hole = run { return FileExtent(byteCount: left, storage: .zeros) }
    return FileExtent(byteCount: left, storage: .encoded)
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    var filled = 0
    while filled < target.byteCount {
      let position = offset + UInt64(filled)
      let (run, start) = run(at: position)
      let skipped = Int(position - start)
      let count = min(target.byteCount - filled, Int(run.byteCount) - skipped)
      var part = target._mutatingExtracting(filled..<filled + count)
      switch run {
      case .bytes(let bytes):
        bytes.span.bytes.extracting(skipped..<skipped + count).copy(into: &part)
      case .hole: part.fillWithZeros()
      case .damaged:
        throw FileSystemError(.damaged, in: "memory", "a file", "its bytes are gone")
      }
      filled += count
    }
  }
}

extension FileAttributes {
  fileprivate static func make(_ kind: FileKind, permissions: UInt16) -> FileAttributes {
    FileAttributes(
      kind: kind, permissions: permissions, byteCount: 0, allocatedByteCount: 0,
      modified: FileTime(secondsSince1970: 1_700_000_000, nanoseconds: 123_456_789))
  }
}
