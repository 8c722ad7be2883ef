/// Names that a file system keeps as UTF-16: FAT, exFAT, NTFS.
///
/// They become UTF-8. A surrogate without its other half, which is no character, becomes the three
/// bytes that UTF-8 would have for its number (WTF-8), so that no two names fall together.
extension FileName {
  package init(utf16 units: some Collection<UInt16>) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(units.count)
    var high: UInt32?
    for unit in units {
      let value = UInt32(unit)
      if let first = high {
        high = nil
        if value & 0xFC00 == 0xDC00 {
          append((first & 0x3FF) << 10 + (value & 0x3FF) + 0x10000, to: &bytes)
          continue
        }
        append(first, to: &bytes)
      }
      if value & 0xFC00 == 0xD800 { high = value } else { append(value, to: &bytes) }
    }
    if let high { append(high, to: &bytes) }
    self.init(bytes)
  }

  /// The name as it would be kept; nil where the bytes are not what ``init(utf16:)`` makes.
  package var utf16: [UInt16]? {
    var units: [UInt16] = []
    units.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      guard let (value, length) = codePoint(at: index) else { return nil }
      if value < 0x10000 {
        units.append(UInt16(value))
      } else {
        units.append(UInt16(0xD800 + (value - 0x10000) >> 10))
        units.append(UInt16(0xDC00 + value & 0x3FF))
      }
      index += length
    }
    return units
  }

  private func codePoint(at index: Int) -> (UInt32, length: Int)? {
    let first = UInt32(bytes[index])
    let (length, least): (Int, UInt32)
    switch first {
    case 0..<0x80: return (first, 1)
    case 0xC2..<0xE0: (length, least) = (2, 0x80)
    case 0xE0..<0xF0: (length, least) = (3, 0x800)
    case 0xF0..<0xF5: (length, least) = (4, 0x10000)
    default: return nil
    }
    guard length <= bytes.count - index else { return nil }
    var value = first & (0x7F >> UInt32(length))
    for byte in bytes[index + 1..<index + length] {
      guard byte & 0xC0 == 0x80 else { return nil }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    return value >= least && value < 0x110000 ? (value, length) : nil
  }
}

private func append(_ value: UInt32, to bytes: inout [UInt8]) {
  switch value {
  case 0..<0x80: bytes.append(UInt8(value))
  case 0x80..<0x800: bytes.append(UInt8(0xC0 | value >> 6))
  case 0x800..<0x10000:
    bytes.append(UInt8(0xE0 | value >> 12))
    bytes.append(UInt8(0x80 | value >> 6 & 0x3F))
  default:
    bytes.append(UInt8(0xF0 | value >> 18))
    bytes.append(UInt8(0x80 | value >> 12 & 0x3F))
    bytes.append(UInt8(0x80 | value >> 6 & 0x3F))
  }
  if value >= 0x80 { bytes.append(UInt8(0x80 | value & 0x3F)) }
}

/// The upper-case form of a UTF-16 unit by Unicode, where that is a single unit too.
package func upperCase(_ unit: UInt16) -> UInt16 {
  if unit < 0x80 { return unit >= 0x61 && unit <= 0x7A ? unit - 0x20 : unit }
  guard let scalar = Unicode.Scalar(unit) else { return unit }
  let mapped = scalar.properties.uppercaseMapping.utf16
  return mapped.count == 1 ? mapped.first! : unit
}
