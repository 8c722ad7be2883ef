internal import Bytes

/// A file's map as a tree of extents (Linux, Documentation/filesystems/ext4/ifork.rst):
///
///     node   := magic:u16=0xF30A, entries:u16, room:u16, depth:u16, generation:u32, entry*
///               [checksum:u32 behind the room]
///     index  := first:u32, child:u32, childHigh:u16, 0:u16
///     extent := first:u32, count:u16, placeHigh:u16, place:u32
///
/// The root is the inode's map. Entries of nodes above depth 0 are indexes. An extent's count over
/// 32,768 means that many less, set aside and never written.
extension ExtVolume {
  private static let greatestDepth = 5

  func extentWindow(of inode: ExtInode, around block: UInt64) throws -> BlockWindow {
    let limit: UInt64 = 1 << 32
    guard block < limit else { return BlockWindow(blocks: limit..<UInt64.max, runs: []) }
    var covered = 0..<limit
    var depth = -1
    var child: UInt64?
    while true {
      let step: Step
      if let place = child {
        let bytes = try fileBlock(place, of: inode.structure)
        step = try descend(
          bytes.span.bytes, inode, at: place, depth: depth, covered: covered, to: block)
      } else {
        step = try descend(
          inode.map, inode, at: nil, depth: nil, covered: covered, to: block)
      }
      switch step {
      case .found(let window): return window
      case .child(let place, let below, let part):
        child = place
        depth = below
        covered = part
      }
    }
  }

  private enum Step {
    case found(BlockWindow)
    case child(at: UInt64, depth: Int, covered: Range<UInt64>)
  }

  /// Looks into a node for what is around `block`.
  ///
  /// - Parameters:
  ///   - place: its block; nil for the root.
  ///   - expected: the depth that it must have; nil where it may be any.
  ///   - covered: the part of the file that its parent gives to it.
  private func descend(
    _ node: RawSpan, _ inode: ExtInode, at place: UInt64?, depth expected: Int?,
    covered: Range<UInt64>, to block: UInt64
  ) throws -> Step {
    func wrong(_ reason: String) -> FileSystemError {
      damaged("the extents of \(inode.structure)", block: place, reason)
    }
    let magic: UInt16 = try node.littleEndian(at: 0)
    let count = Int(try node.littleEndian(at: 2, as: UInt16.self))
    let room = Int(try node.littleEndian(at: 4, as: UInt16.self))
    let depth = Int(try node.littleEndian(at: 6, as: UInt16.self))
    guard magic == 0xF30A else { throw wrong("the magic number is missing") }
    guard count <= room, room <= (node.byteCount - 12) / 12, room > 0 else {
      throw wrong("\(count) entries in a room for \(room)")
    }
    guard depth <= Self.greatestDepth, expected == nil || depth == expected else {
      throw wrong("a node of depth \(depth) where another is due")
    }
    if place != nil, superblock.hasMetadataChecksums {
      let end = 12 + 12 * room
      let stored: UInt32 = try node.littleEndian(at: end)
      let computed = CyclicChecksum.castagnoli.updating(
        inode.checksumSeed, with: node.extracting(0..<end))
      guard stored == computed else { throw wrong("the checksum does not match") }
    }
    if depth == 0 {
      return .found(
        BlockWindow(blocks: covered, runs: try runs(in: node, count, covered, wrong)))
    }
    guard count > 0 else { throw wrong("a node without children") }
    return try child(in: node, count, depth, covered, block, wrong)
  }

  private func child(
    in node: RawSpan, _ count: Int, _ depth: Int, _ covered: Range<UInt64>, _ block: UInt64,
    _ wrong: (String) -> FileSystemError
  ) throws -> Step {
    var chosen = -1
    var previous: UInt64?
    for entry in 0..<count {
      let first = UInt64(try node.littleEndian(at: 12 + 12 * entry, as: UInt32.self))
      guard covered.contains(first), previous.map({ $0 < first }) ?? true else {
        throw wrong("children that are not in order")
      }
      previous = first
      if first <= block { chosen = entry }
    }
    let next = chosen + 1
    let end =
      next < count
      ? UInt64(try node.littleEndian(at: 12 + 12 * next, as: UInt32.self)) : covered.upperBound
    guard chosen >= 0 else {
      return .found(BlockWindow(blocks: covered.lowerBound..<end, runs: []))
    }
    let start = 12 + 12 * chosen
    let first = UInt64(try node.littleEndian(at: start, as: UInt32.self))
    let low: UInt32 = try node.littleEndian(at: start + 4)
    let high: UInt16 = try node.littleEndian(at: start + 8)
    return .child(
      at: UInt64(high) << 32 | UInt64(low), depth: depth - 1, covered: first..<end)
  }

  private func runs(
    in node: RawSpan, _ count: Int, _ covered: Range<UInt64>,
    _ wrong: (String) -> FileSystemError
  ) throws -> [BlockRun] {
    var runs: [BlockRun] = []
    runs.reserveCapacity(count)
    var previous = covered.lowerBound
    for entry in 0..<count {
      let start = 12 + 12 * entry
      let first = UInt64(try node.littleEndian(at: start, as: UInt32.self))
      let length: UInt16 = try node.littleEndian(at: start + 4)
      let high: UInt16 = try node.littleEndian(at: start + 6)
      let low: UInt32 = try node.littleEndian(at: start + 8)
      let run = BlockRun(
        first: first, count: UInt64(length > 32_768 ? length - 32_768 : length),
        place: UInt64(high) << 32 | UInt64(low), isWritten: length <= 32_768)
      guard run.count > 0, first >= previous, run.end <= covered.upperBound else {
        throw wrong("extents that are not in order")
      }
      guard canHoldFile(run.count, from: run.place) else {
        throw wrong("\(run.count) blocks from \(run.place) on, which no file can have")
      }
      previous = run.end
      runs.append(run)
    }
    return runs
  }
}
