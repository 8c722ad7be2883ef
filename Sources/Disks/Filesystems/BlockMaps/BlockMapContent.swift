internal import BlockDevices
internal import Bytes
internal import Synchronization

/// The bytes of a file of which a map says where its blocks lie.
final class BlockMapContent: FileContent {
  let byteCount: UInt64
  private let size: UInt64
  private let device: any BlockDevice
  private let overlay: Overlay?
  private let map: @Sendable (UInt64) throws -> BlockWindow
  private let missing: @Sendable (UInt64) -> FileSystemError
  /// What of the map was read last.
  private let recent = Mutex<BlockWindow?>(nil)

  /// - Parameters:
  ///   - device: what blocks are counted on.
  ///   - overlay: the same device, where a journal was replayed into it.
  ///   - map: a part of the map, around a block of the file.
  ///   - missing: the error for a block that the device does not have.
  init(
    byteCount: UInt64, blockByteCount: Int, on device: any BlockDevice, overlay: Overlay?,
    map: @escaping @Sendable (UInt64) throws -> BlockWindow,
    missing: @escaping @Sendable (UInt64) -> FileSystemError
  ) {
    self.byteCount = byteCount
    size = UInt64(blockByteCount)
    self.device = device
    self.overlay = overlay
    self.map = map
    self.missing = missing
  }

  func extent(at offset: UInt64) throws -> FileExtent {
    precondition(offset < byteCount, "an offset within the file")
    let block = offset / size
    let (end, run) = try piece(at: block)
    let (endOffset, overflow) = end.multipliedReportingOverflow(by: size)
    let count = (overflow ? byteCount : min(endOffset, byteCount)) - offset
    guard let run, run.isWritten else { return FileExtent(byteCount: count, storage: .zeros) }
    let place = (run.place + block - run.first) * size + offset % size
    try require(count, at: place)
    guard let overlay else {
      return FileExtent(byteCount: count, storage: .volume(offset: place))
    }
    let piece = overlay.piece(at: place, before: place + count)
    let storage: FileExtent.Storage =
      switch piece.source {
      case .base: .volume(offset: place)
      case .stored(let stored): .volume(offset: stored)
      case .bytes: .encoded
      }
    return FileExtent(byteCount: piece.byteCount, storage: storage)
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    var filled = 0
    while filled < target.byteCount {
      let position = offset + UInt64(filled)
      let block = position / size
      let (end, run) = try piece(at: block)
      let (endOffset, overflow) = end.multipliedReportingOverflow(by: size)
      let left = UInt64(target.byteCount - filled)
      let count = Int(overflow ? left : min(endOffset - position, left))
      var part = target._mutatingExtracting(filled..<filled + count)
      if let run, run.isWritten {
        let place = (run.place + block - run.first) * size + position % size
        try require(UInt64(count), at: place)
        try device.read(at: place, into: &part)
      } else {
        part.fillWithZeros()
      }
      filled += count
    }
  }

  private func require(_ count: UInt64, at place: UInt64) throws {
    guard device.holds(count, at: place) else { throw missing(place / size) }
  }

  /// The blocks of the file from `block` on that lie together, or the hole there; joined over the
  /// borders of a few nodes of the map.
  private func piece(at block: UInt64) throws -> (end: UInt64, run: BlockRun?) {
    var window = try window(around: block)
    var (end, run) = window.piece(at: block)
    for _ in 0..<256 where end == window.blocks.upperBound && end < blockCount {
      window = try self.window(around: end)
      let (nextEnd, next) = window.piece(at: end)
      guard follows(next, run, at: end) else { break }
      if let known = run {
        run = BlockRun(
          first: known.first, count: nextEnd - known.first, place: known.place,
          isWritten: known.isWritten)
      }
      end = nextEnd
    }
    return (end, run)
  }

  private var blockCount: UInt64 {
    return byteCount / size + (byteCount % size == 0 ? 0 : 1)
  }

  private func follows(_ next: BlockRun?, _ run: BlockRun?, at block: UInt64) -> Bool {
    guard let run else { return next == nil }
    guard let next else { return false }
    return next.isWritten == run.isWritten && next.place == run.place + (block - run.first)
      && next.first == block
  }

  private func window(around block: UInt64) throws -> BlockWindow {
    if let known = recent.withLock({ $0 }), known.blocks.contains(block) { return known }
    let window = try map(block)
    recent.withLock { $0 = window }
    return window
  }
}
