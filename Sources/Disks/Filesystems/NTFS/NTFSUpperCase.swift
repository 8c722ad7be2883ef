/// The volume's own table of upper-case letters, by which its names are equal or not: 65,536 units,
/// the content of $UpCase.
struct NTFSUpperCase: Sendable {
  static let byteCount = 128 << 10

  private let mapped: [UInt16]?

  /// Unicode's upper case, for a volume whose table cannot be read.
  static let unicode = NTFSUpperCase(mapped: nil)

  private init(mapped: [UInt16]?) { self.mapped = mapped }

  /// - Parameter bytes: the whole table.
  init(_ bytes: [UInt8]) {
    precondition(bytes.count == Self.byteCount, "a whole table")
    mapped = stride(from: 0, to: bytes.count, by: 2)
      .map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
  }

  /// Whether it is the one by which the volume's directories are in order.
  var isVolumesOwn: Bool { mapped != nil }

  func upperCase(_ unit: UInt16) -> UInt16 {
    guard let mapped else { return Filesystems.upperCase(unit) }
    return mapped[Int(unit)]
  }

  /// Below zero where `a` comes first, zero where both are equal but for the case.
  func order(_ a: [UInt16], _ b: [UInt16]) -> Int {
    for index in 0..<min(a.count, b.count) where a[index] != b[index] {
      let (one, two) = (upperCase(a[index]), upperCase(b[index]))
      if one != two { return one < two ? -1 : 1 }
    }
    return a.count - b.count
  }
}
