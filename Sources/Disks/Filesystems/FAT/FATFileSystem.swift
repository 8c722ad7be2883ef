package import BlockDevices
internal import Bytes

/// FAT12, FAT16 and FAT32, with long names.
///
/// An item's number is the place of its record on the device; the root's is 0.
package final class FATFileSystem: FileSystem {
  private let device: any BlockDevice
  private let boot: FATBootSector
  private let table: FATTable
  private let cache: BlockCache
  package let state: FileSystemState

  package var typeName: String { fatTypeName }
  package var root: ItemID { ItemID(0) }

  package static func open(_ device: any BlockDevice) throws -> FATFileSystem? {
    guard let found = try FATVolume.find(on: device) else { return nil }
    return FATFileSystem(device, found)
  }

  private init(_ device: any BlockDevice, _ volume: FATVolume) {
    self.device = device
    boot = volume.boot
    table = volume.table
    cache = volume.table.cache
    state = volume.state
  }

  package func attributes(of item: ItemID) throws -> FileAttributes {
    guard item != root else {
      return FileAttributes(
        kind: .directory, permissions: FileFlags.directory.permissions, byteCount: 0,
        allocatedByteCount: 0, modified: FileTime(secondsSince1970: 0))
    }
    let entry = try entry(of: item)
    let isFile = entry.flags.kind == .regular
    let byteCount = isFile ? UInt64(entry.byteCount) : 0
    return FileAttributes(
      kind: entry.flags.kind, permissions: entry.flags.permissions, byteCount: byteCount,
      allocatedByteCount: boot.heap.clusters(for: byteCount) * boot.heap.clusterByteCount,
      modified: entry.modified, accessed: entry.accessed, created: entry.created)
  }

  package func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    try scan(directory) { entry, longName in
      let name = longName.map { FileName(utf16: $0) } ?? entry.shortName
      return try visit(
        DirectoryEntry(name: name, item: ItemID(entry.offset), kind: entry.flags.kind))
    }
  }

  /// Names are equal that differ in case only; a short name finds an item that has a long one too.
  package func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    guard let wanted = name.utf16?.map(upperCase) else { return nil }
    func isWanted(_ units: some Collection<UInt16>) -> Bool {
      units.count == wanted.count && units.lazy.map(upperCase).elementsEqual(wanted)
    }
    var found: DirectoryEntry?
    try scan(directory) { entry, longName in
      let isFound =
        longName.map { isWanted($0) } == true
        || (wanted.count <= 12 && isWanted(entry.shortName.utf16 ?? []))
      guard isFound else { return true }
      found = DirectoryEntry(
        name: longName.map { FileName(utf16: $0) } ?? entry.shortName,
        item: ItemID(entry.offset), kind: entry.flags.kind)
      return false
    }
    return found
  }

  package func content(of file: ItemID) throws -> any FileContent {
    let entry = file == root ? nil : try entry(of: file)
    guard let entry, entry.flags.kind == .regular else {
      throw FileSystemError.isDirectory(file, in: typeName)
    }
    let byteCount = UInt64(entry.byteCount)
    let structure = place(of: entry)
    var chain = ClusterChain()
    if byteCount > 0 {
      let wanted = min(boot.heap.clusters(for: byteCount), UInt64(boot.heap.clusterCount))
      chain = try follow(from: entry.firstCluster, limit: UInt32(wanted), for: structure)
    }
    return ClusterContent(
      byteCount: byteCount, writtenByteCount: byteCount, chain: chain, heap: boot.heap,
      device: device
    ) { cluster, reason in damage(structure, block: cluster, reason) }
  }

  package func target(ofSymbolicLink link: ItemID) throws -> FileName {
    throw FileSystemError.isNoLink(link, in: typeName)
  }
}

