internal import Bytes

/// The volume's own table of upper-case letters, by which its names are equal or not: section 7.2.
///
///     record := 82 zero:3 checksum:u32 zero:12 firstCluster:u32 bytes:u64
///     table  := (unit:u16 | FFFF count:u16)*     the second: so many are their own upper case
struct UpcaseTable: Sendable {
  /// For 65,536 units at two bytes.
  static let byteLimit: UInt64 = 128 << 10

  private let mapped: [UInt16]?

  /// Unicode's upper case, for a volume whose table cannot be read.
  static let unicode = UpcaseTable(mapped: nil)

  private init(mapped: [UInt16]?) { self.mapped = mapped }

  /// - Returns: nil where the checksum of the bytes is another one.
  init?(_ bytes: RawSpan, checksum: UInt32) throws(TruncatedInput) {
    var sum: UInt32 = 0
    for index in 0..<bytes.byteCount {
      sum = (sum << 31 | sum >> 1) &+ UInt32(try bytes.littleEndian(at: index, as: UInt8.self))
    }
    guard sum == checksum else { return nil }
    var mapped = [UInt16](0 ... .max)
    var reader = ByteReader(bytes)
    var index = 0
    while reader.remaining >= 2, index < mapped.count {
      let unit: UInt16 = try reader.integer()
      if unit == 0xFFFF, reader.remaining >= 2 {
        index += Int(try reader.integer(UInt16.self))
      } else {
        mapped[index] = unit
        index += 1
      }
    }
    self.mapped = mapped
  }

  func upperCase(_ unit: UInt16) -> UInt16 {
    guard let mapped else { return Filesystems.upperCase(unit) }
    return mapped[Int(unit)]
  }
}
