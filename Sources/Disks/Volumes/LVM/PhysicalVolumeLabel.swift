internal import BlockDevices
internal import Bytes

/// What says that a device is a physical volume of LVM2, in one of its first four sectors.
///
///     label := "LABELONE" sector:u64 crc:u32 headerPlace:u32 "LVM2 001" … header
///     header := uuid:32 deviceSize:u64 area* none area* none
///     area  := offset:u64 size:u64, in bytes
///     none  := 0:16
///
/// The first list of areas is for data, the second for metadata. The checksum is over the sector
/// from `headerPlace`'s own place on. Source: LVM2, lib/label/label.c and lib/format_text/layout.h.
struct PhysicalVolumeLabel: Equatable {
  struct Area: Equatable {
    let offset: UInt64
    /// Zero for the rest of the device.
    let byteCount: UInt64
  }

  let uuid: String
  let deviceByteCount: UInt64
  let dataAreas: [Area]
  let metadataAreas: [Area]

  /// What LVM2's checksums begin with.
  static let seed: UInt32 = 0xF597_A6CF

  /// - Returns: nil where `sector` is no such label, or a damaged one.
  init?(_ sector: [UInt8], number: UInt64) {
    let fields = sector.span.bytes
    guard fields.starts(with: "LABELONE") else { return nil }
    do {
      guard try fields.littleEndian(at: 8, as: UInt64.self) == number,
        try fields.littleEndian(at: 16, as: UInt32.self)
          == crc32(sector.span.bytes.extracting(20...), seed: Self.seed),
        try fields.field(at: 24, count: 8).starts(with: "LVM2 001")
      else { return nil }
      let header = Int(try fields.littleEndian(at: 20, as: UInt32.self))
      uuid = lvmUUIDText(Array(try fields.field(at: header, count: 32)))
      deviceByteCount = try fields.littleEndian(at: header + 32)
      var place = header + 40
      dataAreas = try Self.areas(in: fields, from: &place)
      metadataAreas = try Self.areas(in: fields, from: &place)
    } catch { return nil }
  }

  private static func areas(
    in fields: RawSpan, from place: inout Int
  ) throws(TruncatedInput) -> [Area] {
    var areas: [Area] = []
    while true {
      let offset: UInt64 = try fields.littleEndian(at: place)
      let byteCount: UInt64 = try fields.littleEndian(at: place + 8)
      place += 16
      if offset == 0 { return areas }
      areas.append(Area(offset: offset, byteCount: byteCount))
    }
  }
}

/// The label of a physical volume; nil where the device is none.
///
/// - Throws: what the device throws.
func physicalVolumeLabel(_ probe: SignatureProbe) throws -> PhysicalVolumeLabel? {
  for number in 0..<UInt64(4) {
    guard let sector = try probe.bytes(at: number * 512, count: 512) else { return nil }
    if let label = PhysicalVolumeLabel(sector, number: number) { return label }
  }
  return nil
}

@Sendable func physicalVolume(_ probe: SignatureProbe) throws -> Signature? {
  guard let label = try physicalVolumeLabel(probe) else { return nil }
  return Signature(role: .physicalVolume, typeName: "LVM2_member", uuid: label.uuid)
}

/// A UUID as LVM2 writes it, of 32 letters and digits.
func lvmUUIDText(_ bytes: [UInt8]) -> String {
  dashed(String(decoding: bytes, as: UTF8.self), [6, 4, 4, 4, 4, 4, 6])
}
