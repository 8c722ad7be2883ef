internal import Bytes

/// Access control lists, which are attributes of the root's names. Numbers are big-endian on the
/// disk, and little-endian as getxattr(2) gives them (Linux, fs/xfs/libxfs/xfs_format.h):
///
///     stored := count:u32 (tag:u32, id:u32, permissions:u16, 0:u16)*
///     given  := 2:u32 (tag:u16, permissions:u16, id:u32)*
enum XFSAccessControlList {
  /// What the kernel shows an attribute as; nil where it is no list.
  static func name(ofStored name: [UInt8]) -> String? {
    switch name {
    case Array("SGI_ACL_FILE".utf8): "system.posix_acl_access"
    case Array("SGI_ACL_DEFAULT".utf8): "system.posix_acl_default"
    default: nil
    }
  }

  /// Nil where it is not a list.
  static func given(stored: [UInt8]) -> [UInt8]? {
    let span = stored.span.bytes
    var writer = ByteWriter(reservingCapacity: stored.count)
    do {
      let count = Int(try span.bigEndian(at: 0, as: UInt32.self))
      guard stored.count == 4 + 12 * count else { return nil }
      writer.integer(UInt32(2))
      for entry in 0..<count {
        let start = 4 + 12 * entry
        let tag: UInt32 = try span.bigEndian(at: start)
        let id: UInt32
        switch tag {
        case 0x02, 0x08: id = try span.bigEndian(at: start + 4)
        case 0x01, 0x04, 0x10, 0x20: id = .max
        default: return nil
        }
        writer.integer(UInt16(tag))
        writer.integer(try span.bigEndian(at: start + 8, as: UInt16.self))
        writer.integer(id)
      }
    } catch {
      return nil
    }
    return writer.bytes
  }
}
