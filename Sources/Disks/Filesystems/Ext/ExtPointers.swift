internal import Bytes

/// A file's map as ext2 has it (Linux, Documentation/filesystems/ext4/blockmap.rst): fifteen block
/// numbers in the inode, of which twelve are the file's first blocks, and the others lead to blocks
/// full of numbers of blocks, over one, two and three steps. 0 is a hole.
extension ExtVolume {
  private static let directCount = 12

  func pointerWindow(of inode: ExtInode, around block: UInt64) throws -> BlockWindow {
    let direct = UInt64(Self.directCount)
    guard block >= direct else {
      return BlockWindow(
        blocks: 0..<direct,
        runs: try runs(in: inode.map.extracting(0..<48), from: 0, inode, at: nil))
    }
    let perBlock = UInt64(superblock.blockByteCount / 4)
    var start = direct
    var size = perBlock
    for steps in 1...3 {
      if block - start < size {
        let top: UInt32 = try inode.map.littleEndian(at: 44 + 4 * steps)
        return try window(
          below: UInt64(top), steps: steps, covered: start..<start + size, inode, block)
      }
      start += size
      size *= perBlock
    }
    return BlockWindow(blocks: start..<UInt64.max, runs: [])
  }

  private func window(
    below top: UInt64, steps: Int, covered: Range<UInt64>, _ inode: ExtInode, _ block: UInt64
  ) throws -> BlockWindow {
    var place = top
    var covered = covered
    for _ in 1..<steps {
      if place == 0 { break }
      let bytes = try fileBlock(place, of: "the block map of \(inode.structure)")
      let size = (covered.upperBound - covered.lowerBound) / UInt64(superblock.blockByteCount / 4)
      let entry = (block - covered.lowerBound) / size
      place = UInt64(try bytes.span.bytes.littleEndian(at: Int(entry) * 4, as: UInt32.self))
      let start = covered.lowerBound + entry * size
      covered = start..<start + size
    }
    guard place != 0 else { return BlockWindow(blocks: covered, runs: []) }
    let bytes = try fileBlock(place, of: "the block map of \(inode.structure)")
    return BlockWindow(
      blocks: covered,
      runs: try runs(in: bytes.span.bytes, from: covered.lowerBound, inode, at: place))
  }

  private func runs(
    in numbers: RawSpan, from first: UInt64, _ inode: ExtInode, at place: UInt64?
  ) throws -> [BlockRun] {
    var runs: [BlockRun] = []
    var start: UInt64 = 0
    var count: UInt64 = 0
    var base: UInt64 = 0
    for index in 0..<numbers.byteCount / 4 {
      let number = UInt64(try numbers.littleEndian(at: index * 4, as: UInt32.self))
      if count > 0, number == base + count, number != 0 {
        count += 1
        continue
      }
      if count > 0 {
        runs.append(BlockRun(first: start, count: count, place: base, isWritten: true))
      }
      count = 0
      if number == 0 { continue }
      start = first + UInt64(index)
      base = number
      count = 1
    }
    if count > 0 { runs.append(BlockRun(first: start, count: count, place: base, isWritten: true)) }
    for run in runs where !canHoldFile(run.count, from: run.place) {
      throw damaged(
        "the block map of \(inode.structure)", block: place,
        "\(run.count) blocks from \(run.place) on, which no file can have")
    }
    return runs
  }
}
