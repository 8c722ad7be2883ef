internal import BlockDevices
internal import Bytes
internal import Synchronization

/// The bytes of a file, or of a symbolic link.
final class BtrfsContent: FileContent {
  private let volume: BtrfsVolume
  private let tree: BtrfsTree
  private let inode: BtrfsInode
  private let recent = Mutex(Recent())

  /// What was read and decoded last.
  private struct Recent {
    var window: BtrfsWindow?
    var decoded: (start: UInt64, bytes: [UInt8])?
  }

  /// Bytes that are read and checked at once.
  private static let readByteCount: UInt64 = 256 << 10

  init(_ inode: BtrfsInode, in tree: BtrfsTree, on volume: BtrfsVolume) {
    self.inode = inode
    self.tree = tree
    self.volume = volume
  }

  var byteCount: UInt64 { inode.byteCount }

  func extent(at offset: UInt64) throws -> FileExtent {
    precondition(offset < byteCount, "an offset within the file")
    let (end, extent) = try piece(at: offset)
    let count = min(end, byteCount) - offset
    guard let extent, extent.kind != .zeros else {
      return FileExtent(byteCount: try zeroCount(from: offset, end), storage: .zeros)
    }
    guard case .data(let logical, _) = extent.kind, extent.compression == .none else {
      return FileExtent(byteCount: count, storage: .encoded)
    }
    let place = logical + extent.skipped + (offset - extent.start)
    return try stored(at: place, count: count)
  }

  /// Where data lies on the device on which the file system was opened, if it does.
  private func stored(at logical: UInt64, count: UInt64) throws -> FileExtent {
    var nearest = count
    for copy in 0..<volume.storage.copyCount(at: logical) {
      let piece = try volume.storage.piece(at: logical, copy: copy)
      nearest = min(nearest, piece.byteCount)
      guard piece.isOnFirst, let device = piece.device else { continue }
      let found = min(count, piece.byteCount)
      guard device.holds(found, at: piece.offset) else { continue }
      return FileExtent(byteCount: found, storage: .volume(offset: piece.offset))
    }
    return FileExtent(byteCount: nearest, storage: .encoded)
  }

  /// Holes and what was never written, joined as far as is known.
  private func zeroCount(from offset: UInt64, _ end: UInt64) throws -> UInt64 {
    var end = end
    for _ in 0..<256 where end < byteCount {
      let (next, extent) = try piece(at: end)
      guard extent == nil || extent?.kind == .zeros else { break }
      end = next
    }
    return min(end, byteCount) - offset
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    var filled = 0
    while filled < target.byteCount {
      let position = offset + UInt64(filled)
      let (end, extent) = try piece(at: position)
      let count = Int(min(end - position, UInt64(target.byteCount - filled)))
      var part = target._mutatingExtracting(filled..<filled + count)
      if let extent {
        try read(extent, from: position - extent.start, into: &part)
      } else {
        part.fillWithZeros()
      }
      filled += count
    }
  }

  /// - Parameter offset: in the extent.
  private func read(
    _ extent: BtrfsExtent, from offset: UInt64, into target: inout MutableRawSpan
  ) throws {
    switch extent.kind {
    case .zeros: target.fillWithZeros()
    case .inline where extent.compression == .none:
      extent.inline.span.bytes.extracting(Int(offset)..<Int(offset) + target.byteCount)
        .copy(into: &target)
    case .data(let logical, _) where extent.compression == .none:
      try readPlain(logical, from: extent.skipped + offset, into: &target)
    default:
      let bytes = try decoded(extent)
      let start = Int(extent.skipped + offset)
      bytes.span.bytes.extracting(start..<start + target.byteCount).copy(into: &target)
    }
  }

  /// - Parameter logical: where the extent begins.
  private func readPlain(
    _ logical: UInt64, from offset: UInt64, into target: inout MutableRawSpan
  ) throws {
    let sector = UInt64(volume.superblock.sectorByteCount)
    var filled = 0
    while filled < target.byteCount {
      let place = logical + offset + UInt64(filled)
      let start = place / sector * sector
      let wanted = place - start + UInt64(target.byteCount - filled)
      let count = min((wanted + sector - 1) / sector * sector, Self.readByteCount)
      let bytes = try data(at: start, count: Int(count), inExtent: logical)
      let skipped = Int(place - start)
      let taken = min(bytes.count - skipped, target.byteCount - filled)
      var part = target._mutatingExtracting(filled..<filled + taken)
      bytes.span.bytes.extracting(skipped..<skipped + taken).copy(into: &part)
      filled += taken
    }
  }

  private func decoded(_ extent: BtrfsExtent) throws -> [UInt8] {
    if let known = recent.withLock({ $0.decoded }), known.start == extent.start {
      return known.bytes
    }
    let sector = volume.superblock.sectorByteCount
    let bytes: [UInt8]
    do {
      if case .data(let logical, let count) = extent.kind {
        let stored = try data(at: logical, count: Int(count), inExtent: logical)
        bytes = try extent.decoded(stored.span.bytes, sector: sector)
      } else {
        bytes = try extent.decoded(extent.inline.span.bytes, sector: sector)
      }
    } catch let error as FileSystemError where error.problem == .damaged {
      throw named(error)
    }
    recent.withLock { $0.decoded = (extent.start, bytes) }
    return bytes
  }

  private func data(at logical: UInt64, count: Int, inExtent extent: UInt64) throws -> [UInt8] {
    do {
      return try volume.data(
        at: logical, count: count, inExtent: inode.hasNoChecksums ? nil : extent)
    } catch let error as FileSystemError where error.problem == .damaged {
      throw named(error)
    }
  }

  /// An error that says whose data it is.
  private func named(_ error: FileSystemError) -> FileSystemError {
    FileSystemError(
      .damaged, in: "btrfs", "inode \(inode.number) of tree \(tree.id), \(error.structure)",
      block: error.block, error.reason)
  }

  private func piece(at offset: UInt64) throws -> (end: UInt64, extent: BtrfsExtent?) {
    if let known = recent.withLock({ $0.window }), known.range.contains(offset) {
      return known.piece(at: offset)
    }
    let window = try volume.window(of: inode.number, in: tree, around: offset)
    recent.withLock { $0.window = window }
    return window.piece(at: offset)
  }
}
