internal import Bytes

/// Where a fork's bytes lie (XFS Algorithms & Data Structures, "Data Extents"). Big-endian:
///
///     extent := unwritten:1, first:54, place:52, count:21        128 bits, the highest first
///     root   := level:u16, records:u16, key* [room], child*      in the inode
///     node   := "BMAP" or "BMA3", level:u16, records:u16, siblings:u64×2, [place:u64, lsn:u64,
///               uuid:16, owner:u64, checksum:u32, 0:u32]
///               then key* [room] child*, and at level 0 extent*
///     key    := first:u64
///     child  := place:u64
///
/// A place is a block's number with the group in its upper bits.
extension XFSVolume {
  /// Behind the last block that a file can have.
  private static let blockLimit: UInt64 = 1 << 54
  private static let greatestLevel = 9

  /// Where a part of a fork around `block` lies.
  func window(
    of fork: XFSFork, in inode: XFSInode, around block: UInt64
  ) throws -> BlockWindow {
    guard block < Self.blockLimit else {
      return BlockWindow(blocks: Self.blockLimit..<UInt64.max, runs: [])
    }
    let whole = 0..<Self.blockLimit
    let span = inode.span(of: fork)
    func wrong(_ reason: String) -> FileSystemError { damaged(inode.structure, reason) }
    switch XFSInode.Format(rawValue: fork.format) {
    case .extents:
      guard fork.extentCount <= UInt64(span.byteCount / 16) else {
        throw wrong("\(fork.extentCount) extents, for which there is no room")
      }
      let records = span.extracting(0..<Int(fork.extentCount) * 16)
      return BlockWindow(blocks: whole, runs: try runs(in: records, whole, wrong))
    case .tree:
      let level = Int(try span.bigEndian(at: 0, as: UInt16.self))
      guard level > 0, level <= Self.greatestLevel else {
        throw wrong("a tree of extents of \(level) levels")
      }
      let child = try child(in: span, entriesAt: 4, whole, around: block, wrong)
      return try window(below: child, level: level - 1, of: inode, around: block)
    default: throw wrong("it has no extents")
    }
  }

  /// A part of a tree: a node's number as it is written, and what blocks are below it.
  private struct Branch {
    var node: UInt64
    var blocks: Range<UInt64>
    /// Whether these lie before the first key, so that nothing is known of them.
    var isHole = false
  }

  private func window(
    below branch: Branch, level: Int, of inode: XFSInode, around block: UInt64
  ) throws -> BlockWindow {
    var branch = branch
    var level = level
    while !branch.isHole {
      guard let place = superblock.block(branch.node) else {
        throw damaged("the extents of \(inode.structure)", "a node where there is no block")
      }
      func wrong(_ reason: String) -> FileSystemError {
        damaged("the extents of \(inode.structure)", block: place, reason)
      }
      let bytes = try self.block(place, of: "the extents of \(inode.structure)")
      let span = bytes.span.bytes
      let hasChecksums = superblock.features.hasChecksums
      let magic: UInt32 = try span.bigEndian(at: 0)
      guard magic == (hasChecksums ? 0x424D_4133 : 0x424D_4150) else {
        throw wrong("the magic number is missing")
      }
      try verify(
        span, .extentTree, at: place, owner: inode.number, "the extents of \(inode.structure)")
      let found = Int(try span.bigEndian(at: 4, as: UInt16.self))
      guard found == level else { throw wrong("a node of level \(found) where another is due") }
      let start = hasChecksums ? 72 : 24
      if level == 0 {
        let count = Int(try span.bigEndian(at: 6, as: UInt16.self))
        guard count > 0, count <= (span.byteCount - start) / 16 else {
          throw wrong("\(count) extents in a block")
        }
        let records = span.extracting(start..<start + 16 * count)
        return BlockWindow(
          blocks: branch.blocks, runs: try runs(in: records, branch.blocks, wrong))
      }
      branch = try child(in: span, entriesAt: start, branch.blocks, around: block, wrong)
      level -= 1
    }
    return BlockWindow(blocks: branch.blocks, runs: [])
  }

  /// The child of a node below which a block is.
  ///
  /// - Parameters:
  ///   - start: where the keys begin; the number of records stands at 2 in a root, and else at 6.
  ///   - covered: the part of the file that is below the node.
  private func child(
    in node: RawSpan, entriesAt start: Int, _ covered: Range<UInt64>, around block: UInt64,
    _ wrong: (String) -> FileSystemError
  ) throws -> Branch {
    let count = Int(try node.bigEndian(at: start == 4 ? 2 : 6, as: UInt16.self))
    let room = (node.byteCount - start) / 16
    guard count > 0, count <= room else { throw wrong("\(count) children in a room for \(room)") }
    var chosen: Int?
    var previous: UInt64?
    var bounds = covered
    for entry in 0..<count {
      let first: UInt64 = try node.bigEndian(at: start + 8 * entry)
      guard covered.contains(first), previous.map({ $0 < first }) ?? true else {
        throw wrong("children that are not in order")
      }
      previous = first
      if first <= block {
        chosen = entry
        bounds = first..<covered.upperBound
      } else {
        bounds = bounds.lowerBound..<first
        break
      }
    }
    guard let chosen else { return Branch(node: 0, blocks: bounds, isHole: true) }
    let child: UInt64 = try node.bigEndian(at: start + 8 * (room + chosen))
    return Branch(node: child, blocks: bounds)
  }

  private func runs(
    in records: RawSpan, _ covered: Range<UInt64>, _ wrong: (String) -> FileSystemError
  ) throws -> [BlockRun] {
    var runs: [BlockRun] = []
    runs.reserveCapacity(records.byteCount / 16)
    var previous = covered.lowerBound
    for start in stride(from: 0, to: records.byteCount, by: 16) {
      let high: UInt64 = try records.bigEndian(at: start)
      let low: UInt64 = try records.bigEndian(at: start + 8)
      let first = high >> 9 & (1 << 54 - 1)
      let count = low & (1 << 21 - 1)
      guard count > 0, first >= previous, first + count <= covered.upperBound else {
        throw wrong("extents that are not in order")
      }
      guard let place = superblock.block((high & 0x1FF) << 43 | low >> 21),
        superblock.canHoldFile(count, from: place)
      else { throw wrong("an extent where no file can have one") }
      runs.append(
        BlockRun(first: first, count: count, place: place, isWritten: high >> 63 == 0))
      previous = first + count
    }
    return runs
  }
}
