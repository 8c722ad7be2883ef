internal import BlockDevices
internal import Bytes

/// A VHD that grows: a footer's copy, a header, and a table of blocks.
///
///     header := "cxsparse" dataOffset:u64 tableOffset:u64 version:u32 entryCount:u32 blockSize:u32
///               checksum:u32 parent:16 parentTime:u32 reserved:u32 parentName:512 locators:192
///     table  := sector:u32*             where a block begins, all ones for one of zeros
///     block  := bitmap data             a bit for each sector, padded to a sector
///
/// Integers are big-endian. Source: Virtual Hard Disk Image Format Specification 1.0, "Dynamic Disk
/// Header Format", "Block Allocation Table and Data Blocks" (Microsoft, 2006).
func dynamicVHD(_ file: HostFile) throws -> MappedImage {
  func damage(_ reason: String) -> DiskImageError {
    .damaged(file.path, .dynamicVHD, reason: reason)
  }
  do {
    let footer = try file.bytes(at: 0, count: FixedVHDFooter.byteCount)
    let copy = footer.span.bytes
    guard try copy.bigEndian(at: 64) == footerChecksum(copy) else {
      throw damage("the checksum of its footer's copy is wrong")
    }
    let type: UInt32 = try copy.bigEndian(at: 60)
    guard type == 3 else {
      let kind = type == 4 ? "it is made over another one (a differencing VHD)" : "type \(type)"
      throw DiskImageError.unsupported(file.path, .dynamicVHD, reason: kind)
    }
    let bytes = try file.bytes(at: try copy.bigEndian(at: 16), count: 1024)
    let header = bytes.span.bytes
    guard header.starts(with: "cxsparse") else { throw damage("it has no second header") }
    var sum: UInt32 = 0
    for (offset, byte) in bytes.enumerated() where !(36..<40).contains(offset) {
      sum &+= UInt32(byte)
    }
    guard try header.bigEndian(at: 36) == ~sum else {
      throw damage("the checksum of its header is wrong")
    }
    let blockByteCount = UInt64(try header.bigEndian(at: 32, as: UInt32.self))
    let bitmapByteCount = (blockByteCount / 512 / 8 + 511) / 512 * 512
    let layout = BlockTable.Layout(
      format: .dynamicVHD, byteCount: try copy.bigEndian(at: 48), blockByteCount: blockByteCount,
      tableOffset: try header.bigEndian(at: 16),
      entryCount: UInt64(try header.bigEndian(at: 28, as: UInt32.self)), isBigEndian: true,
      base: bitmapByteCount, scale: 512, firstUnused: .max)
    return MappedImage(try BlockTable(layout, in: file), in: file)
  } catch is TruncatedInput { throw damage("it ends within its header") } catch is OutsideDevice {
    throw damage("its header lies beyond its end")
  }
}
