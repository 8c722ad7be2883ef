internal import Bytes

/// The first twelve sectors of an exFAT volume, of which the next twelve are a copy: Microsoft's
/// specification of exFAT 1.00, section 3.
///
///     region := boot extended×8 oem reserved checksum:u32…
///     boot   := EB 76 90 "EXFAT   " zero:53 partition:u64 volumeSectors:u64 fatSector:u32
///               fatSectors:u32 heapSector:u32 clusters:u32 rootCluster:u32 serial:u32 revision:u16
///               flags:u16 sectorShift:u8 sectorsPerClusterShift:u8 fats:u8 drive:u8 used:u8 …
struct ExFATBootRegion: Sendable, Equatable {
  static let sectorCount = 12
  static let sectorShifts: ClosedRange<UInt8> = 9...12

  let volumeByteCount: UInt64
  /// Where the table lies that counts.
  let fatOffset: UInt64
  let fatByteCount: UInt64
  let heap: ClusterHeap
  let rootCluster: UInt32
  let isDirty: Bool
  let hadErrors: Bool

  /// Whether a sector says that it begins such a region.
  static func isClaimed(by sector: RawSpan) throws(TruncatedInput) -> Bool {
    try sector.field(at: 3, count: 8).starts(with: "EXFAT   ")
  }

  /// - Parameter region: twelve sectors of 512 to 4,096 bytes.
  /// - Returns: nil where it is no region of sectors of that size, or its checksum does not fit.
  init?(_ region: RawSpan) throws {
    let sectorByteCount = region.byteCount / Self.sectorCount
    let shift: UInt8 = try region.littleEndian(at: 108)
    guard try Self.isClaimed(by: region), Self.sectorShifts.contains(shift),
      1 << Int(shift) == sectorByteCount,
      try region.littleEndian(at: sectorByteCount * 11) == Self.checksum(region)
    else { return nil }

    let clusterShift: UInt8 = try region.littleEndian(at: 109)
    let fatCount: UInt8 = try region.littleEndian(at: 110)
    let fatSector = UInt64(try region.littleEndian(at: 80, as: UInt32.self))
    let fatSectorCount = UInt64(try region.littleEndian(at: 84, as: UInt32.self))
    let heapSector = UInt64(try region.littleEndian(at: 88, as: UInt32.self))
    let clusterCount: UInt32 = try region.littleEndian(at: 92)
    let volumeSectorCount: UInt64 = try region.littleEndian(at: 72)
    let flags: UInt16 = try region.littleEndian(at: 106)
    let revision: UInt16 = try region.littleEndian(at: 104)
    rootCluster = try region.littleEndian(at: 96)
    guard revision >> 8 == 1 else {
      throw Self.problem(.unsupported, "its revision is \(revision >> 8).\(revision & 0xFF)")
    }
    guard clusterShift <= 25 - shift, fatCount == 1 || fatCount == 2,
      (1...0xFFFF_FFF5).contains(clusterCount),
      fatSector + fatSectorCount * UInt64(fatCount) <= heapSector,
      fatSectorCount << UInt64(shift) / 4 >= UInt64(clusterCount) + 2,
      volumeSectorCount <= UInt64.max >> UInt64(shift),
      heapSector + UInt64(clusterCount) << UInt64(clusterShift) <= volumeSectorCount
    else { throw Self.problem(.damaged, "the parts that it names do not fit together") }
    heap = ClusterHeap(
      start: heapSector << UInt64(shift), clusterByteCount: 1 << UInt64(shift + clusterShift),
      clusterCount: clusterCount)
    volumeByteCount = volumeSectorCount << UInt64(shift)
    fatByteCount = fatSectorCount << UInt64(shift)
    // With two tables (TexFAT) the second is no copy: a flag says which one is current.
    let isSecond = fatCount == 2 && flags & 1 != 0
    fatOffset = fatSector << UInt64(shift) + (isSecond ? fatByteCount : 0)
    isDirty = flags & 2 != 0
    hadErrors = flags & 4 != 0
  }

  /// Of the first eleven sectors, but for the flags and the share in use, which change in place.
  private static func checksum(_ region: RawSpan) -> UInt32 {
    region.extracting(0..<region.byteCount / sectorCount * 11).withUnsafeBytes { bytes in
      var sum: UInt32 = 0
      for index in bytes.indices where index != 106 && index != 107 && index != 112 {
        sum = (sum << 31 | sum >> 1) &+ UInt32(bytes[index])
      }
      return sum
    }
  }

  private static func problem(
    _ problem: FileSystemError.Problem, _ reason: String
  ) -> FileSystemError {
    FileSystemError(problem, in: exFATTypeName, "the boot region", reason)
  }
}

let exFATTypeName = "exfat"
