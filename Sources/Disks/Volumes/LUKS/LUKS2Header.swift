internal import BlockDevices
internal import Bytes
internal import Encryption

/// Reads a LUKS2 header (LUKS2 On-Disk Format Specification 1.1.3, chapter 2). Big-endian.
///
///     header := binary:4096 json
///     binary := magic:6 version:u16  byteCount:u64 sequence:u64  label:48
///               checksumName:32  salt:64  uuid:40  subsystem:48  offset:u64 …  checksum:64@448 …
///
/// It is there twice, one behind the other, the second with "SKUL" for "LUKS"; the newer one of
/// those that are whole is meant.
func luks2Header(on device: any BlockDevice) throws -> LUKSHeader {
  let first: LUKS2Copy
  do { first = try LUKS2Copy(on: device, at: 0, magic: "LUKS") } catch let error as LUKSRefusal {
    guard let second = secondCopy(on: device) else { throw error }
    return try LUKS2Metadata(second.json).header(on: device)
  }
  let second = try? LUKS2Copy(on: device, at: first.byteCount, magic: "SKUL")
  guard let second, second.sequence > first.sequence, second.byteCount == first.byteCount else {
    return try LUKS2Metadata(first.json).header(on: device)
  }
  return try LUKS2Metadata(second.json).header(on: device)
}

/// The second copy of a header whose first does not say how large it is.
private func secondCopy(on device: any BlockDevice) -> LUKS2Copy? {
  for byteCount in LUKS2Copy.byteCounts {
    guard let copy = try? LUKS2Copy(on: device, at: UInt64(byteCount), magic: "SKUL") else {
      continue
    }
    if copy.byteCount == UInt64(byteCount) { return copy }
  }
  return nil
}

/// One of the two copies of a header, its checksum verified.
private struct LUKS2Copy {
  /// What a copy can be as large as, in bytes: 16 KiB to 4 MiB.
  static let byteCounts = (0...8).map { 16_384 << $0 }
  private static let binaryByteCount = 4096

  let byteCount: UInt64
  let sequence: UInt64
  /// Up to its first zero.
  let json: [UInt8]

  /// - Throws: ``LUKSRefusal``; what the device throws.
  init(on device: any BlockDevice, at offset: UInt64, magic: String) throws {
    guard device.holds(UInt64(Self.binaryByteCount), at: offset) else {
      throw LUKSRefusal.damaged(2, "the device ends within it")
    }
    let binary = try device.bytes(at: offset, count: Self.binaryByteCount)
    guard Array(binary.prefix(8)) == Array(magic.utf8) + [0xBA, 0xBE, 0, 2] else {
      throw LUKSRefusal.damaged(2, "it does not begin as one")
    }
    let size: UInt64 = try binary.span.bytes.bigEndian(at: 8)
    sequence = try binary.span.bytes.bigEndian(at: 16)
    let told: UInt64 = try binary.span.bytes.bigEndian(at: 256)
    guard let known = Self.byteCounts.first(where: { UInt64($0) == size }), told == offset,
      device.holds(size, at: offset)
    else { throw LUKSRefusal.damaged(2, "it says that it is of \(size) bytes at \(told)") }
    byteCount = size
    var bytes = try device.bytes(at: offset, count: known)
    let name = String(decoding: bytes[72..<104].prefix { $0 != 0 }, as: UTF8.self)
    guard let digest = HeaderDigest(rawValue: name) else {
      throw LUKSRefusal("the checksum \(printable(name)) of its header is not known here")
    }
    let checksum = Array(bytes[448..<448 + digest.byteCount])
    for place in 448..<512 { bytes[place] = 0 }
    var made = [UInt8](repeating: 0, count: digest.byteCount)
    var span = made.mutableSpan
    var target = span.mutableBytes
    digest.digest(bytes.span.bytes, into: &target)
    guard made == checksum else { throw LUKSRefusal.damaged(2, "its checksum is wrong") }
    json = Array(bytes[Self.binaryByteCount...].prefix { $0 != 0 })
  }
}
