package import BlockDevices
internal import Bytes

/// What `device` holds, by the magic numbers of its format; nil where nothing is recognised.
///
/// Reads the first 68 KiB and a few places further on. Recognising is not checking: what is found
/// may still be damaged.
///
/// - Throws: what the device throws.
package func signature(of device: any BlockDevice) throws -> Signature? {
  let probe = try SignatureProbe(device)
  for reader in signatureReaders {
    if let found = try reader(probe) { return found }
  }
  return nil
}

/// In the order in which they are asked. What is built of several devices comes first, for its
/// members may look like what the whole holds.
private let signatureReaders: [@Sendable (SignatureProbe) throws -> Signature?] = [
  raidMember, physicalVolume, { try fixedFormat($0, of: containerFormats) }, poolMember,
  extFileSystem, ntfsFileSystem, exFATFileSystem, { try fixedFormat($0, of: fileSystemFormats) },
  fatFileSystem, discFileSystem,
]

/// Looks for magic numbers on a device, of which the beginning is at hand.
struct SignatureProbe: Sendable {
  let device: any BlockDevice
  private let head: [UInt8]

  /// Up to here lie the superblocks of nearly all formats.
  private static let headByteCount: UInt64 = 68 << 10

  init(_ device: any BlockDevice) throws {
    self.device = device
    head = try device.bytes(at: 0, count: Int(min(Self.headByteCount, device.byteCount)))
  }

  /// The bytes of a range; nil where the device does not have it. The caller bounds `count`.
  func bytes(at offset: UInt64, count: Int) throws -> [UInt8]? {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= device.byteCount else { return nil }
    if end <= UInt64(head.count) { return Array(head[Int(offset)..<Int(end)]) }
    return try device.bytes(at: offset, count: count)
  }

  /// The bytes so many from the end of the device.
  func bytes(fromEnd distance: UInt64, count: Int) throws -> [UInt8]? {
    guard distance <= device.byteCount else { return nil }
    return try bytes(at: device.byteCount - distance, count: count)
  }

  func holds(_ magic: [UInt8], at offset: UInt64) throws -> Bool {
    try bytes(at: offset, count: magic.count) == magic
  }

  func holds(_ magic: StaticString, at offset: UInt64) throws -> Bool {
    let bytes = try bytes(at: offset, count: magic.utf8CodeUnitCount)
    return bytes?.span.bytes.starts(with: magic) ?? false
  }

  /// Text that ends at its first zero, without spaces at its end; nil where that is empty.
  func text(at offset: UInt64, limit: Int) throws -> String? {
    try bytes(at: offset, count: limit).flatMap(labelText)
  }

  /// UTF-16 of which at most `limit` units count.
  func utf16Text(at offset: UInt64, limit: Int) throws -> String? {
    try bytes(at: offset, count: limit * 2).flatMap { utf16Label($0) }
  }

  /// A UUID, nil where it is all zeros and so none.
  func uuid(at offset: UInt64) throws -> String? {
    guard let bytes = try bytes(at: offset, count: 16), bytes.contains(where: { $0 != 0 }) else {
      return nil
    }
    return uuidText(bytes)
  }
}

/// Text up to its first zero, without spaces at its end; nil where that is empty.
func labelText(_ bytes: some Sequence<UInt8>) -> String? {
  var text = Array(bytes.prefix { $0 != 0 })
  while text.last == UInt8(ascii: " ") { text.removeLast() }
  return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
}

/// UTF-16 up to its first zero; nil where that is empty.
func utf16Label(_ bytes: [UInt8], bigEndian: Bool = false) -> String? {
  var units: [UInt16] = []
  for place in stride(from: 0, to: bytes.count - 1, by: 2) {
    let unit = UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
    if unit == 0 { break }
    units.append(bigEndian ? unit.byteSwapped : unit)
  }
  let text = String(decoding: units, as: UTF16.self)
  return labelText(text.utf8)
}
