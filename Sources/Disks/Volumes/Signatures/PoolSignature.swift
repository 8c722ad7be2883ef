internal import BlockDevices
internal import Bytes

/// A member of a ZFS pool: its name as the label, its GUID, in decimal, as the UUID.
///
/// Four labels of 256 KiB lie on it, two at the start and two at the end. From 16 KiB on each holds
/// pairs of names and values in XDR, big-endian:
///
///     pairs  := encoding:u8=1 order:u8 0:u16 version:u32=0 flags:u32 pair* 0:u64
///     pair   := size:u32 decodedSize:u32 name type:u32 count:u32 value
///     string := length:u32 bytes, filled up with zeros to a multiple of 4
///
/// Source: ZFS On-Disk Specification (Sun, 2006), 1.2 and 1.3; OpenZFS, module/nvpair/nvpair.c.
@Sendable func poolMember(_ probe: SignatureProbe) throws -> Signature? {
  let label: UInt64 = 256 << 10
  let usable = probe.device.byteCount / label * label
  guard usable >= 4 * label else { return nil }
  for start in [0, label, usable - 2 * label, usable - label] {
    if let found = try poolMember(probe, labelAt: start) { return found }
  }
  return nil
}

private func poolMember(_ probe: SignatureProbe, labelAt start: UInt64) throws -> Signature? {
  guard let head = try probe.bytes(at: start + 16384, count: 12), head[0] == 1, head[1] <= 1,
    head[2...] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    let pairs = try probe.bytes(at: start + 16384 + 12, count: 8192)
  else { return nil }
  var name: String?
  var guid: String?
  // Where the pairs end too early, what was found before counts.
  do { try readPairs(pairs, &name, &guid) } catch {}
  guard name != nil || guid != nil else { return nil }
  return Signature(role: .raid, typeName: "zfs_member", label: name, uuid: guid)
}

/// Goes over the pairs at the top and takes "name" and "pool_guid".
private func readPairs(
  _ bytes: [UInt8], _ name: inout String?, _ guid: inout String?
) throws(TruncatedInput) {
  let fields = bytes.span.bytes
  var place = 0
  // Each step goes at least 16 bytes on.
  while true {
    let size = Int(try fields.bigEndian(at: place, as: UInt32.self))
    guard size >= 16 else { return }
    let length = Int(try fields.bigEndian(at: place + 8, as: UInt32.self))
    let key = Array(try fields.field(at: place + 12, count: length))
    let value = place + 12 + (length + 3) / 4 * 4
    switch (String(decoding: key, as: UTF8.self), try fields.bigEndian(at: value, as: UInt32.self))
    {
    case ("name", 9):
      let count = Int(try fields.bigEndian(at: value + 8, as: UInt32.self))
      name = labelText(Array(try fields.field(at: value + 12, count: count)))
    case ("pool_guid", 8):
      guid = "\(try fields.bigEndian(at: value + 8, as: UInt64.self))"
    default: break
    }
    place += size
  }
}
