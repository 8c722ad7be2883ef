internal import Bytes

/// Looking a name up by a directory's index (Linux, Documentation/filesystems/ext4/directory.rst).
///
/// The index only makes it faster: whoever does not find a name by it reads all entries.
extension ExtVolume {
  private static let greatestDepth = 3

  /// The block of the directory where a name is by the index, if it is anywhere; nil where there is
  /// no index that can be followed.
  func indexedBlock(of name: [UInt8], in directory: ExtInode) throws -> UInt64? {
    guard directory.flags.contains(.indexed), !directory.flags.contains(.inlineData),
      superblock.features.compatible.contains(.directoryIndex)
    else { return nil }
    guard let (_, root) = try directoryBlock(0, of: directory) else { return nil }
    let span = root.span.bytes
    let version: UInt8 = try span.littleEndian(at: 28)
    let depth = Int(try span.littleEndian(at: 30, as: UInt8.self))
    guard try span.littleEndian(at: 29) == 8 as UInt8, depth <= Self.greatestDepth,
      let hash = ExtDirectoryHash(
        version: version, areUnsigned: superblock.hashesAreUnsigned, seed: superblock.hashSeed)
    else { return nil }
    let value = hash.value(of: name)
    var next = try child(of: span, entriesAt: 32, for: value)
    for _ in 0..<depth {
      guard let number = next, let (_, node) = try directoryBlock(number, of: directory) else {
        return nil
      }
      next = try child(of: node.span.bytes, entriesAt: 8, for: value)
    }
    return next
  }

  /// A block of a directory by its number there, and its place; nil where there is none.
  func directoryBlock(
    _ number: UInt64, of directory: ExtInode
  ) throws -> (place: UInt64, bytes: [UInt8])? {
    guard number < directory.byteCount / UInt64(superblock.blockByteCount) else { return nil }
    let window = try window(of: directory, around: number)
    guard let run = window.piece(at: number).run, run.isWritten else { return nil }
    let place = run.place + (number - run.first)
    return (place, try intactBlock(place, number, of: directory))
  }

  /// The last child whose hashes begin at `value` or before it. The first one has no hash.
  private func child(
    of block: RawSpan, entriesAt start: Int, for value: UInt32
  ) throws -> UInt64? {
    let count = Int(try block.littleEndian(at: start + 2, as: UInt16.self))
    guard count > 0, count <= (block.byteCount - start) / 8 else { return nil }
    var low = 1
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if try block.littleEndian(at: start + 8 * middle, as: UInt32.self) > value {
        high = middle
      } else {
        low = middle + 1
      }
    }
    let number: UInt32 = try block.littleEndian(at: start + 8 * (low - 1) + 4)
    return UInt64(number & 0x0FFF_FFFF)
  }
}