extension FATFileSystem {
  /// Calls `visit` with each item of a directory. Records that cannot be one are told of at the
  /// end, so that they keep nobody from those that can.
  private func scan(
    _ directory: ItemID,
    _ visit: (FATEntry, _ longName: ArraySlice<UInt16>?) throws -> Bool
  ) throws {
    var longName = FATLongName()
    var firstProblem: FileSystemError?
    let (ranges, ending) = try ranges(of: directory)
    var isOver = false
    try forEachRecord(in: ranges, of: cache) { offset, record in
      let first: UInt8 = try record.littleEndian(at: 0)
      let flags: UInt8 = try record.littleEndian(at: 11)
      if first == 0 {
        isOver = true
        return false
      }
      if first == 0xE5 {
        longName.clear()
        return true
      }
      if flags & 0x3F == 0x0F {
        try longName.add(record)
        return true
      }
      defer { longName.clear() }
      let entry = try FATEntry(record, at: offset, table.width)
      if entry.flags.contains(.volumeLabel) || entry.isDots { return true }
      guard entry.isPlausible else {
        firstProblem =
          firstProblem ?? damage("the record at byte \(offset)", "its name cannot be one")
        return true
      }
      isOver = !(try visit(entry, longName.units(for: entry)))
      return !isOver
    }
    if let firstProblem { throw firstProblem }
    if !isOver, let ending { throw ending }
  }

  /// Where a directory's records lie, and what is wrong with its end.
  private func ranges(
    of directory: ItemID
  ) throws -> (ranges: [Range<UInt64>], ending: FileSystemError?) {
    let first: UInt32
    let structure: String
    if directory == root {
      if table.width != .bits32 { return ([boot.rootRange], nil) }
      (first, structure) = (boot.rootCluster, "the root directory")
    } else {
      let entry = try entry(of: directory)
      guard entry.flags.kind == .directory else {
        throw FileSystemError.isFile(directory, in: typeName)
      }
      (first, structure) = (entry.firstCluster, place(of: entry))
    }
    let limit = UInt32(fatDirectoryByteLimit / boot.heap.clusterByteCount) + 1
    let chain = try follow(from: first, limit: limit, for: structure)
    var ranges = chain.ranges(in: boot.heap)
    let ending: FileSystemError? =
      switch chain.ending {
      case .broken(let reason): damage(structure, reason)
      case .limit: damage(structure, "it is longer than a directory may be")
      case .end, .circle: nil
      }
    if let outside = ranges.firstIndex(where: { $0.upperBound > device.byteCount }) {
      ranges.removeSubrange(outside...)
      return (ranges, damage(structure, "it goes on behind the end of the volume"))
    }
    return (ranges, ending)
  }

  private func follow(
    from first: UInt32, limit: UInt32, for structure: String
  ) throws -> ClusterChain {
    var links = FATLinks(table)
    let chain = try ClusterChain(from: first, limit: limit, in: boot.heap, through: &links)
    guard chain.ending != .circle else {
      throw damage(structure, block: first, "its chain of clusters is a circle")
    }
    return chain
  }

  /// Reads an item's record again.
  private func entry(of item: ItemID) throws -> FATEntry {
    let offset = item.number
    let isInRoot = table.width != .bits32 && boot.rootRange.contains(offset)
    guard item.tree == 0, offset.isMultiple(of: UInt64(directoryRecordByteCount)),
      isInRoot || boot.heap.cluster(holding: offset) != nil
    else { throw damage("item \(offset)", "there is no such item") }
    let record = try cache.bytes(at: offset, count: directoryRecordByteCount)
    let entry = try FATEntry(record.span.bytes, at: offset, table.width)
    guard record[0] != 0, record[0] != 0xE5, !entry.flags.contains(.volumeLabel),
      !entry.isDots, entry.isPlausible
    else { throw damage("item \(offset)", "there is no such item") }
    return entry
  }

  private func place(of entry: FATEntry) -> String {
    "\(entry.shortName) (record at byte \(entry.offset))"
  }
}

/// What DOS and Windows allow: 65,536 records.
private let fatDirectoryByteLimit: UInt64 = 2 << 20

let fatTypeName = "vfat"

private func damage(
  _ structure: String, block: UInt32? = nil, _ reason: String
) -> FileSystemError {
  FileSystemError(.damaged, in: fatTypeName, structure, block: block.map(UInt64.init), reason)
}
