internal import BlockDevices
internal import Bytes

/// The footer of a fixed-size VHD: the last 512 bytes of the file, after the disk's own.
///
///     footer := "conectix" features:u32 version:u32 dataOffset:u64 timestamp:u32 creator:u32
///               creatorVersion:u32 creatorOS:u32 originalSize:u64 currentSize:u64 geometry:u32
///               type:u32 checksum:u32 uuid:16 savedState:u8 zero*
///
/// Integers are big-endian. Source: Virtual Hard Disk Image Format Specification 1.0, "Hard Disk
/// Footer Format" (Microsoft, 2006).
struct FixedVHDFooter {
  static let byteCount = 512
  let diskByteCount: UInt64
}

/// The footer of a fixed VHD; nil where the file has none and so is a raw image.
func fixedVHDFooter(of file: HostFile) throws -> FixedVHDFooter? {
  let size = UInt64(FixedVHDFooter.byteCount)
  guard file.byteCount >= size else { return nil }
  let footer = try file.bytes(at: file.byteCount - size, count: FixedVHDFooter.byteCount)
  let bytes = footer.span.bytes
  guard bytes.starts(with: "conectix") else { return nil }

  func field<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Value.Type) -> Value {
    Value(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
  }
  let type = field(60, UInt32.self)
  guard type == 2 else {
    throw DiskImageError.unsupportedFormat(file.path, format: "a VHD of type \(type), not fixed")
  }
  let checksum = field(64, UInt32.self)
  guard checksum == footerChecksum(bytes) else {
    throw DiskImageError.damagedFooter(file.path, reason: "its checksum is wrong")
  }
  let diskByteCount = field(48, UInt64.self)
  guard diskByteCount <= file.byteCount - size else {
    throw DiskImageError.damagedFooter(
      file.path,
      reason: "it promises a disk of \(diskByteCount) bytes in a file of \(file.byteCount)")
  }
  return FixedVHDFooter(diskByteCount: diskByteCount)
}

/// One's complement of the sum of all bytes but the checksum's own.
func footerChecksum(_ footer: RawSpan) -> UInt32 {
  var sum: UInt32 = 0
  for offset in 0..<FixedVHDFooter.byteCount where !(64..<68).contains(offset) {
    sum &+= UInt32(footer.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
  }
  return ~sum
}
