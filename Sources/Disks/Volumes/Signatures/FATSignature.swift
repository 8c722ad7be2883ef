internal import Bytes

/// FAT12, FAT16 or FAT32, by a boot sector that makes sense; its label from the root directory.
///
///     sector := jump:3 system:8 sectorSize:u16 clusterSectors:u8 reserved:u16 tables:u8
///               rootEntries:u16 sectors16:u16 media:u8 tableSectors16:u16 geometry:8 sectors32:u32
///               tail
///     tail   := FAT12/16: 3 serial:u32(39) label:11 type:8(54)
///             | FAT32: tableSectors32:u32(36) 4 rootCluster:u32(44) 19 serial:u32(67) label:11
///                      type:8(82)
///
/// Source: Microsoft FAT Specification (2005), section 3.
@Sendable func fatFileSystem(_ probe: SignatureProbe) throws -> Signature? {
  guard let sector = try probe.bytes(at: 0, count: 512), let boot = try FATBootSector(sector),
    try isNamed(probe) || boot.isMarked
      || probe.holds([boot.media, 0xFF], at: boot.tableOffset)
  else { return nil }
  let serial = sector[boot.serialPlace..<boot.serialPlace + 4].reversed()
  let digits = hexadecimal(Array(serial).span.bytes).uppercased()
  let root = try probe.bytes(
    at: boot.rootOffset, count: Int(min(boot.rootByteCount, 65536)))
  return Signature(
    role: .fileSystem, typeName: "vfat", label: root.flatMap(volumeLabel),
    uuid: dashed(digits, [4, 4]))
}

/// What a boot sector says of the layout.
private struct FATBootSector {
  let rootOffset: UInt64
  let rootByteCount: UInt64
  let serialPlace: Int
  /// Whether it begins and ends as a boot sector does.
  let isMarked: Bool
  /// With this byte the table begins.
  let media: UInt8
  let tableOffset: UInt64

  /// - Returns: nil where its numbers cannot be those of FAT.
  init?(_ sector: [UInt8]) throws {
    let fields = sector.span.bytes
    let sectorSize = UInt64(try fields.littleEndian(at: 11, as: UInt16.self))
    let clusterSectors = UInt64(sector[13])
    let reserved = UInt64(try fields.littleEndian(at: 14, as: UInt16.self))
    let tables = UInt64(sector[16])
    let rootEntries = UInt64(try fields.littleEndian(at: 17, as: UInt16.self))
    let sectors16 = UInt64(try fields.littleEndian(at: 19, as: UInt16.self))
    let tableSectors16 = UInt64(try fields.littleEndian(at: 22, as: UInt16.self))
    let sectors32 = UInt64(try fields.littleEndian(at: 32, as: UInt32.self))
    let tableSectors32 = UInt64(try fields.littleEndian(at: 36, as: UInt32.self))
    guard [512, 1024, 2048, 4096].contains(sectorSize), clusterSectors.nonzeroBitCount == 1,
      sector[21] >= 0xF8 || sector[21] == 0xF0, reserved > 0, (1...4).contains(tables)
    else { return nil }
    let tableSectors = tableSectors16 == 0 ? tableSectors32 : tableSectors16
    let rootSectors = (rootEntries * 32 + sectorSize - 1) / sectorSize
    let overhead = reserved + tables * tableSectors + rootSectors
    let sectors = sectors16 == 0 ? sectors32 : sectors16
    guard tableSectors > 0, sectors > overhead else { return nil }
    let clusters = (sectors - overhead) / clusterSectors
    let is32 = tableSectors16 == 0
    guard clusters < 0x0FFF_FFF5, is32 || rootEntries > 0 else { return nil }
    // Eight bits of a table's entry at least for each cluster.
    guard clusters <= tableSectors * sectorSize * 8 / (is32 ? 32 : 12) else { return nil }
    isMarked = [0xEB, 0xE9].contains(sector[0]) && sector[510...] == [0x55, 0xAA]
    media = sector[21]
    tableOffset = reserved * sectorSize
    serialPlace = is32 ? 67 : 39
    let firstCluster = UInt64(try fields.littleEndian(at: 44, as: UInt32.self))
    guard !is32 || firstCluster >= 2 else { return nil }
    let dataStart = overhead * sectorSize
    rootOffset =
      is32
      ? dataStart + (firstCluster - 2) * clusterSectors * sectorSize
      : (overhead - rootSectors) * sectorSize
    rootByteCount = is32 ? clusterSectors * sectorSize : rootEntries * 32
  }
}

/// Whether the sector says what it is; what other systems share it with is not meant.
private func isNamed(_ probe: SignatureProbe) throws -> Bool {
  for name: StaticString in ["FAT12   ", "FAT16   ", "FAT     ", "MSDOS"]
  where try probe.holds(name, at: 54) { return true }
  return try probe.holds("FAT32   ", at: 82) || probe.holds("MSWIN", at: 82)
}

/// The entry of a root directory that is the volume's label.
private func volumeLabel(_ directory: [UInt8]) -> String? {
  for start in stride(from: 0, to: directory.count - 31, by: 32) {
    let entry = directory[start..<start + 32]
    if entry[start] == 0 { return nil }
    let attributes = entry[start + 11]
    let clusters = [20, 21, 26, 27].map { entry[start + $0] }
    guard entry[start] != 0xE5, attributes & 0x3F != 0x0F, attributes & 0x18 == 0x08,
      clusters == [0, 0, 0, 0]
    else { continue }
    var name = Array(entry.prefix(11))
    if name[0] == 0x05 { name[0] = 0xE5 }
    return labelText(name)
  }
  return nil
}
