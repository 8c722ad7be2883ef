package import BlockDevices
internal import Bytes

/// exFAT.
///
/// An item's number is the place of its records on the device, as ``ExFATPlace`` writes it; the
/// root's is 0.
package final class ExFATFileSystem: FileSystem {
  private let volume: ExFATVolume
  private let upcase: UpcaseTable
  package let state: FileSystemState

  package var typeName: String { exFATTypeName }
  package var root: ItemID { ItemID(0) }

  package static func open(_ device: any BlockDevice) throws -> ExFATFileSystem? {
    try ExFATVolume.find(on: device).map { try ExFATFileSystem($0) }
  }

  private init(_ volume: ExFATVolume) throws {
    self.volume = volume
    var warnings = volume.warnings
    if let upcase = try UpcaseTable(of: volume) {
      self.upcase = upcase
    } else {
      upcase = .unicode
      warnings.append("its table of upper-case letters is damaged, and Unicode's is used")
    }
    state = FileSystemState(warnings: warnings)
  }

  package func attributes(of item: ItemID) throws -> FileAttributes {
    guard item != root else {
      return FileAttributes(
        kind: .directory, permissions: FileFlags.directory.permissions, byteCount: 0,
        allocatedByteCount: 0, modified: FileTime(secondsSince1970: 0))
    }
    let entry = try entry(of: item)
    let heap = volume.heap
    return FileAttributes(
      kind: entry.flags.kind, permissions: entry.flags.permissions,
      byteCount: entry.flags.kind == .regular ? entry.byteCount : 0,
      allocatedByteCount: min(heap.clusters(for: entry.byteCount), UInt64(heap.clusterCount))
        * heap.clusterByteCount,
      modified: entry.modified, accessed: entry.accessed, created: entry.created)
  }

  package func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    try self.directory(directory).forEachEntry(of: volume) { entry, item in
      try visit(
        DirectoryEntry(name: FileName(utf16: entry.name), item: item, kind: entry.flags.kind))
    }
  }

  /// Names are equal that are so in the volume's own upper case.
  package func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    guard let wanted = name.utf16?.map(upcase.upperCase) else { return nil }
    var found: DirectoryEntry?
    try self.directory(directory).forEachEntry(of: volume) { entry, item in
      guard entry.name.count == wanted.count,
        entry.name.lazy.map(upcase.upperCase).elementsEqual(wanted)
      else { return true }
      found = DirectoryEntry(
        name: FileName(utf16: entry.name), item: item, kind: entry.flags.kind)
      return false
    }
    return found
  }

  package func content(of file: ItemID) throws -> any FileContent {
    let entry = file == root ? nil : try entry(of: file)
    guard let entry, entry.flags.kind == .regular else {
      throw FileSystemError.isDirectory(file, in: typeName)
    }
    let structure = place(of: entry, file)
    return ClusterContent(
      byteCount: entry.byteCount, writtenByteCount: entry.writtenByteCount,
      chain: try volume.chain(
        from: entry.firstCluster, byteCount: entry.writtenByteCount,
        isContiguous: entry.isContiguous, for: structure),
      heap: volume.heap, device: volume.device
    ) { cluster, reason in
      FileSystemError(
        .damaged, in: exFATTypeName, structure, block: cluster.map(UInt64.init), reason)
    }
  }

  package func target(ofSymbolicLink link: ItemID) throws -> FileName {
    throw FileSystemError.isNoLink(link, in: typeName)
  }

  private func directory(_ item: ItemID) throws -> ExFATDirectory {
    if item == root { return try .root(of: volume) }
    let entry = try entry(of: item)
    guard entry.flags.kind == .directory else {
      throw FileSystemError.isFile(item, in: typeName)
    }
    return try ExFATDirectory(
      volume, from: entry.firstCluster, byteCount: entry.byteCount,
      isContiguous: entry.isContiguous, structure: place(of: entry, item))
  }

  private func entry(of item: ItemID) throws -> ExFATEntry {
    func problem(_ problem: FileSystemError.Problem, _ reason: String) -> FileSystemError {
      FileSystemError(problem, in: exFATTypeName, "item \(item.number)", reason)
    }
    do {
      if item.tree == 0, let entry = try ExFATPlace(item).entry(of: volume) { return entry }
    } catch let fault as ExFATEntry.Fault {
      throw problem(fault.problem, fault.reason)
    }
    throw problem(.damaged, "there is no such item")
  }

  private func place(of entry: ExFATEntry, _ item: ItemID) -> String {
    "\(FileName(utf16: entry.name)) (records at byte \(ExFATPlace(item).offset))"
  }
}

extension ExFATDirectory {
  static func root(of volume: ExFATVolume) throws -> ExFATDirectory {
    try ExFATDirectory(
      volume, from: volume.boot.rootCluster, byteCount: nil, isContiguous: false,
      structure: "the root directory")
  }
}

extension UpcaseTable {
  /// The table that the root directory names; nil where it cannot be read.
  ///
  /// - Throws: what the device throws.
  init?(of volume: ExFATVolume) throws {
    var record: [UInt8]?
    try forEachRecord(in: ExFATDirectory.root(of: volume).ranges, of: volume.cache) { _, bytes in
      let type: UInt8 = try bytes.littleEndian(at: 0)
      if type == 0x82 { record = Array(bytes) }
      return record == nil && type != 0
    }
    guard let record else { return nil }
    let fields = record.span.bytes
    let byteCount: UInt64 = try fields.littleEndian(at: 24)
    guard byteCount <= Self.byteLimit else { return nil }
    do {
      let chain = try volume.chain(
        from: try fields.littleEndian(at: 20), byteCount: byteCount, isContiguous: false,
        for: "the table of upper-case letters")
      let content = ClusterContent(
        byteCount: byteCount, writtenByteCount: byteCount, chain: chain, heap: volume.heap,
        device: volume.device
      ) { _, reason in FileSystemError(.damaged, in: exFATTypeName, "the table", reason) }
      let bytes = try content.bytes(limit: Int(Self.byteLimit))
      try self.init(bytes.span.bytes, checksum: try fields.littleEndian(at: 4))
    } catch is FileSystemError {
      return nil
    }
  }
}
