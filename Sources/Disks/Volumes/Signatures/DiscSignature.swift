internal import Bytes

/// ISO 9660, with Joliet's label where there is one, and UDF.
///
/// Descriptors of 2,048 bytes lie from 32 KiB on: type:u8 "CD001" version:u8, the primary one with
/// its label at 40, the time it was made at 813 and changed at 830, 16 digits each and an offset
/// from UTC. The UUID is the time of change as blkid spells it. Source: ECMA-119, 8.4.
@Sendable func discFileSystem(_ probe: SignatureProbe) throws -> Signature? {
  var primary: [UInt8]?
  var joliet: String?
  for number in 0..<UInt64(descriptorLimit) {
    let start = 32768 + number * 2048
    guard let descriptor = try probe.bytes(at: start, count: 2048) else { break }
    let identifier = descriptor[1..<6]
    if identifier.elementsEqual("NSR02".utf8) || identifier.elementsEqual("NSR03".utf8) {
      return Signature(role: .fileSystem, typeName: "udf")
    }
    let isOther = ["BEA01", "BOOT2", "TEA01"].contains { identifier.elementsEqual($0.utf8) }
    guard isOther || identifier.elementsEqual("CD001".utf8) else { break }
    if isOther { continue }
    if descriptor[0] == 1, primary == nil { primary = descriptor }
    // Escape sequences %/@, %/C and %/E: UCS-2 of three levels.
    if descriptor[0] == 2, descriptor[88..<90].elementsEqual("%/".utf8),
      [0x40, 0x43, 0x45].contains(descriptor[90])
    {
      joliet = utf16Label(Array(descriptor[40..<72]), bigEndian: true)
    }
  }
  guard let primary else { return nil }
  return Signature(
    role: .fileSystem, typeName: "iso9660", label: joliet ?? labelText(primary[40..<72]),
    uuid: dateText(primary[830..<847]) ?? dateText(primary[813..<830]))
}

private let descriptorLimit = 64

/// `2026-11-22-15-04-05-00`; nil where the time is not given.
private func dateText(_ bytes: ArraySlice<UInt8>) -> String? {
  let digits = bytes.prefix(16)
  guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
    digits.contains(where: { $0 != UInt8(ascii: "0") })
  else { return nil }
  return dashed(String(decoding: digits, as: UTF8.self), [4, 2, 2, 2, 2, 2, 2])
}
