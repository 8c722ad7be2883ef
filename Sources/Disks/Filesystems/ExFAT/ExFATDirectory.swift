internal import BlockDevices
internal import Bytes

/// Where the records of an exFAT directory lie.
struct ExFATDirectory {
  /// What a directory may have, by the specification.
  static let byteLimit: UInt64 = 256 << 20

  let structure: String
  /// Whether its clusters are neighbours, and the table says nothing about them.
  let isContiguous: Bool
  let ranges: [Range<UInt64>]
  /// What is wrong where they end, unless the directory ended before.
  let ending: FileSystemError?

  /// - Parameter byteCount: nil for the root, which is as long as its chain.
  init(
    _ volume: ExFATVolume, from first: UInt32, byteCount: UInt64?, isContiguous: Bool,
    structure: String
  ) throws {
    func damage(_ reason: String) -> FileSystemError {
      FileSystemError(.damaged, in: exFATTypeName, structure, reason)
    }
    guard byteCount ?? 0 <= Self.byteLimit else {
      throw damage("it has \(byteCount ?? 0) bytes, more than a directory may")
    }
    self.structure = structure
    self.isContiguous = isContiguous
    let chain = try volume.chain(
      from: first, byteCount: byteCount ?? Self.byteLimit, isContiguous: isContiguous,
      for: structure)
    var room = byteCount ?? .max
    var ranges: [Range<UInt64>] = []
    for range in chain.ranges(in: volume.heap) where room > 0 {
      let end = range.lowerBound + min(room, UInt64(range.count))
      guard end <= volume.device.byteCount else {
        self.ranges = ranges
        ending = damage("it goes on behind the end of the volume")
        return
      }
      ranges.append(range.lowerBound..<end)
      room -= min(room, UInt64(range.count))
    }
    self.ranges = ranges
    ending =
      switch chain.ending {
      case .broken(let reason): damage(reason)
      case .end where byteCount != nil && room > 0: damage("its chain ends before its last byte")
      default: nil
      }
  }

  /// Calls `visit` with each item, until it returns false. What is wrong with one is told of at the
  /// end, so that it keeps nobody from the others.
  func forEachEntry(
    of volume: ExFATVolume, _ visit: (ExFATEntry, ItemID) throws -> Bool
  ) throws {
    var sets = ExFATSets()
    var isStopped = false
    var isOver = false
    try forEachRecord(in: ranges, of: volume.cache) { offset, record in
      switch try sets.take(record, at: offset) {
      case .more: return true
      case .end: isOver = true
      case .set:
        do {
          let entry = try ExFATEntry(sets.set.span.bytes)
          isStopped = !(try visit(entry, ExFATPlace(sets.start, isContiguous).item))
        } catch let fault as ExFATEntry.Fault {
          sets.note(fault, at: sets.start)
        }
      }
      return !isOver && !isStopped
    }
    if isStopped { return }
    if let (offset, fault) = sets.fault {
      throw FileSystemError(
        fault.problem, in: exFATTypeName, "the record at byte \(offset) in \(structure)",
        fault.reason)
    }
    if !isOver, let ending { throw ending }
  }
}

/// Where an item's records begin.
///
/// They may go on in the directory's next cluster, so it is kept with the place whether that is the
/// neighbour or has to be looked up; places are multiples of 32.
struct ExFATPlace {
  let offset: UInt64
  let isContiguous: Bool

  init(_ offset: UInt64, _ isContiguous: Bool) {
    self.offset = offset
    self.isContiguous = isContiguous
  }

  init(_ item: ItemID) {
    offset = item.number & ~31
    isContiguous = item.number & 1 != 0
  }

  var item: ItemID { ItemID(offset | (isContiguous ? 1 : 0)) }

  /// Reads the item's records again; nil where there are none.
  func entry(of volume: ExFATVolume) throws -> ExFATEntry? {
    guard var cluster = volume.heap.cluster(holding: offset) else { return nil }
    let head = try volume.cache.bytes(at: offset, count: 2)
    guard head[0] == 0x85 else { return nil }
    let byteCount = (1 + Int(head[1])) * directoryRecordByteCount
    var set: [UInt8] = []
    var position = offset
    while true {
      let end = volume.heap.offset(of: cluster) + volume.heap.clusterByteCount
      let count = min(byteCount - set.count, Int(end - position))
      set += try volume.cache.bytes(at: position, count: count)
      if set.count == byteCount { break }
      if isContiguous {
        cluster += 1
        guard volume.heap.contains(cluster) else { return nil }
      } else {
        var links = ExFATLinks(volume.boot, volume.cache)
        guard case .next(let next) = try links.link(from: cluster) else { return nil }
        cluster = next
      }
      position = volume.heap.offset(of: cluster)
    }
    return try ExFATEntry(set.span.bytes)
  }
}
