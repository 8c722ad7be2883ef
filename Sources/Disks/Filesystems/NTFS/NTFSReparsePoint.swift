internal import Bytes

/// What an item is said to be besides a file, for somebody above the file system:
///
///     point := tag:u32 bytes:u16 zero:u16 [owner:16] data
///
/// An owner is named where the tag's highest bit is clear, so that it is nobody's at Microsoft.
struct NTFSReparsePoint: Sendable {
  static let byteLimit = 64 << 10

  let tag: UInt32
  let data: [UInt8]
  /// All of it, as it is stored.
  let stored: [UInt8]

  init(_ stored: [UInt8]) throws(TruncatedInput) {
    let fields = stored.span.bytes
    tag = try fields.littleEndian(at: 0)
    let count = Int(try fields.littleEndian(at: 4, as: UInt16.self))
    data = Array(try fields.field(at: tag & 0x8000_0000 == 0 ? 24 : 8, count: count))
    self.stored = stored
  }
}

extension NTFSFile {
  /// Nil where the item is just what it is.
  func reparsePoint() throws -> NTFSReparsePoint? {
    guard has(NTFSAttributeType.reparsePoint),
      let bytes = try value(
        NTFSAttributeType.reparsePoint, limit: NTFSReparsePoint.byteLimit,
        "the reparse point of \(structure)")
    else { return nil }
    do { return try NTFSReparsePoint(bytes) } catch {
      throw damagedNTFS("the reparse point of \(structure)", "it is cut off")
    }
  }
}

extension NTFSReparsePoint {
  /// Where a symbolic link or a junction leads.
  ///
  ///     link     := target:u16 targetBytes:u16 shown:u16 shownBytes:u16 isRelative:u32 unit:u16*
  ///     junction := target:u16 targetBytes:u16 shown:u16 shownBytes:u16 unit:u16*
  ///     linux    := 2:u32 byte*
  func target() throws -> NTFSLinkTarget {
    let fields = data.span.bytes
    do {
      switch tag {
      case NTFSReparseTag.linuxLink:
        let version: UInt32 = try fields.littleEndian(at: 0)
        guard version == 2 else { throw NTFSFault("a link of Linux of version \(version)") }
        return .linux(Array(data[4...]))
      case NTFSReparseTag.mountPoint: return .windows(try units(behind: 8))
      default: return .windows(try units(behind: 12))
      }
    } catch is TruncatedInput { throw NTFSFault("where the link leads is cut off") }
  }

  private func units(behind header: Int) throws(TruncatedInput) -> [UInt16] {
    let fields = data.span.bytes
    let place = Int(try fields.littleEndian(at: 0, as: UInt16.self))
    let count = Int(try fields.littleEndian(at: 2, as: UInt16.self))
    return try fields.utf16Units(at: header + place, count: count / 2)
  }
}
