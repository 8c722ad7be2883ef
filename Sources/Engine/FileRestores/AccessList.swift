internal import Bytes

/// A POSIX access control list as archives write it.
///
///     list  := version:u32 entry*                       little-endian, version 2
///     entry := tag:u16 permissions:u16 id:u32
///     text  := entry ("," entry)*                       "user:1000:rw-"
///
/// That is what getxattr(2) gives for `system.posix_acl_access`, and what acl(5) calls the short
/// text form, with numbers instead of names.
struct AccessList {
  private let entries: [(tag: UInt16, permissions: UInt16, id: UInt32)]

  /// - Returns: nil where the bytes are none.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 4, (bytes.count - 4) % 8 == 0 else { return nil }
    var reader = ByteReader(bytes.span.bytes)
    var entries: [(tag: UInt16, permissions: UInt16, id: UInt32)] = []
    do {
      guard try reader.integer(UInt32.self) == 2 else { return nil }
      while reader.remaining > 0 {
        entries.append((try reader.integer(), try reader.integer(), try reader.integer()))
      }
    } catch { return nil }
    self.entries = entries
  }

  /// - Returns: nil where an entry is of no known kind.
  var text: String? {
    var parts: [String] = []
    for entry in entries {
      let who: String
      switch entry.tag {
      case 0x01: who = "user:"
      case 0x02: who = "user:\(entry.id)"
      case 0x04: who = "group:"
      case 0x08: who = "group:\(entry.id)"
      case 0x10: who = "mask:"
      case 0x20: who = "other:"
      default: return nil
      }
      let letters = zip("rwx", [4, 2, 1] as [UInt16]).map { letter, bit in
        entry.permissions & bit == 0 ? "-" : String(letter)
      }
      parts.append("\(who):\(letters.joined())")
    }
    return parts.joined(separator: ",")
  }
}
