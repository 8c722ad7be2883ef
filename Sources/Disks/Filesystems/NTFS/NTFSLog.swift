internal import Bytes

/// How the log of changes ($LogFile) was left, by its two restart pages, of which the later counts:
///
///     page    := "RSTR" ends:u16 endCount:u16 checked:u64 pageBytes:u32 recordBytes:u32 area:u16 …
///     area    := last:u64 clients:u16 free:u16 inUse:u16 flags:u16 …
///
/// `inUse` is the first client that the log is open for, FFFF where it is for none. Source: Linux,
/// fs/ntfs3/fslog.c.
enum NTFSLog {
  private static let pageByteCount = 4096

  /// Why what the log holds may be missing from the volume; nil where it was closed.
  static func reasonNotReplayed(of file: NTFSFile, on volume: NTFSVolume) throws -> String? {
    guard let stream = try file.stream(NTFSAttributeType.data, "$LogFile"),
      stream.byteCount >= UInt64(2 * pageByteCount)
    else { return "$LogFile is missing, so whether the last changes are here is not known" }
    let first = try page(at: 0, of: stream, volume)
    let second = try page(at: UInt64(pageByteCount), of: stream, volume)
    if first == .empty, second == .empty { return nil }
    let areas = [first, second].compactMap { if case .area(let area) = $0 { area } else { nil } }
    guard let latest = areas.max(by: { $0.last < $1.last }) else {
      return "the restart pages of $LogFile are damaged, so whether the last changes are here is "
        + "not known"
    }
    if latest.isClosed { return nil }
    return "$LogFile is open, so changes that the machine made last may be missing or half here"
  }

  private struct Area: Equatable {
    let last: UInt64
    let isClosed: Bool
  }

  private enum Page: Equatable {
    /// Never used, or emptied.
    case empty
    case area(Area)
    case damaged
  }

  private static func page(
    at offset: UInt64, of stream: NTFSStream, _ volume: NTFSVolume
  ) throws -> Page {
    var bytes = try volume.bytes(of: stream, at: offset, count: pageByteCount)
    if bytes.prefix(4).allSatisfy({ $0 == 0xFF }) { return .empty }
    guard bytes.span.bytes.starts(with: "RSTR") || bytes.span.bytes.starts(with: "CHKD") else {
      return .damaged
    }
    do {
      try NTFSSectorEnds.restore(in: &bytes)
      let fields = bytes.span.bytes
      let area = Int(try fields.littleEndian(at: 24, as: UInt16.self))
      let (inUse, flags): (UInt16, UInt16) = try (
        fields.littleEndian(at: area + 12), fields.littleEndian(at: area + 14)
      )
      return .area(
        Area(
          last: try fields.littleEndian(at: area), isClosed: inUse == 0xFFFF || flags & 2 != 0))
    } catch is NTFSFault { return .damaged } catch is TruncatedInput { return .damaged }
  }
}
