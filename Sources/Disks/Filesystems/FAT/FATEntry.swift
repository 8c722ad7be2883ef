internal import Bytes

/// An item's record in a FAT directory.
///
///     record := name:11 flags:u8 case:u8 createdHundredths:u8 createdTime:u16 createdDate:u16
///               accessedDate:u16 clusterHigh:u16 modifiedTime:u16 modifiedDate:u16
///               clusterLow:u16 size:u32
struct FATEntry {
  /// Where it lies on the device.
  let offset: UInt64
  let flags: FileFlags
  let firstCluster: UInt32
  let byteCount: UInt32
  let modified: FileTime
  let accessed: FileTime?
  let created: FileTime?
  private let name: InlineArray<11, UInt8>
  private let caseBits: UInt8

  /// - Parameter width: only FAT32 has numbers of clusters of more than 16 bits.
  init(_ record: RawSpan, at offset: UInt64, _ width: FATWidth) throws(TruncatedInput) {
    self.offset = offset
    var name = InlineArray<11, UInt8>(repeating: 0)
    for index in 0..<11 { name[index] = try record.littleEndian(at: index) }
    self.name = name
    flags = FileFlags(rawValue: try record.littleEndian(at: 11))
    caseBits = try record.littleEndian(at: 12)
    let high: UInt16 = try record.littleEndian(at: 20)
    let low: UInt16 = try record.littleEndian(at: 26)
    firstCluster = (width == .bits32 ? UInt32(high) << 16 : 0) | UInt32(low)
    byteCount = try record.littleEndian(at: 28)
    modified =
      DOSTime(
        date: try record.littleEndian(at: 24), time: try record.littleEndian(at: 22)
      ).moment
    let accessedDate: UInt16 = try record.littleEndian(at: 18)
    accessed = accessedDate == 0 ? nil : DOSTime(date: accessedDate).moment
    let createdDate: UInt16 = try record.littleEndian(at: 16)
    created =
      createdDate == 0
      ? nil
      : DOSTime(
        date: createdDate, time: try record.littleEndian(at: 14),
        hundredths: try record.littleEndian(at: 13)
      ).moment
  }

  /// "." and "..", which every directory but the root begins with.
  var isDots: Bool { name[0] == UInt8(ascii: ".") }

  /// Whether its name can be one: a record that was never written as such seldom has one.
  var isPlausible: Bool {
    if name[0] == UInt8(ascii: " ") { return false }
    for index in 0..<11 where name[index] < 0x20 && (index > 0 || name[0] != 0x05) { return false }
    return true
  }

  /// What the parts of a long name that belongs to it carry.
  var checksum: UInt8 {
    var sum: UInt8 = 0
    for index in 0..<11 { sum = (sum << 7 | sum >> 1) &+ name[index] }
    return sum
  }

  /// The name of eight characters and three: what is shown where there is no long one.
  ///
  /// Windows keeps a name that is all lower-case before or after its dot so, with a bit for each.
  var shortName: FileName {
    var units: [UInt16] = []
    units.reserveCapacity(12)
    appendPart(0..<8, isLowerCase: caseBits & 0x08 != 0, to: &units)
    let base = units.count
    appendPart(8..<11, isLowerCase: caseBits & 0x10 != 0, to: &units)
    if units.count > base { units.insert(UInt16(UInt8(ascii: ".")), at: base) }
    return FileName(utf16: units)
  }

  private func appendPart(_ places: Range<Int>, isLowerCase: Bool, to units: inout [UInt16]) {
    var end = places.upperBound
    while end > places.lowerBound, name[end - 1] == UInt8(ascii: " ") { end -= 1 }
    for index in places.lowerBound..<end {
      // A first byte of 0xE5 would say that the record is free.
      let byte = index == 0 && name[0] == 0x05 ? 0xE5 : name[index]
      let unit = byte < 0x80 ? UInt16(byte) : codePage437[Int(byte - 0x80)]
      units.append(isLowerCase ? lowerCase(unit) : unit)
    }
  }
}

private func lowerCase(_ unit: UInt16) -> UInt16 {
  if unit < 0x80 { return unit >= 0x41 && unit <= 0x5A ? unit + 0x20 : unit }
  guard let mapped = Unicode.Scalar(unit)?.properties.lowercaseMapping.utf16, mapped.count == 1
  else { return unit }
  return mapped.first!
}
