internal import Bytes

/// The first sector of an NTFS volume, of which the last one is a copy. Little-endian:
///
///     sector := jump:3 "NTFS    " sectorBytes:u16 clusterSectors:i8 zero:26 sectors:u64
///               table:u64 mirror:u64 recordClusters:i8 zero:3 indexClusters:i8 zero:3 serial:u64
///               checksum:u32 code 55 AA
///
/// The three counts of a signed byte are powers of two where they are negative: of sectors in a
/// cluster, of bytes in a record or a block of an index. Source: Linux, fs/ntfs3/ntfs.h.
struct NTFSBootSector: Sendable, Equatable {
  static let byteCount = 512

  let sectorByteCount: Int
  let clusterByteCount: Int
  let clusterCount: UInt64
  /// Of the volume, without the copy of this sector behind it.
  let volumeByteCount: UInt64
  /// The first cluster of the table of records ($MFT).
  let tableCluster: UInt64
  /// The first cluster of the copy of its first records ($MFTMirr).
  let mirrorCluster: UInt64
  let recordByteCount: Int

  /// Whether a sector says that it is one of NTFS.
  static func isClaimed(by sector: RawSpan) throws(TruncatedInput) -> Bool {
    try sector.field(at: 3, count: 8).starts(with: "NTFS    ")
  }

  /// Nil where the numbers cannot be those of a volume.
  init?(_ sector: RawSpan) throws(TruncatedInput) {
    let sectorSize = UInt64(try sector.littleEndian(at: 11, as: UInt16.self))
    let perCluster: UInt8 = try sector.littleEndian(at: 13)
    let sectorCount: UInt64 = try sector.littleEndian(at: 40)
    let perRecord: Int8 = try sector.littleEndian(at: 64)
    tableCluster = try sector.littleEndian(at: 48)
    mirrorCluster = try sector.littleEndian(at: 56)
    let clusterSectors: UInt64 =
      perCluster <= 128 ? UInt64(perCluster) : 1 << UInt64(256 - Int(perCluster))
    guard try Self.isClaimed(by: sector), [512, 1024, 2048, 4096].contains(sectorSize),
      clusterSectors.nonzeroBitCount == 1, clusterSectors <= 4096,
      sectorSize * clusterSectors <= 2 << 20, sectorCount > 0, sectorCount < 1 << 50
    else { return nil }
    let clusterSize = sectorSize * clusterSectors
    let recordSize = perRecord > 0 ? UInt64(perRecord) * clusterSize : 1 << UInt64(-Int(perRecord))
    guard recordSize.nonzeroBitCount == 1, (512...65_536).contains(recordSize) else { return nil }
    sectorByteCount = Int(sectorSize)
    clusterByteCount = Int(clusterSize)
    volumeByteCount = sectorCount * sectorSize
    clusterCount = sectorCount / clusterSectors
    recordByteCount = Int(recordSize)
    guard tableCluster < clusterCount else { return nil }
  }
}

let ntfsTypeName = "ntfs"

func damagedNTFS(
  _ structure: String, cluster: UInt64? = nil, _ reason: String
) -> FileSystemError {
  FileSystemError(.damaged, in: ntfsTypeName, structure, block: cluster, reason)
}

func unsupportedNTFS(_ structure: String, _ reason: String) -> FileSystemError {
  FileSystemError(.unsupported, in: ntfsTypeName, structure, reason)
}

/// What is wrong with something, before it is known where that lies.
struct NTFSFault: Error {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}
