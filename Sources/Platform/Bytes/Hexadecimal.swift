/// Lower-case hexadecimal text of `bytes`.
package func hexadecimal(_ bytes: RawSpan) -> String {
  String(unsafeUninitializedCapacity: bytes.byteCount * 2) { text in
    for index in 0..<bytes.byteCount {
      let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      text[index * 2] = hexadecimalDigit(byte >> 4)
      text[index * 2 + 1] = hexadecimalDigit(byte & 15)
    }
    return bytes.byteCount * 2
  }
}

/// The bytes that hexadecimal `text` spells, nil where it has an odd length or another character.
package func bytes(hexadecimal text: some StringProtocol) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count.isMultiple(of: 2) else { return nil }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(digits.count / 2)
  for index in stride(from: 0, to: digits.count, by: 2) {
    guard let high = value(ofDigit: digits[index]), let low = value(ofDigit: digits[index + 1])
    else { return nil }
    bytes.append(high << 4 | low)
  }
  return bytes
}

private func hexadecimalDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

private func value(ofDigit digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  default: nil
  }
}
