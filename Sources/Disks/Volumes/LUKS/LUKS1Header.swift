internal import BlockDevices
internal import Bytes
internal import Encryption

/// Reads a LUKS1 header (LUKS On-Disk Format Specification 1.2.3, section 2.6). Big-endian.
///
///     header := "LUKS" BA BE  version:u16  cipher:32  mode:32  hash:32
///               payload:u32 keyByteCount:u32  digest:20 salt:32 iterations:u32  uuid:40  slot{8}
///     slot   := active:u32 iterations:u32 salt:32 area:u32 stripeCount:u32
///
/// `payload` and `area` count sectors of 512 bytes.
func luks1Header(on device: any BlockDevice) throws -> LUKSHeader {
  guard device.holds(592, at: 0) else { throw LUKSRefusal.damaged(1, "the device ends within it") }
  let bytes = try device.bytes(at: 0, count: 592)
  let fields = LUKS1Fields(bytes: bytes)
  let cipher = "\(fields.text(8))-\(fields.text(40))"
  let keyByteCount = Int(try fields.number(108))
  guard let encryption = SectorEncryption(cipher, keyByteCount: keyByteCount) else {
    throw LUKSRefusal(
      "its cipher \(printable(cipher)) with \(keyByteCount * 8) bits is not known here")
  }
  guard let digest = HeaderDigest(rawValue: fields.text(72)) else {
    throw LUKSRefusal("its hash \(printable(fields.text(72))) is not known here")
  }
  let payload = UInt64(try fields.number(104)) * 512
  if payload == 0 { throw LUKSRefusal("this is a detached header; its data lies elsewhere") }
  guard payload < device.byteCount else {
    throw LUKSRefusal(
      "its data would be at byte \(payload) of a device of \(device.byteCount): it was cut off")
  }
  let check = LUKSHeader.KeyCheck(
    work: .pbkdf2(digest, iterations: Int(try fields.number(164))),
    salt: Array(bytes[132..<164]), digest: Array(bytes[112..<132]))
  var slots: [LUKSHeader.KeySlot] = []
  var problems: [String] = []
  for number in 0..<8 {
    let place = 208 + 48 * number
    switch try fields.number(place) {
    case 0x00AC_71F3: break
    case 0x0000_DEAD: continue
    default:
      problems.append("key slot \(number) is damaged")
      continue
    }
    let area = UInt64(try fields.number(place + 40)) * 512
    let areaByteCount = UInt64(keyByteCount * LUKSHeader.stripeCount)
    guard Int(try fields.number(place + 44)) == LUKSHeader.stripeCount, area >= 592,
      device.holds(areaByteCount, at: area)
    else {
      problems.append("key slot \(number) is damaged")
      continue
    }
    slots.append(
      LUKSHeader.KeySlot(
        name: "\(number)", work: .pbkdf2(digest, iterations: Int(try fields.number(place + 4))),
        salt: Array(bytes[place + 8..<place + 40]), area: area..<area + areaByteCount,
        areaEncryption: encryption, keyByteCount: keyByteCount,
        stripeCount: LUKSHeader.stripeCount, stripeDigest: digest, check: check))
  }
  return LUKSHeader(
    slots: slots, problems: problems,
    segment: LUKSHeader.Segment(
      offset: payload, byteCount: nil, encryption: cipher, sectorByteCount: 512, firstNumber: 0))
}

/// Fields at fixed places.
private struct LUKS1Fields {
  let bytes: [UInt8]

  func number(_ place: Int) throws -> UInt32 { try bytes.span.bytes.bigEndian(at: place) }

  /// Up to 31 characters and a zero.
  func text(_ place: Int) -> String {
    String(decoding: bytes[place..<place + 32].prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// A text of a header, as far as a terminal may show it.
func printable(_ text: String) -> String {
  let shown = text.unicodeScalars.prefix(40).map { scalar in
    (0x21...0x7E).contains(scalar.value) ? Character(scalar) : "?"
  }
  return "'\(String(shown))'"
}
