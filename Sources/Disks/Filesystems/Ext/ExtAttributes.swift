internal import Bytes

extension ExtInode {
  /// What a listing shows of it.
  func attributes(on volume: ExtVolume) throws -> FileAttributes {
    guard let kind else {
      throw volume.damaged(structure, "mode 0o\(String(mode, radix: 8)) is of no known kind")
    }
    let span = span
    let unit =
      flags.contains(.countedInBlocks)
        && volume.superblock.features.readOnlyCompatible.contains(.hugeFiles)
      ? UInt64(volume.superblock.blockByteCount) : 512
    let (allocated, overflow) = allocated.multipliedReportingOverflow(by: unit)
    guard !overflow else { throw volume.damaged(structure, "more blocks than can be counted") }
    return FileAttributes(
      kind: kind, permissions: mode & 0xFFF,
      owner: try number(low: 0x02, high: 0x78, in: span),
      group: try number(low: 0x18, high: 0x7A, in: span),
      byteCount: kind == .regular || kind == .symbolicLink || kind == .directory ? byteCount : 0,
      allocatedByteCount: allocated, linkCount: UInt32(linkCount),
      modified: try time(at: 0x10, extra: 0x88, in: span),
      accessed: try time(at: 0x08, extra: 0x8C, in: span),
      changed: try time(at: 0x0C, extra: 0x84, in: span),
      created: hasField(at: 0x90) ? try time(at: 0x90, extra: 0x94, in: span) : nil,
      device: try device(of: kind))
  }

  private func number(low: Int, high: Int, in span: RawSpan) throws -> UInt32 {
    UInt32(try span.littleEndian(at: high, as: UInt16.self)) << 16
      | UInt32(try span.littleEndian(at: low, as: UInt16.self))
  }

  private func hasField(at offset: Int) -> Bool { offset + 4 <= 128 + extraByteCount }

  /// Seconds that are signed, two bits that count how often these have wrapped, and nanoseconds.
  private func time(at offset: Int, extra: Int, in span: RawSpan) throws -> FileTime {
    let seconds = Int64(try span.littleEndian(at: offset, as: Int32.self))
    guard hasField(at: extra) else { return FileTime(secondsSince1970: seconds) }
    let more: UInt32 = try span.littleEndian(at: extra)
    return FileTime(secondsSince1970: seconds + Int64(more & 3) << 32, nanoseconds: more >> 2)
  }

  /// The number of a device: in 16 bits as it once was, or else in 32 in the next field.
  private func device(of kind: FileKind) throws -> DeviceNumber? {
    guard kind == .characterDevice || kind == .blockDevice else { return nil }
    let map = map
    let old: UInt32 = try map.littleEndian(at: 0)
    if old != 0 { return DeviceNumber(major: old >> 8 & 0xFF, minor: old & 0xFF) }
    let new: UInt32 = try map.littleEndian(at: 4)
    return DeviceNumber(major: new >> 8 & 0xFFF, minor: new & 0xFF | new >> 12 & 0xF_FF00)
  }
}
