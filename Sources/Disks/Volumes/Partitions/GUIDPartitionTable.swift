internal import BlockDevices
internal import Bytes

/// The GUID partition table that UEFI describes.
///
///     header := "EFI PART" revision:u32 headerSize:u32 headerCRC:u32 0:u32 place:u64 other:u64
///               firstUsable:u64 lastUsable:u64 disk:GUID entries:u64 entryCount:u32 entrySize:u32
///               entriesCRC:u32
///     entry  := type:GUID partition:GUID first:u64 last:u64 attributes:u64 name:72
///
/// Places are numbers of sectors. One header lies in sector 1 with its entries behind it, another
/// in the last sector with its own before it. Source: UEFI Specification 2.10, 5.3.
struct GUIDPartitionTable {
  private let uuid: String
  private let firstEntry: UInt64
  private let entryCount: UInt32
  private let entryByteCount: UInt32
  private let entriesChecksum: UInt32
  private let sectorByteCount: UInt64

  /// Bytes of all entries that are read at most.
  private static let entriesByteLimit: UInt64 = 4 << 20

  /// - Returns: nil where there is no header in that sector.
  /// - Throws: ``PartitionTableDamage``; what the device throws.
  init?(on device: any BlockDevice, sector: UInt64, sectorByteCount: UInt64) throws {
    guard let place = bytes(ofSectors: sector, sectorByteCount),
      device.holds(sectorByteCount, at: place)
    else { return nil }
    let sectorBytes = try device.bytes(at: place, count: Int(sectorByteCount))
    let fields = sectorBytes.span.bytes
    guard fields.starts(with: Self.magic) else { return nil }
    let headerByteCount = Int(try fields.littleEndian(at: 12, as: UInt32.self))
    guard (92...sectorBytes.count).contains(headerByteCount) else {
      throw PartitionTableDamage("its header claims to have \(headerByteCount) bytes")
    }
    var header = Array(sectorBytes[..<headerByteCount])
    header.replaceSubrange(16..<20, with: [0, 0, 0, 0])
    guard try fields.littleEndian(at: 16, as: UInt32.self) == ~crc32(header.span.bytes) else {
      throw PartitionTableDamage("its header's checksum is wrong")
    }
    guard try fields.littleEndian(at: 24, as: UInt64.self) == sector else {
      throw PartitionTableDamage("its header belongs to another place")
    }
    uuid = guidText(sectorBytes[56..<72])
    firstEntry = try fields.littleEndian(at: 72)
    entryCount = try fields.littleEndian(at: 80)
    entryByteCount = try fields.littleEndian(at: 84)
    entriesChecksum = try fields.littleEndian(at: 88)
    self.sectorByteCount = sectorByteCount
  }

  /// Where a header in sector 1, even a damaged one, says that the other one lies.
  static func placeOfOther(
    on device: any BlockDevice, sectorByteCount: UInt64
  ) throws -> UInt64? {
    guard device.holds(40, at: sectorByteCount) else { return nil }
    let header = try device.bytes(at: sectorByteCount, count: 40)
    let fields = header.span.bytes
    return fields.starts(with: magic) ? try fields.littleEndian(at: 32) : nil
  }

  private static var magic: StaticString { "EFI PART" }

  /// The table with its entries.
  ///
  /// - Throws: ``PartitionTableDamage``; what the device throws.
  func table(on device: any BlockDevice) throws -> PartitionTable {
    let size = UInt64(entryCount) * UInt64(entryByteCount)
    guard entryByteCount >= 128, entryByteCount.isMultiple(of: 8), size > 0,
      size <= Self.entriesByteLimit
    else {
      throw PartitionTableDamage("it claims \(entryCount) entries of \(entryByteCount) bytes")
    }
    guard let place = bytes(ofSectors: firstEntry, sectorByteCount), device.holds(size, at: place)
    else { throw PartitionTableDamage("its entries lie outside the disk") }
    let stored = try device.bytes(at: place, count: Int(size))
    guard ~crc32(stored.span.bytes) == entriesChecksum else {
      throw PartitionTableDamage("the checksum of its entries is wrong")
    }
    var table = PartitionTable(
      kind: .gpt, sectorByteCount: sectorByteCount, uuid: uuid, entries: [])
    for index in 0..<Int(entryCount) {
      let start = index * Int(entryByteCount)
      let entry = Array(stored[start..<start + 128])
      guard entry[..<16].contains(where: { $0 != 0 }) else { continue }
      guard table.entries.count < partitionLimit else {
        table.problems.append(
          "it has more than \(partitionLimit) partitions; the rest is not shown")
        break
      }
      try append(entry, number: index + 1, to: &table)
    }
    return table
  }

  private func append(
    _ entry: [UInt8], number: Int, to table: inout PartitionTable
  ) throws(TruncatedInput) {
    let fields = entry.span.bytes
    let first: UInt64 = try fields.littleEndian(at: 32)
    let last: UInt64 = try fields.littleEndian(at: 40)
    guard first <= last, last < .max, let start = bytes(ofSectors: first, sectorByteCount),
      let size = bytes(ofSectors: last - first + 1, sectorByteCount)
    else {
      return table.problems.append(
        "partition \(number) is said to go from sector \(first) to \(last), which cannot be")
    }
    table.entries.append(
      PartitionTable.Entry(
        number: number, start: start, byteCount: size,
        type: PartitionType(guid: guidText(entry[..<16])),
        label: utf16Label(Array(entry[56..<128])), uuid: guidText(entry[16..<32])))
  }
}

/// Why a partition table is not believed.
struct PartitionTableDamage: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
