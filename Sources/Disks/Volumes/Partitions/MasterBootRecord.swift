internal import BlockDevices
internal import Bytes

/// A master boot record, or the boot record of a logical partition.
///
///     record := code:440 diskNumber:u32 0:u16 entry*4 0x55 0xAA
///     entry  := status:u8 chs:3 type:u8 chs:3 start:u32 sectors:u32
///
/// A partition of an extended type holds a chain of such records: in each, one entry is a logical
/// partition, whose start counts from the record, and one of an extended type leads to the next
/// record, whose place counts from the extended partition's start. Logical partitions are numbered
/// from 5 on in the order of the chain, as Linux does.
struct MasterBootRecord {
  struct Entry: Equatable {
    let isActive: UInt8
    let type: UInt8
    let start: UInt64
    let sectorCount: UInt64

    var isExtended: Bool { [0x05, 0x0F, 0x85, 0xC5, 0xD5].contains(type) }
  }

  static let protectiveType: UInt8 = 0xEE

  let diskNumber: UInt32
  let entries: [Entry]

  /// - Returns: nil where the sector is no such record.
  init?(_ sector: [UInt8]) throws(TruncatedInput) {
    guard sector.count >= 512, sector[510] == 0x55, sector[511] == 0xAA else { return nil }
    let fields = sector.span.bytes
    diskNumber = try fields.littleEndian(at: 440)
    var entries: [Entry] = []
    for place in stride(from: 446, to: 510, by: 16) {
      entries.append(
        Entry(
          isActive: sector[place], type: sector[place + 4],
          start: UInt64(try fields.littleEndian(at: place + 8, as: UInt32.self)),
          sectorCount: UInt64(try fields.littleEndian(at: place + 12, as: UInt32.self))))
    }
    self.entries = entries
  }

  /// Whether its entries can be those of a table and are not, for one, the code of a boot sector.
  var isPlausible: Bool { entries.allSatisfy { $0.isActive & 0x7F == 0 } }

  var isEmpty: Bool { entries.allSatisfy { $0.type == 0 || $0.sectorCount == 0 } }

  var isProtective: Bool { entries.contains { $0.type == Self.protectiveType } }
}

/// The table of a disk with a master boot record, logical partitions among them.
///
/// - Throws: what the device throws.
func table(
  of record: MasterBootRecord, on device: any BlockDevice, sectorByteCount: UInt64
) throws -> PartitionTable {
  let digits = String(record.diskNumber, radix: 16)
  let uuid = String(repeating: "0", count: 8 - digits.count) + digits
  var table = PartitionTable(
    kind: .dos, sectorByteCount: sectorByteCount,
    uuid: record.diskNumber == 0 ? nil : uuid, entries: [])
  for (index, entry) in record.entries.enumerated() where entry.type != 0 && entry.sectorCount > 0 {
    table.append(entry, number: index + 1, from: entry.start)
  }
  guard let extended = record.entries.first(where: { $0.isExtended && $0.sectorCount > 0 }) else {
    return table
  }
  try table.appendLogical(within: extended, on: device)
  return table
}

extension PartitionTable {
  fileprivate mutating func append(
    _ entry: MasterBootRecord.Entry, number: Int, from start: UInt64
  ) {
    // Both are sums of a few numbers of 32 bits.
    guard let place = bytes(ofSectors: start, sectorByteCount),
      let size = bytes(ofSectors: entry.sectorCount, sectorByteCount)
    else { return }
    let digits = String(number, radix: 16)
    entries.append(
      Entry(
        number: number, start: place, byteCount: size, type: PartitionType(code: entry.type),
        uuid: uuid.map { "\($0)-\(digits.count < 2 ? "0" : "")\(digits)" }))
  }

  /// Follows the chain of an extended partition.
  fileprivate mutating func appendLogical(
    within extended: MasterBootRecord.Entry, on device: any BlockDevice
  ) throws {
    var place = extended.start
    var visited: Set<UInt64> = []
    var number = 5
    while true {
      guard visited.insert(place).inserted else {
        return problems.append("the chain of logical partitions leads in a circle")
      }
      guard visited.count <= Self.logicalLimit else {
        return problems.append(
          "there are more than \(Self.logicalLimit) logical partitions; the rest is not shown")
      }
      guard let offset = bytes(ofSectors: place, sectorByteCount), device.holds(512, at: offset),
        let record = try MasterBootRecord(device.bytes(at: offset, count: 512))
      else {
        return problems.append(
          "the chain of logical partitions breaks off at sector \(place): there is no boot record")
      }
      for (index, entry) in record.entries.enumerated()
      where entry.sectorCount > 0 && entry.type != 0 && !entry.isExtended {
        // Some systems leave other things in the last two entries; theirs must make sense.
        let end = place + entry.start + entry.sectorCount
        if index >= 2, end > extended.start + extended.sectorCount { continue }
        append(entry, number: number, from: place + entry.start)
        number += 1
      }
      guard let next = record.entries.first(where: { $0.isExtended && $0.sectorCount > 0 }) else {
        return
      }
      place = extended.start + next.start
    }
  }

  private static var logicalLimit: Int { 256 }
}
