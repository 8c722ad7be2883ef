internal import BlockDevices

/// The partition table of a disk; nil where it has none.
///
/// A GUID partition table goes before a master boot record where that has a protective entry, as
/// hybrid ones do, or where that is lost. Sectors of 512 and of 4,096 bytes are tried; which of
/// both a master boot record counts by, it does not say, so that of which more partitions hold
/// something.
///
/// - Throws: what the device throws.
func partitionTable(of device: any BlockDevice) throws -> PartitionTable? {
  guard device.holds(512, at: 0) else { return nil }
  let record = try MasterBootRecord(device.bytes(at: 0, count: 512))
  let hasPartitions = record.map { !$0.isEmpty && $0.isPlausible } ?? false
  if !hasPartitions || record?.isProtective == true {
    if var table = try guidTable(of: device, isAnnounced: hasPartitions) {
      if !hasPartitions {
        table.isDoubtful = true
        table.problems.append("its protective master boot record is missing")
      }
      return table
    }
  }
  guard let record, hasPartitions else { return nil }
  var found = try table(of: record, on: device, sectorByteCount: 512)
  if record.isProtective {
    found.problems.append(
      "the master boot record says that there is a GUID partition table; none was found that is "
        + "whole")
    return found
  }
  if device.byteCount.isMultiple(of: 4096) {
    let large = try table(of: record, on: device, sectorByteCount: 4096)
    if try recognised(large, on: device) > recognised(found, on: device) { found = large }
  }
  return found
}

/// The primary table, or where that is damaged the backup at the end.
///
/// - Parameter isAnnounced: whether a protective master boot record says that there is one; without
///   it a backup alone may be what is left of a table that is gone.
private func guidTable(
  of device: any BlockDevice, isAnnounced: Bool
) throws -> PartitionTable? {
  var damage: String?
  for size: UInt64 in [512, 4096] {
    do {
      let header = try GUIDPartitionTable(on: device, sector: 1, sectorByteCount: size)
      if let table = try header?.table(on: device) { return table }
    } catch let error as PartitionTableDamage { damage = error.description }
  }
  guard isAnnounced || damage != nil else { return nil }
  let reason = damage ?? "there is no header in sector 1"
  let problem = "the primary partition table is damaged (\(reason)); the backup at the end is used"
  for size: UInt64 in [512, 4096] where device.byteCount >= 2 * size {
    // At the end, or, where the disk has grown, at what was the end.
    let other = try GUIDPartitionTable.placeOfOther(on: device, sectorByteCount: size)
    for place in [device.byteCount / size - 1, other].compactMap({ $0 }) where place > 1 {
      do {
        let header = try GUIDPartitionTable(on: device, sector: place, sectorByteCount: size)
        guard var table = try header?.table(on: device) else { continue }
        table.problems.insert(problem, at: 0)
        return table
      } catch is PartitionTableDamage { continue }
    }
  }
  return nil
}

/// How many partitions hold something that is known.
private func recognised(_ table: PartitionTable, on device: any BlockDevice) throws -> Int {
  try table.entries.count { entry in
    guard !entry.type.isExtended, device.holds(entry.byteCount, at: entry.start) else {
      return false
    }
    let slice = try DeviceSlice(device, from: entry.start, byteCount: entry.byteCount)
    return try signature(of: slice) != nil
  }
}
