internal import Bytes

/// Reads blocks of a fork by their number in it, one after the other.
struct XFSForkBlocks {
  let volume: XFSVolume
  let inode: XFSInode
  let fork: XFSFork
  /// What is read, for an error.
  let structure: String
  /// What of the map was read last.
  private var window: BlockWindow?

  init(_ fork: XFSFork, of inode: XFSInode, on volume: XFSVolume, _ structure: String) {
    self.volume = volume
    self.inode = inode
    self.fork = fork
    self.structure = structure
  }

  /// The run that holds a block, or the hole around it.
  mutating func piece(at block: UInt64) throws -> (end: UInt64, run: BlockRun?) {
    if let window, window.blocks.contains(block) { return window.piece(at: block) }
    let window = try volume.window(of: fork, in: inode, around: block)
    self.window = window
    return window.piece(at: block)
  }

  /// Some blocks, which must all be there, and where the first one lies. The caller bounds `count`.
  mutating func blocks(
    _ count: UInt64, at first: UInt64
  ) throws -> (place: UInt64, bytes: [UInt8]) {
    let (place, bytes, _) = try pieces(count, at: first)
    return (place, bytes)
  }

  /// The same, and whether the blocks lie in pieces of which the log has changed one.
  mutating func pieces(
    _ count: UInt64, at first: UInt64
  ) throws -> (place: UInt64, bytes: [UInt8], areChanged: Bool) {
    var place: UInt64?
    var bytes: [UInt8] = []
    var areChanged = false
    var block = first
    while block < first + count {
      let (end, run) = try piece(at: block)
      guard let run, run.isWritten else {
        throw volume.damaged(structure, "block \(block) of it is missing")
      }
      let start = run.place + (block - run.first)
      let part = min(end, first + count) - block
      if place == nil {
        place = start
        bytes = try volume.blocks(part, from: start, of: structure)
      } else {
        bytes += try volume.blocks(part, from: start, of: structure)
      }
      if part < count, volume.isChangedByLog(part, from: start) { areChanged = true }
      block += part
    }
    return (place ?? 0, bytes, areChanged)
  }
}
