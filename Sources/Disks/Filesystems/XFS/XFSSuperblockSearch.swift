internal import BlockDevices
internal import Bytes

/// Finds the superblock; a copy where the first one is damaged.
struct XFSSuperblockSearch {
  let superblock: XFSSuperblock
  var warnings: [String] = []

  /// Nil where the first superblock has not even the magic number: what copies lie behind it may be
  /// those of a file system that was there before.
  ///
  /// - Parameter isLost: whether they are believed nevertheless.
  init?(_ device: any BlockDevice, isLost: Bool) throws {
    guard device.holds(UInt64(XFSSuperblock.byteCount), at: 0) else { return nil }
    let first = try device.bytes(at: 0, count: XFSSuperblock.byteCount)
    guard try first.span.bytes.bigEndian(at: 0) == XFSSuperblock.magic else {
      guard isLost, let copy = try copiedSuperblock(on: device, hinted: nil) else { return nil }
      superblock = copy.superblock
      warnings = ["the superblock is gone; the copy of group \(copy.group) was read"]
      return
    }
    do {
      let whole = try sector(of: device, at: 0)
      superblock = try XFSSuperblock(whole.span.bytes)
    } catch let error as FileSystemError where error.problem == .damaged {
      let span = first.span.bytes
      let hint =
        UInt64(try span.bigEndian(at: 0x54, as: UInt32.self))
        * UInt64(try span.bigEndian(at: 0x04, as: UInt32.self))
      guard let copy = try copiedSuperblock(on: device, hinted: hint) else { throw error }
      superblock = copy.superblock
      warnings = [
        "the superblock is damaged (\(error.reason)); the copy of group \(copy.group) was read"
      ]
    }
  }
}

private struct SuperblockCopy {
  let superblock: XFSSuperblock
  let group: UInt64
}

/// The sector of a superblock, in the size that it says itself.
private func sector(of device: any BlockDevice, at offset: UInt64) throws -> [UInt8] {
  let start = try device.bytes(at: offset, count: XFSSuperblock.byteCount)
  let size = Int(try start.span.bytes.bigEndian(at: 0x66, as: UInt16.self))
  guard size > start.count, size <= 32_768, device.holds(UInt64(size), at: offset) else {
    return start
  }
  return try device.bytes(at: offset, count: size)
}

/// Nil where a copy is damaged.
private func intactCopy(_ bytes: [UInt8]) throws -> XFSSuperblock? {
  do {
    return try XFSSuperblock(bytes.span.bytes, isCopy: true)
  } catch let error as FileSystemError where error.problem == .damaged {
    return nil
  }
}

/// The first copy that is not damaged and says where the root is, where groups are as large as they
/// usually are: a part of the device, rounded to blocks. Not all copies are kept up to date.
///
/// - Parameter hint: the size of a group in bytes, by a superblock that is damaged.
private func copiedSuperblock(
  on device: any BlockDevice, hinted hint: UInt64?
) throws -> SuperblockCopy? {
  var sizes: [UInt64] = hint.map { [$0] } ?? []
  func add(_ size: UInt64) {
    if !sizes.contains(size) { sizes.append(size) }
  }
  for count: UInt64 in [4, 1, 2, 8, 16, 32, 3, 5, 6, 7] {
    for block: UInt64 in [4096, 1024, 512, 2048, 8192, 16_384, 32_768, 65_536] {
      let blocks = device.byteCount / block
      add(blocks / count * block)
      add((blocks + count - 1) / count * block)
    }
  }
  // The largest that there is, for disks of many tebibytes.
  add((1 << 40) - 4096)
  for size in sizes where size >= 1 << 20 && size < device.byteCount {
    let count = min(device.byteCount / size, 64)
    // The last group and the middle one are told where the root is when the file system is made.
    for group in [count - 1, count / 2] + (1..<max(count, 1)) where group > 0 {
      guard device.holds(UInt64(XFSSuperblock.byteCount), at: group * size) else { continue }
      let bytes = try sector(of: device, at: group * size)
      guard try bytes.span.bytes.bigEndian(at: 0) == XFSSuperblock.magic,
        let copy = try intactCopy(bytes),
        UInt64(copy.blocksPerGroup) * UInt64(copy.blockByteCount) == size,
        copy.inodePlace(copy.rootInode) != nil
      else { continue }
      return SuperblockCopy(superblock: copy, group: group)
    }
  }
  return nil
}
