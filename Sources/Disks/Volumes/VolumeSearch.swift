internal import BlockDevices
package import Encryption

/// Finds what is on a machine's disks: partitions, what they hold, and logical volumes over all of
/// them; also within what is encrypted and opens with a secret.
///
/// A disk that cannot be read in a place does not hide the others: what could not be found out is
/// among the problems.
///
/// - Parameters:
///   - keyring: remembers what was opened, for the next search.
///   - secrets: passphrases and key files that may open what is encrypted; asked for once, where
///     there is anything. Each try takes what the container's header asks for, up to seconds.
/// - Throws: ``DiskNameError`` where two disks have one name, or a name has a "/"; what `secrets`
///   throws.
package func findVolumes(
  on disks: [NamedDisk], keyring: VolumeKeyring = VolumeKeyring(),
  secrets: () throws -> [Secret] = { [] }
) throws -> VolumeListing {
  var names: Set<String> = []
  for disk in disks {
    guard !disk.name.isEmpty, !disk.name.contains("/") else {
      throw DiskNameError.invalid(disk.name)
    }
    guard names.insert(disk.name).inserted else { throw DiskNameError.taken(disk.name) }
  }
  var volumes: [Volume] = []
  var problems: [String] = []
  for disk in disks {
    let found = lookInto(disk)
    volumes += found.volumes
    problems += found.problems
  }
  var search = ContainerSearch(volumes: volumes, disks: names, keyring)
  while !search.closed.isEmpty { try search.open(with: secrets) }
  return VolumeListing(
    volumes: search.all, groups: search.logical.groups,
    problems: problems + search.problems + search.logical.problems)
}

/// Disks whose names do not tell their volumes apart.
package enum DiskNameError: Error, Equatable, CustomStringConvertible {
  case taken(String)
  case invalid(String)

  package var description: String {
    switch self {
    case .taken(let name): "two disks are called \(name); each needs a name of its own"
    case .invalid(let name): "a disk cannot be called '\(name)'"
    }
  }
}

/// A disk and its partitions.
///
/// - Parameter kind: what a volume is that is looked into as a disk is.
func lookInto(_ disk: NamedDisk, as kind: Volume.Kind = .disk) -> VolumeListing {
  let (content, problem) = content(of: disk.device)
  var table: PartitionTable?
  var problems: [String] = []
  do { table = try partitionTable(of: disk.device) } catch {
    problems.append("\(disk.name): its partition table cannot be read: \(error)")
  }
  if let found = table, let content, content.rules(over: found, on: disk.device) { table = nil }
  var whole = content
  if let table, content?.typeName != "iso9660" {
    whole = Signature(role: .partitionTable, typeName: table.kind.rawValue, uuid: table.uuid)
  }
  var volumes = [
    Volume(
      name: disk.name, kind: kind, byteCount: disk.device.byteCount, device: disk.device,
      content: whole, problem: table == nil ? problem : nil)
  ]
  for entry in table?.entries ?? [] { volumes.append(volume(of: entry, on: disk, &problems)) }
  problems += (table?.problems ?? []).map { "\(disk.name): \($0)" }
  return VolumeListing(volumes: volumes, problems: problems)
}

/// A partition; of one that goes beyond the disk's end what is there, as of an image that was cut
/// off.
private func volume(
  of entry: PartitionTable.Entry, on disk: NamedDisk, _ problems: inout [String]
) -> Volume {
  let name = "\(disk.name)/\(entry.number)"
  let end = disk.device.byteCount
  var device: (any BlockDevice)?
  var found: (content: Signature?, problem: String?)
  do {
    let isThere = disk.device.holds(entry.byteCount, at: entry.start)
    let slice = try DeviceSlice(
      disk.device, from: entry.start,
      byteCount: isThere || entry.start >= end ? entry.byteCount : end - entry.start)
    device = slice
    found =
      entry.type.isExtended
      ? (Signature(role: .partitionTable, typeName: "dos"), nil) : content(of: slice)
    if !isThere {
      problems.append(
        "\(name): it ends at byte \(entry.start + entry.byteCount), but the disk at \(end); what "
          + "lies behind that cannot be read")
    }
  } catch {
    found = (nil, "it begins at byte \(entry.start), but the disk ends at \(end)")
  }
  return Volume(
    name: name, kind: .partition(entry.number), byteCount: entry.byteCount, offset: entry.start,
    partitionType: entry.type.name, label: entry.label, uuid: entry.uuid, device: device,
    content: found.content, problem: found.problem)
}

/// What a device holds, or why that cannot be said.
func content(of device: any BlockDevice) -> (content: Signature?, problem: String?) {
  do { return (try signature(of: device), nil) } catch {
    return (nil, "what it holds cannot be read: \(error)")
  }
}

extension Signature {
  /// Whether this is what the disk holds, and what looks like a partition table is not one.
  ///
  /// Boot sectors of Windows file systems end as a master boot record does, and have code or a
  /// table of their own where its entries are. A GUID partition table has checksums, and is meant
  /// unless nothing announces it. An old RAID's superblock at the end may belong to the last
  /// partition as well as to the disk.
  fileprivate func rules(over table: PartitionTable, on device: any BlockDevice) -> Bool {
    if table.isDoubtful { return true }
    if table.kind == .gpt { return false }
    switch typeName {
    case "vfat", "ntfs", "exfat", "ReFS", "BitLocker": return true
    case "linux_raid_member":
      guard let place = oldRaidPlace(deviceByteCount: device.byteCount) else { return true }
      return !table.entries.contains { $0.start <= place && place - $0.start < $0.byteCount }
    default: return false
    }
  }
}
