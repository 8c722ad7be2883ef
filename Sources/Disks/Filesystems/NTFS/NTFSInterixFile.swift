internal import Bytes

/// A link or a device as Interix keeps it, and ntfs-3g by default: a file of the system with
///
///     link   := "IntxLNK" 01 unit:u16*
///     device := ("IntxCHR" | "IntxBLK") 00 major:u64 minor:u64
struct NTFSInterixFile {
  /// Of Linux's longest path, in units.
  private static let byteLimit: UInt64 = 8 + 2 * 4096

  let kind: FileKind
  let device: DeviceNumber?
  /// Where a link leads.
  let target: FileName?

  /// Nil where the file is an ordinary one.
  init?(_ file: NTFSFile, on volume: NTFSVolume) throws {
    guard let part = try file.first(NTFSAttributeType.data),
      (10...Self.byteLimit).contains(part.sizes.byteCount),
      let stream = try file.stream(NTFSAttributeType.data),
      stream.flags.isDisjoint(with: [.compressed, .encrypted])
    else { return nil }
    let bytes = try volume.content(of: stream).bytes(limit: Int(Self.byteLimit))
    let fields = bytes.span.bytes
    if fields.starts(with: "IntxLNK\u{1}") {
      kind = .symbolicLink
      device = nil
      target = FileName(utf16: try fields.utf16Units(at: 8, count: bytes.count / 2 - 4))
      return
    }
    let isBlockDevice = fields.starts(with: "IntxBLK\u{0}")
    guard isBlockDevice || fields.starts(with: "IntxCHR\u{0}"), bytes.count == 24 else {
      return nil
    }
    kind = isBlockDevice ? .blockDevice : .characterDevice
    device = DeviceNumber(
      major: try fields.littleEndian(at: 8), minor: try fields.littleEndian(at: 16))
    target = nil
  }
}
