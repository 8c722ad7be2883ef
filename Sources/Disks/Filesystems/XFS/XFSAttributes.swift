internal import Bytes

extension XFSInode {
  /// What a listing shows of it.
  func attributes(on volume: XFSVolume) throws -> FileAttributes {
    guard let kind else {
      throw volume.damaged(structure, "mode 0o\(String(mode, radix: 8)) is of no known kind")
    }
    let span = span
    let (allocated, overflow) = blockCount.multipliedReportingOverflow(
      by: UInt64(volume.superblock.blockByteCount))
    guard !overflow else { throw volume.damaged(structure, "more blocks than can be counted") }
    return FileAttributes(
      kind: kind, permissions: mode & 0xFFF, owner: try span.bigEndian(at: 0x08),
      group: try span.bigEndian(at: 0x0C),
      byteCount: kind == .regular || kind == .symbolicLink || kind == .directory ? byteCount : 0,
      allocatedByteCount: allocated, linkCount: linkCount, modified: try time(at: 0x28, in: span),
      accessed: try time(at: 0x20, in: span), changed: try time(at: 0x30, in: span),
      created: version == 3 ? try time(at: 0x90, in: span) : nil, device: try device(of: kind))
  }

  /// Signed seconds and nanoseconds; or nanoseconds since the moment at which the former begin.
  private func time(at offset: Int, in span: RawSpan) throws -> FileTime {
    guard flags.contains(.bigTime) else {
      return FileTime(
        secondsSince1970: Int64(try span.bigEndian(at: offset, as: Int32.self)),
        nanoseconds: try span.bigEndian(at: offset + 4))
    }
    let (seconds, rest) = try span.bigEndian(at: offset, as: UInt64.self)
      .quotientAndRemainder(dividingBy: 1_000_000_000)
    return FileTime(
      secondsSince1970: Int64(seconds) + Int64(Int32.min), nanoseconds: UInt32(rest))
  }

  /// A device's number: the minor one in the lower 18 bits.
  private func device(of kind: FileKind) throws -> DeviceNumber? {
    guard kind == .characterDevice || kind == .blockDevice else { return nil }
    let number: UInt32 = try span(of: data).bigEndian(at: 0)
    return DeviceNumber(major: number >> 18, minor: number & 0x3_FFFF)
  }
}
