internal import Bytes

/// The first sector of a FAT volume: Microsoft's specification of FAT 1.03, "BPB".
///
///     boot := jump:3 oem:8 sectorBytes:u16 sectorsPerCluster:u8 reservedSectors:u16 fats:u8
///             rootEntries:u16 sectors16:u16 media:u8 fatSectors16:u16 track:u16 heads:u16
///             hidden:u32 sectors32:u32 (old | new) code… 55 AA at byte 510
///     old  := drive:u8 state:u8 signature:u8 serial:u32 label:11 type:8
///     new  := fatSectors32:u32 flags:u16 version:u16 root:u32 info:u16 backup:u16 zero:12 old
struct FATBootSector: Sendable, Equatable {
  static let byteCount = 512

  let width: FATWidth
  let sectorByteCount: UInt64
  let reservedSectorCount: UInt64
  let fatCount: UInt64
  let fatSectorCount: UInt64
  let rootEntryCount: UInt64
  let sectorCount: UInt64
  let media: UInt8
  let heap: ClusterHeap
  /// Of FAT32, where the root directory is a chain like any other.
  let rootCluster: UInt32
  /// The one copy of the FAT that counts, where the volume says that there is only one.
  let onlyCopy: UInt64?
  /// Of FAT32, where the copy of this sector lies; 0 or 65,535 where there is none.
  let backupSector: UInt16
  /// Bit 0: not unmounted; bit 1: errors were met. 0 where the sector has no room for it.
  let stateBits: UInt8
  /// Whether it ends in 55 AA, as all but the oldest do.
  let isSigned: Bool

  /// What is in the sector; nil where it is no boot sector of FAT.
  init?(_ bytes: RawSpan) throws(TruncatedInput) {
    let oem = try bytes.field(at: 3, count: 8)
    if oem.starts(with: "NTFS    ") || oem.starts(with: "EXFAT   ") { return nil }
    let sectorByteCount = UInt64(try bytes.littleEndian(at: 11, as: UInt16.self))
    let sectorsPerCluster = UInt64(try bytes.littleEndian(at: 13, as: UInt8.self))
    reservedSectorCount = UInt64(try bytes.littleEndian(at: 14, as: UInt16.self))
    fatCount = UInt64(try bytes.littleEndian(at: 16, as: UInt8.self))
    rootEntryCount = UInt64(try bytes.littleEndian(at: 17, as: UInt16.self))
    media = try bytes.littleEndian(at: 21)
    isSigned = try bytes.littleEndian(at: 510, as: UInt16.self) == 0xAA55
    guard (512...4096).contains(sectorByteCount), sectorByteCount.nonzeroBitCount == 1,
      sectorsPerCluster.nonzeroBitCount == 1, reservedSectorCount > 0, fatCount > 0,
      media == 0xF0 || media >= 0xF8
    else { return nil }
    self.sectorByteCount = sectorByteCount

    let sectors16: UInt16 = try bytes.littleEndian(at: 19)
    let sectors32: UInt32 = try bytes.littleEndian(at: 32)
    let fatSectors16: UInt16 = try bytes.littleEndian(at: 22)
    let fatSectors32: UInt32 = try bytes.littleEndian(at: 36)
    let isFAT32 = fatSectors16 == 0
    sectorCount = sectors16 != 0 ? UInt64(sectors16) : UInt64(sectors32)
    fatSectorCount = isFAT32 ? UInt64(fatSectors32) : UInt64(fatSectors16)
    let rootSectorCount =
      (rootEntryCount * UInt64(directoryRecordByteCount) + sectorByteCount - 1) / sectorByteCount
    let heapSector = reservedSectorCount + fatCount * fatSectorCount + rootSectorCount
    guard fatSectorCount > 0, isFAT32 || rootEntryCount > 0, sectorCount > heapSector else {
      return nil
    }
    let counted = (sectorCount - heapSector) / sectorsPerCluster
    guard let width = FATWidth(clusterCount: counted, isFAT32: isFAT32) else { return nil }
    self.width = width
    // A table that is too short for all of them says that the last ones are not used.
    let linked = fatSectorCount * sectorByteCount * 8 / width.bitCount
    let clusterCount = min(counted, linked - 2)
    heap = ClusterHeap(
      start: heapSector * sectorByteCount, clusterByteCount: sectorsPerCluster * sectorByteCount,
      clusterCount: UInt32(clusterCount))
    guard clusterCount > 0 else { return nil }

    let flags: UInt16 = isFAT32 ? try bytes.littleEndian(at: 40) : 0
    onlyCopy = flags & 0x80 != 0 ? UInt64(flags & 15) : nil
    rootCluster = isFAT32 ? try bytes.littleEndian(at: 44) : 0
    backupSector = isFAT32 ? try bytes.littleEndian(at: 50) : 0
    let old = isFAT32 ? 64 : 36
    let extended: UInt8 = try bytes.littleEndian(at: old + 2)
    let hasState = extended == 0x28 || extended == 0x29
    stateBits = hasState ? try bytes.littleEndian(at: old + 1) : 0
  }

  /// Where a copy of the FAT begins on the device.
  func offset(ofCopy copy: UInt64) -> UInt64 {
    (reservedSectorCount + copy * fatSectorCount) * sectorByteCount
  }

  var fatByteCount: UInt64 { fatSectorCount * sectorByteCount }

  /// Where the root directory of FAT12 and FAT16 lies.
  var rootRange: Range<UInt64> {
    let start = offset(ofCopy: fatCount)
    return start..<start + rootEntryCount * UInt64(directoryRecordByteCount)
  }
}

/// How wide the entries of a FAT are, which is what tells the three kinds apart.
enum FATWidth: Sendable {
  case bits12, bits16, bits32

  /// - Parameter isFAT32: whether the boot sector is laid out as that of FAT32. Such a volume is
  ///   one, however few clusters it has, to Windows and to Linux.
  init?(clusterCount: UInt64, isFAT32: Bool) {
    switch clusterCount {
    case ..<0x0FFF_FFF6 where isFAT32: self = .bits32
    case ..<4085 where !isFAT32: self = .bits12
    case ..<65_525 where !isFAT32: self = .bits16
    default: return nil
    }
  }

  var bitCount: UInt64 {
    switch self {
    case .bits12: 12
    case .bits16: 16
    case .bits32: 32
    }
  }
}
