internal import Bytes

extension [UInt8] {
  /// Fields of an inode that are turned around, of the form (offset, size).
  private static let common: [(Int, Int)] = [
    (0, 2), (2, 2), (8, 4), (12, 4), (16, 4), (20, 2), (22, 2), (56, 8), (64, 8), (72, 4), (76, 4),
    (80, 2), (84, 4), (88, 2), (90, 2), (92, 4),
  ]

  /// Replaces what an inode says up to its forks, but for its place in the list of inodes without a
  /// name, which is logged elsewhere.
  ///
  /// - Parameters:
  ///   - fields: as they are logged, in the order of the machine, which is little-endian.
  ///   - sequence: where the log was when it was written.
  mutating func replaceFields(
    by fields: RawSpan, sequence: UInt64, wrong: (String) -> FileSystemError
  ) throws {
    guard try fields.littleEndian(at: 0) == XFSInode.magic else {
      throw wrong("it is logged as none")
    }
    let version: UInt8 = try fields.littleEndian(at: 4)
    let isThird = version == 3
    guard version == 2 || isThird, fields.byteCount >= (isThird ? 176 : 96) else {
      throw wrong("version \(version) of it is logged")
    }
    let more: UInt64 = isThird ? try fields.littleEndian(at: 120) : 0
    let flags = XFSInode.Flags(rawValue: more << 16)
    for (offset, size) in Self.common { try turn(fields, offset, size) }
    for offset in [4, 5, 82, 83] { self[offset] = try fields.littleEndian(at: offset) }
    for offset in [6, 7] + [Int](24..<32) { self[offset] = 0 }
    var times = [32, 40, 48]
    if isThird {
      if flags.contains(.largeExtentCounts) { try turn(fields, 24, 8) }
      for (offset, size) in [(104, 8), (120, 8), (128, 4), (152, 8)] {
        try turn(fields, offset, size)
      }
      put(bigEndian: sequence, at: 112)
      for offset in 132..<144 { self[offset] = 0 }
      times.append(144)
      replaceSubrange(160..<176, with: Array(fields.extracting(160..<176)))
    }
    for offset in times {
      if flags.contains(.bigTime) {
        try turn(fields, offset, 8)
      } else {
        try turn(fields, offset, 4)
        try turn(fields, offset + 4, 4)
      }
    }
  }

  private mutating func turn(_ fields: RawSpan, _ offset: Int, _ size: Int) throws {
    for index in 0..<size {
      self[offset + index] = try fields.littleEndian(at: offset + size - 1 - index)
    }
  }
}
