internal import Bytes

/// A long name, gathered from the records that stand before an item's own, last part first.
///
///     part := order:u8 units:5×u16 0x0F:u8 0:u8 checksum:u8 units:6×u16 0:u16 units:2×u16
///     order := number of the part from 1 on, and 0x40 in that which comes first
struct FATLongName {
  private static let unitsInPart = 13
  private static let partLimit = 20
  private static let unitLimit = 255

  private var units = [UInt16](repeating: 0, count: partLimit * unitsInPart)
  private var partCount = 0
  /// The parts that are still to come.
  private var missing = 0
  private var checksum: UInt8 = 0

  /// Takes a part in. One that does not follow those before makes the name void.
  mutating func add(_ record: RawSpan) throws(TruncatedInput) {
    let order: UInt8 = try record.littleEndian(at: 0)
    let sum: UInt8 = try record.littleEndian(at: 13)
    let number = Int(order & 0x3F)
    if order & 0x40 != 0 {
      guard (1...Self.partLimit).contains(number) else { return clear() }
      partCount = number
      checksum = sum
    } else {
      guard missing > 1, number == missing - 1, sum == checksum else { return clear() }
    }
    missing = number
    let first = (number - 1) * Self.unitsInPart
    for index in 0..<5 { units[first + index] = try record.littleEndian(at: 1 + index * 2) }
    for index in 0..<6 { units[first + 5 + index] = try record.littleEndian(at: 14 + index * 2) }
    for index in 0..<2 { units[first + 11 + index] = try record.littleEndian(at: 28 + index * 2) }
  }

  mutating func clear() {
    partCount = 0
    missing = 0
  }

  /// The name of the item that comes now; nil where it has no long one, or not a whole one.
  func units(for entry: FATEntry) -> ArraySlice<UInt16>? {
    guard partCount > 0, missing == 1, entry.checksum == checksum else { return nil }
    let all = units[..<(partCount * Self.unitsInPart)]
    let name = all.prefix { $0 != 0 }
    return (1...Self.unitLimit).contains(name.count) ? name : nil
  }
}
