internal import BlockDevices
internal import Bytes

/// An image of VirtualBox: a header and a table of blocks.
///
///     header := text:64 signature:u32 version:u32 byteCount:u32 type:u32 flags:u32 comment:256
///               tableOffset:u32 dataOffset:u32 geometry:16 unused:u32 diskByteCount:u64
///               blockByteCount:u32 blockExtra:u32 blockCount:u32 allocated:u32 uuids:64
///     table  := block:u32*              all ones for one of zeros, one less for a discarded one
///
/// Integers are little-endian. Source: QEMU, block/vdi.c; VirtualBox, Storage/VDICore.h.
func virtualBoxImage(_ file: HostFile) throws -> MappedImage {
  func damage(_ reason: String) -> DiskImageError { .damaged(file.path, .vdi, reason: reason) }
  func unsupported(_ reason: String) -> DiskImageError {
    .unsupported(file.path, .vdi, reason: reason)
  }
  do {
    let bytes = try file.bytes(at: 0, count: 512)
    let header = bytes.span.bytes
    let version: UInt32 = try header.littleEndian(at: 68)
    guard version >> 16 == 1 else { throw unsupported("it is of version \(version >> 16)") }
    let type: UInt32 = try header.littleEndian(at: 76)
    let parent = try header.field(at: 440, count: 16)
    guard type == 1 || type == 2, parent.isZero else {
      throw unsupported(
        type == 4 || !parent.isZero ? "it is made over another one" : "it is of type \(type)")
    }
    guard try header.littleEndian(at: 380, as: UInt32.self) == 0 else {
      throw unsupported("its blocks have something before them")
    }
    let blockByteCount = UInt64(try header.littleEndian(at: 376, as: UInt32.self))
    let layout = BlockTable.Layout(
      format: .vdi, byteCount: try header.littleEndian(at: 368), blockByteCount: blockByteCount,
      tableOffset: UInt64(try header.littleEndian(at: 340, as: UInt32.self)),
      entryCount: UInt64(try header.littleEndian(at: 384, as: UInt32.self)), isBigEndian: false,
      base: UInt64(try header.littleEndian(at: 344, as: UInt32.self)), scale: blockByteCount,
      firstUnused: .max - 1)
    return MappedImage(try BlockTable(layout, in: file), in: file)
  } catch is TruncatedInput { throw damage("it ends within its header") } catch is OutsideDevice {
    throw damage("it ends within its header")
  }
}
