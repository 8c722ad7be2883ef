/// Where a link leads, as it is stored.
enum NTFSLinkTarget: Equatable {
  /// A path of Linux.
  case linux([UInt8])
  /// A path of Windows: with backslashes, from a drive, from the root of its own, or from where the
  /// link stands.
  case windows([UInt16])

  /// What begins a path in the names of the system itself, by which links are kept.
  private static let prefixes = ["\\??\\", "\\\\?\\"].map { Array($0.utf16) }

  /// The drive and the names from there on, of a path that begins at a drive.
  var drivePath: (letter: UInt8, names: [[UInt16]])? {
    guard case .windows(let units) = self else { return nil }
    let path = Self.withoutPrefix(units)
    guard path.count >= 2, path[1] == 0x3A, let letter = UInt8(exactly: path[0]),
      UInt8(ascii: "A") <= letter & 0xDF, letter & 0xDF <= UInt8(ascii: "Z"),
      path.count == 2 || path[2] == 0x5C
    else { return nil }
    return (letter, path.dropFirst(2).split(separator: 0x5C).map(Array.init))
  }

  /// The path with slashes, and without what only the system itself understands.
  var path: FileName {
    switch self {
    case .linux(let bytes): return FileName(bytes)
    case .windows(let units):
      var path = Self.withoutPrefix(units).map { $0 == 0x5C ? 0x2F : $0 }
      // A share of another machine.
      let share = Array("UNC/".utf16)
      if path.count != units.count, path.starts(with: share) {
        path = [0x2F, 0x2F] + path.dropFirst(share.count)
      }
      return FileName(utf16: path)
    }
  }

  private static func withoutPrefix(_ units: [UInt16]) -> [UInt16] {
    let prefix = prefixes.first { units.starts(with: $0) }
    return Array(units.dropFirst(prefix?.count ?? 0))
  }
}
