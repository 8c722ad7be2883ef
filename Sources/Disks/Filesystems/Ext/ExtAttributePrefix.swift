internal import Bytes

/// How the first part of an extended attribute's name is written on the disk: as a number.
enum ExtAttributePrefix {
  static let accessList: UInt8 = 2
  static let defaultList: UInt8 = 3
  static let system: UInt8 = 7
  private static let encryption: UInt8 = 9

  static func isAccessControlList(_ prefix: UInt8) -> Bool {
    prefix == accessList || prefix == defaultList
  }

  /// What stands before the name; nil for what is the file system's own business: the data of small
  /// files, and how a file is encrypted.
  static func text(of prefix: UInt8, name: RawSpan) -> String? {
    switch prefix {
    case 1: "user."
    case accessList: "system.posix_acl_access"
    case defaultList: "system.posix_acl_default"
    case 4: "trusted."
    case 6: "security."
    case system: name.byteCount == 4 && name.starts(with: "data") ? nil : "system."
    case 8: "system.richacl"
    case encryption: nil
    case 10: "gnu."
    default: ""
    }
  }
}

/// An access control list as getxattr(2) gives it, made from how it lies on the disk; nil where it
/// is none. Numbers are little-endian in both.
///
///     disk  := 1:u32 (tag:u16, permissions:u16 [id:u32 with the tags 2 and 8])*
///     given := 2:u32 (tag:u16, permissions:u16, id:u32)*
func accessControlList(_ disk: RawSpan) -> [UInt8]? {
  var reader = ByteReader(disk)
  var writer = ByteWriter(reservingCapacity: disk.byteCount * 2)
  do {
    guard try reader.integer(UInt32.self) == 1 else { return nil }
    writer.integer(UInt32(2))
    while reader.remaining > 0 {
      let tag: UInt16 = try reader.integer()
      let permissions: UInt16 = try reader.integer()
      let id: UInt32
      switch tag {
      case 0x02, 0x08: id = try reader.integer()
      case 0x01, 0x04, 0x10, 0x20: id = .max
      default: return nil
      }
      writer.integer(tag)
      writer.integer(permissions)
      writer.integer(id)
    }
  } catch {
    return nil
  }
  return writer.bytes
}
