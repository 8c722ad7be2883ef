internal import BlockDevices
internal import Bytes

/// The header of a VHDX file that counts: of the two, the valid one with the greater number.
///
///     section    := identifier header header regions regions       each padded to 64 KiB
///     identifier := "vhdxfile" creator:512
///     header     := "head" checksum:u32 sequence:u64 fileWriteID:16 dataWriteID:16 logID:16
///                   logVersion:u16 version:u16 logByteCount:u32 logOffset:u64 zero:4016
///
/// Integers are little-endian, here and in all of a VHDX file. Source: [MS-VHDX] 2.2, "Header
/// Section".
struct VHDXHeader {
  /// Changes with what the disk holds; what is made over the image names it.
  let dataWriteID: String
  /// nil where the log is empty.
  let log: Log?

  struct Log {
    let id: [UInt8]
    let offset: UInt64
    let byteCount: Int
  }

  private static let byteCount = 4096
  private static let places: [UInt64] = [64 << 10, 128 << 10]
  /// What all that lies in the file begins at a multiple of.
  static let alignment: UInt64 = 1 << 20
  /// Of a log that is replayed, which bounds the memory for it. Hyper-V's have 1 MiB.
  private static let logByteLimit: UInt64 = 32 << 20

  init(_ file: HostFile) throws {
    var newest: (sequence: UInt64, bytes: [UInt8])?
    var isAmbiguous = false
    for place in Self.places {
      let bytes = try file.bytes(at: place, count: Self.byteCount)
      let header = bytes.span.bytes
      guard header.starts(with: "head"),
        try header.littleEndian(at: 4) == vhdxChecksum(header)
      else { continue }
      let sequence: UInt64 = try header.littleEndian(at: 8)
      isAmbiguous = newest.map { $0.sequence == sequence && $0.bytes != bytes } ?? false
      if sequence >= newest?.sequence ?? 0 { newest = (sequence, bytes) }
    }
    guard let newest, !isAmbiguous else {
      throw Self.damage(
        file,
        isAmbiguous ? "its headers differ and are as new as each other" : "neither header is whole")
    }
    try self.init(newest.bytes.span.bytes, file)
  }

  private init(_ header: RawSpan, _ file: HostFile) throws {
    let version: UInt16 = try header.littleEndian(at: 66)
    guard version == 1 else { throw Self.unsupported(file, "it is of version \(version), not 1") }
    dataWriteID = guidText([UInt8](try header.field(at: 32, count: 16)))
    let id = try header.field(at: 48, count: 16)
    if id.isZero {
      log = nil
      return
    }
    let logVersion: UInt16 = try header.littleEndian(at: 64)
    guard logVersion == 0 else {
      throw Self.unsupported(file, "its log is of version \(logVersion), not 0")
    }
    let byteCount = UInt64(try header.littleEndian(at: 68, as: UInt32.self))
    let offset: UInt64 = try header.littleEndian(at: 72)
    guard byteCount > 0, byteCount.isMultiple(of: Self.alignment), offset >= Self.alignment,
      offset.isMultiple(of: Self.alignment), file.holds(byteCount, at: offset)
    else {
      throw Self.damage(file, "its log of \(byteCount) bytes lies at \(offset)")
    }
    guard byteCount <= Self.logByteLimit else {
      throw Self.unsupported(
        file,
        "it was not closed, and of its log of \(byteCount >> 20) MiB more than "
          + "\(Self.logByteLimit >> 20) MiB are not replayed; `qemu-img check -r all` does that")
    }
    log = Log(id: Array(id), offset: offset, byteCount: Int(byteCount))
  }

  static func damage(_ file: HostFile, _ reason: String) -> DiskImageError {
    .damaged(file.path, .vhdx, reason: reason)
  }

  static func unsupported(_ file: HostFile, _ reason: String) -> DiskImageError {
    .unsupported(file.path, .vhdx, reason: reason)
  }
}

/// CRC-32C of what holds its own checksum in bytes 4 to 7, which count as zeros.
func vhdxChecksum(_ bytes: RawSpan) throws(TruncatedInput) -> UInt32 {
  let sum = CyclicChecksum.castagnoli
  var value = sum.updating(.max, with: try bytes.field(at: 0, count: 4))
  value = sum.updating(value, with: UInt32(0))
  return ~sum.updating(value, with: try bytes.field(at: 8, count: bytes.byteCount - 8))
}
