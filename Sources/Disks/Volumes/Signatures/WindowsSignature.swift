internal import Bytes

/// NTFS: its serial number as the UUID, its label from the record of `$Volume`.
///
///     sector := jump:3 "NTFS    " sectorSize:u16(11) clusterSectors:u8(13) … table:u64(48)
///               mirror:u64(56) recordClusters:i8(64) … serial:u64(72)
///     record := "FILE" … attributes:u16(20)
///     attribute := type:u32 length:u32 resident:u8=0 … size:u32(16) value:u16(20)
///
/// A count of clusters that is negative is a power of two in bytes instead. The label is the value
/// of attribute 0x60 in record 3, in UTF-16. Source: Linux, fs/ntfs3/ntfs.h.
@Sendable func ntfsFileSystem(_ probe: SignatureProbe) throws -> Signature? {
  guard try probe.holds("NTFS    ", at: 3), let sector = try probe.bytes(at: 0, count: 512) else {
    return nil
  }
  let serial = hexadecimal(Array(sector[72..<80].reversed()).span.bytes).uppercased()
  return Signature(
    role: .fileSystem, typeName: "ntfs", label: try ntfsLabel(probe, sector), uuid: serial)
}

private func ntfsLabel(_ probe: SignatureProbe, _ sector: [UInt8]) throws -> String? {
  let boot = sector.span.bytes
  let sectorSize = UInt64(try boot.littleEndian(at: 11, as: UInt16.self))
  let perCluster = sector[13]
  let clusterSectors = perCluster <= 0x80 ? UInt64(perCluster) : 1 << UInt64(256 - Int(perCluster))
  let perRecord = Int8(bitPattern: sector[64])
  let (clusterSize, tooLarge) = sectorSize.multipliedReportingOverflow(by: clusterSectors)
  let table: UInt64 = try boot.littleEndian(at: 48)
  let (tableStart, overflow) = table.multipliedReportingOverflow(by: clusterSize)
  guard !tooLarge, !overflow, clusterSize <= 2 << 20, perRecord > 0 || perRecord >= -16 else {
    return nil
  }
  let recordSize = perRecord > 0 ? UInt64(perRecord) * clusterSize : 1 << UInt64(-Int(perRecord))
  let (place, beyond) = tableStart.addingReportingOverflow(3 * recordSize)
  guard !beyond, (256...65536).contains(recordSize),
    let record = try probe.bytes(at: place, count: Int(recordSize)),
    record.starts(with: Array("FILE".utf8))
  else { return nil }
  return attributeText(record)
}

private func attributeText(_ record: [UInt8]) -> String? {
  let fields = record.span.bytes
  do {
    var place = Int(try fields.littleEndian(at: 20, as: UInt16.self))
    while true {
      let type: UInt32 = try fields.littleEndian(at: place)
      let length = Int(try fields.littleEndian(at: place + 4, as: UInt32.self))
      guard type != .max, length >= 24 else { return nil }
      if type == 0x60, try fields.littleEndian(at: place + 8, as: UInt8.self) == 0 {
        let size = Int(try fields.littleEndian(at: place + 16, as: UInt32.self))
        let start = Int(try fields.littleEndian(at: place + 20, as: UInt16.self))
        return utf16Label(Array(try fields.field(at: place + start, count: size)))
      }
      place += length
    }
  } catch { return nil }
}

/// exFAT: its serial number as the UUID, its label from the root directory's first cluster.
///
///     sector := jump:3 "EXFAT   " zero:53 … heap:u32(88) clusters:u32(92) root:u32(96)
///               serial:u32(100) … sectorShift:u8(108) clusterShift:u8(109)
///     label  := 0x83 length:u8 units:22, one of the directory's entries of 32 bytes
///
/// Source: Microsoft, exFAT file system specification, 3.1 and 7.3.
@Sendable func exFATFileSystem(_ probe: SignatureProbe) throws -> Signature? {
  guard try probe.holds("EXFAT   ", at: 3), let sector = try probe.bytes(at: 0, count: 512) else {
    return nil
  }
  let serial = hexadecimal(Array(sector[100..<104].reversed()).span.bytes).uppercased()
  return Signature(
    role: .fileSystem, typeName: "exfat", label: try exFATLabel(probe, sector),
    uuid: dashed(serial, [4, 4]))
}

private func exFATLabel(_ probe: SignatureProbe, _ sector: [UInt8]) throws -> String? {
  let boot = sector.span.bytes
  let heap = UInt64(try boot.littleEndian(at: 88, as: UInt32.self))
  let root = UInt64(try boot.littleEndian(at: 96, as: UInt32.self))
  let (sectorShift, clusterShift) = (UInt64(sector[108]), UInt64(sector[109]))
  guard root >= 2, (9...12).contains(sectorShift), clusterShift <= 25 - sectorShift else {
    return nil
  }
  // At most 2^44 for the heap and 2^57 for the cluster.
  let place = heap << sectorShift + (root - 2) << (sectorShift + clusterShift)
  let size = min(1 << (sectorShift + clusterShift), 4096)
  guard let directory = try probe.bytes(at: place, count: size) else { return nil }
  for start in stride(from: 0, to: directory.count - 31, by: 32) {
    if directory[start] == 0 { return nil }
    if directory[start] == 0x83 {
      let count = min(Int(directory[start + 1]), 11)
      return utf16Label(Array(directory[start + 2..<start + 2 + 2 * count]))
    }
  }
  return nil
}
