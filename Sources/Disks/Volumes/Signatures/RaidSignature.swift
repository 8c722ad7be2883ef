internal import BlockDevices
internal import Bytes

/// A member of a Linux software RAID.
///
/// Versions 1.0, 1.1 and 1.2 keep their superblock 8 to 12 KiB before the end, at the start, and
/// 4 KiB from it: magic 0xA92B4EFC at 0, version 1 at 4, the set's UUID at 16 and its name at 32.
/// Version 0.90 keeps it in the last 64 KiB that are aligned so: version 0 at 4, 90 at 8, and the
/// UUID in four words at 20, 52, 56 and 60.
/// Source: Linux, include/uapi/linux/raid/md_p.h.
@Sendable func raidMember(_ probe: SignatureProbe) throws -> Signature? {
  let byteCount = probe.device.byteCount
  var places: [UInt64] = [0, 4096]
  if byteCount >= 12 << 10 { places.append((byteCount / 512 * 512 - 8 << 10) / 4096 * 4096) }
  for place in places {
    guard let superblock = try probe.bytes(at: place, count: 64) else { continue }
    let fields = superblock.span.bytes
    guard try fields.littleEndian(at: 0, as: UInt32.self) == raidMagic,
      try fields.littleEndian(at: 4, as: UInt32.self) == 1
    else { continue }
    return Signature(
      role: .raid, typeName: "linux_raid_member", label: labelText(superblock[32...]),
      uuid: uuidText(superblock[16..<32]))
  }
  return try oldRaidMember(probe)
}

private let raidMagic: UInt32 = 0xA92B_4EFC

private func oldRaidMember(_ probe: SignatureProbe) throws -> Signature? {
  guard let place = oldRaidPlace(deviceByteCount: probe.device.byteCount),
    let superblock = try probe.bytes(at: place, count: 64)
  else { return nil }
  let fields = superblock.span.bytes
  // In the byte order of the machine that wrote it.
  let magic: UInt32 = try fields.littleEndian(at: 0)
  guard magic == raidMagic || magic == raidMagic.byteSwapped else { return nil }
  let swapped = magic != raidMagic
  let version: UInt32 = try fields.littleEndian(at: 8)
  guard (swapped ? version.byteSwapped : version) == 90 else { return nil }
  var uuid: [UInt8] = []
  for offset in [20, 52, 56, 60] {
    let word = superblock[offset..<offset + 4]
    // As blkid and mdadm spell it: each word as a number.
    uuid += swapped ? Array(word) : word.reversed()
  }
  return Signature(role: .raid, typeName: "linux_raid_member", uuid: uuidText(uuid))
}

/// Where version 0.90 keeps its superblock.
func oldRaidPlace(deviceByteCount: UInt64) -> UInt64? {
  deviceByteCount >= 128 << 10 ? deviceByteCount / 65536 * 65536 - 65536 : nil
}
