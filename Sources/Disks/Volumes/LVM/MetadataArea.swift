internal import BlockDevices
internal import Bytes

/// A place on a physical volume where LVM2 keeps its text, as a ring.
///
///     header := checksum:u32 magic:16 version:u32=1 start:u64 size:u64 place* 0:24, of 512 bytes
///     place  := offset:u64 size:u64 checksum:u32 flags:u32
///
/// The first place is where the text lies that is in force; offsets count from the header, and what
/// reaches beyond the area goes on behind the header. The header's checksum is over all behind it.
/// Source: LVM2, lib/format_text/layout.h and format-text.c.
struct MetadataArea {
  private let start: UInt64
  private let byteCount: UInt64
  private let text: Place

  private struct Place {
    let offset: UInt64
    let byteCount: UInt64
    let checksum: UInt32
    let flags: UInt32
  }

  private static let headerByteCount: UInt64 = 512
  /// Bytes of text that are read at most; ten thousand volumes have about half as many.
  private static let textByteLimit: UInt64 = 16 << 20
  private static let magic: [UInt8] =
    [0x20] + Array("LVM2 x[5A%r0N*>".utf8)

  /// - Throws: ``MetadataDamage``; what the device throws.
  init(on device: any BlockDevice, _ area: PhysicalVolumeLabel.Area) throws {
    guard device.holds(Self.headerByteCount, at: area.offset) else {
      throw MetadataDamage("it lies outside the device")
    }
    let header = try device.bytes(at: area.offset, count: Int(Self.headerByteCount))
    let fields = header.span.bytes
    guard Array(header[4..<20]) == Self.magic else {
      throw MetadataDamage("its header is not there")
    }
    guard
      try fields.littleEndian(at: 0, as: UInt32.self)
        == crc32(header.span.bytes.extracting(4...), seed: PhysicalVolumeLabel.seed)
    else { throw MetadataDamage("its header's checksum is wrong") }
    let version: UInt32 = try fields.littleEndian(at: 20)
    guard version == 1 else { throw MetadataDamage("its version \(version) is not known") }
    start = try fields.littleEndian(at: 24)
    byteCount = try fields.littleEndian(at: 32)
    guard start == area.offset, byteCount > Self.headerByteCount,
      device.holds(byteCount, at: start)
    else { throw MetadataDamage("its header belongs to another place") }
    text = Place(
      offset: try fields.littleEndian(at: 40), byteCount: try fields.littleEndian(at: 48),
      checksum: try fields.littleEndian(at: 56), flags: try fields.littleEndian(at: 60))
  }

  /// Bytes that ``readText(on:)`` reads at most.
  var textByteCount: Int { Int(min(text.byteCount, Self.textByteLimit)) }

  /// The text; nil where there is none yet, or another area is used in the place of this.
  ///
  /// - Throws: ``MetadataDamage``; what the device throws.
  func readText(on device: any BlockDevice) throws -> [UInt8]? {
    let isIgnored = text.flags & 1 != 0
    if text.offset == 0 || text.byteCount == 0 || isIgnored { return nil }
    let ringByteCount = byteCount - Self.headerByteCount
    guard text.offset >= Self.headerByteCount, text.offset < byteCount,
      text.byteCount <= min(ringByteCount, Self.textByteLimit)
    else { throw MetadataDamage("its text lies outside it") }
    let first = min(text.byteCount, byteCount - text.offset)
    var bytes = try device.bytes(at: start + text.offset, count: Int(first))
    if first < text.byteCount {
      bytes += try device.bytes(
        at: start + Self.headerByteCount, count: Int(text.byteCount - first))
    }
    guard crc32(bytes.span.bytes, seed: PhysicalVolumeLabel.seed) == text.checksum else {
      throw MetadataDamage("the checksum of its text is wrong")
    }
    return bytes
  }
}
