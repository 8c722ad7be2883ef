internal import Bytes

/// No larger disk is taken from a VHD by those who read them: 2,040 GiB.
package let fixedVHDByteLimit: UInt64 = 2040 << 30

/// The footer that makes a fixed-size VHD of a raw disk: 512 bytes to write behind its own.
///
/// Says that it comes from Windows, since readers believe the size in the footer of those alone and
/// count others from cylinders, heads and sectors. Source: Virtual Hard Disk Image Format
/// Specification 1.0, "Hard Disk Footer Format" and appendix "CHS Calculation" (Microsoft, 2006).
///
/// - Parameters:
///   - diskByteCount: a multiple of 512.
///   - timestamp: seconds since 2000 began.
///   - uuid: 16 random bytes.
package func fixedVHDFooter(
  diskByteCount: UInt64, timestamp: UInt32, uuid: [UInt8]
) -> [UInt8] {
  precondition(uuid.count == 16 && diskByteCount % 512 == 0, "whole sectors and a whole uuid")
  var footer: [UInt8] = Array("conectix".utf8)
  func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.bigEndian) { footer.append(contentsOf: $0) }
  }
  append(UInt32(2))  // features: a bit that is always set
  append(UInt32(0x0001_0000))
  append(UInt64.max)  // a fixed disk has no further header
  append(timestamp)
  footer += Array("win ".utf8)
  append(UInt32(0x000A_0000))
  footer += Array("Wi2k".utf8)
  append(diskByteCount)
  append(diskByteCount)
  append(geometry(diskByteCount))
  append(UInt32(2))  // fixed
  append(UInt32(0))  // the checksum's place
  footer += uuid
  footer += [UInt8](repeating: 0, count: FixedVHDFooter.byteCount - footer.count)
  let checksum = footerChecksum(footer.span.bytes)
  footer.replaceSubrange(64..<68, with: withUnsafeBytes(of: checksum.bigEndian) { Array($0) })
  return footer
}

/// Cylinders, heads and sectors of a track in 16, 8 and 8 bits.
private func geometry(_ diskByteCount: UInt64) -> UInt32 {
  let sectors = min(diskByteCount / 512, 65_535 * 16 * 255)
  var (perTrack, heads): (UInt64, UInt64) = (255, 16)
  var tracks = sectors / perTrack
  if sectors < 65_535 * 16 * 63 {
    perTrack = 17
    tracks = sectors / perTrack
    heads = max(4, (tracks + 1023) / 1024)
    for next: UInt64 in [31, 63] where tracks >= heads * 1024 || heads > 16 {
      (perTrack, heads) = (next, 16)
      tracks = sectors / perTrack
    }
  }
  return UInt32(tracks / heads) << 16 | UInt32(heads) << 8 | UInt32(perTrack)
}
