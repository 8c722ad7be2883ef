internal import Volumes

/// What a machine calls its volumes, found among those of its disks.
extension VolumeListing {
  /// The volumes that `name` means, as `fstab` has it: a tag (`UUID=`, `LABEL=`, `PARTUUID=`,
  /// `PARTLABEL=`) or a path below `/dev`. Nothing where the name is of another kind.
  ///
  /// Paths that count disks (`/dev/sdb1`, `/dev/vda`, `/dev/nvme0n1p2`) go by the order of the
  /// disks, unless a disk is called so.
  func volumes(onMachine name: String) -> [Volume] {
    if let sign = name.firstIndex(of: "="), !name.hasPrefix("/") {
      return volumes(
        tagged: String(name[..<sign]).uppercased(), String(name[name.index(after: sign)...]))
    }
    guard name.hasPrefix("/dev/") else { return [] }
    let parts = name.dropFirst(5).split(separator: "/").map { String($0) }
    switch (parts.first, parts.count) {
    case ("disk", 3):
      let tags = [
        "by-uuid": "UUID", "by-label": "LABEL", "by-partuuid": "PARTUUID",
        "by-partlabel": "PARTLABEL",
      ]
      return tags[parts[1]].map { volumes(tagged: $0, withoutEscapes(parts[2])) } ?? []
    case ("mapper", 2):
      let logical = logicalVolumeName(mapped: parts[1]).map { volumes(called: $0) } ?? []
      // Installers call what they decrypt by the UUID of its container.
      guard logical.isEmpty, parts[1].hasPrefix("luks-") else { return logical }
      return decrypted(from: "UUID=\(parts[1].dropFirst(5))")
    case (_, 2): return volumes(called: parts.joined(separator: "/")).filter(\.isLogical)
    case (let device?, 1): return volumes(numbered: device)
    default: return []
    }
  }

  /// What is decrypted of the volumes that `name` means, by the name of one of them.
  func decrypted(from name: String) -> [Volume] {
    volumes(onMachine: name).flatMap { container in
      volumes.filter { $0.kind == .decrypted(container: container.name) }
    }
  }

  /// Whether what is encrypted in a volume is among the others.
  func isOpened(_ volume: Volume) -> Bool {
    volumes.contains { $0.kind == .decrypted(container: volume.name) }
  }

  /// The volumes with that name in the listing.
  func volumes(called name: String) -> [Volume] { volumes.filter { $0.name == name } }

  /// The volumes that carry a tag. UUIDs are compared without regard to case.
  func volumes(tagged tag: String, _ value: String) -> [Volume] {
    let value = value.filter { $0 != "\"" }
    return volumes.filter { volume in
      switch tag {
      case "UUID": volume.content?.uuid?.lowercased() == value.lowercased()
      case "LABEL": volume.content?.label == value
      case "PARTUUID": volume.isPartition && volume.uuid?.lowercased() == value.lowercased()
      case "PARTLABEL": volume.isPartition && volume.label == value
      default: false
      }
    }
  }

  /// By a name such as `vda1`, `sdb` or `nvme0n1p2`.
  private func volumes(numbered device: String) -> [Volume] {
    guard let (disk, index, partition) = numberedDevice(device) else { return [] }
    let disks = volumes.filter { $0.kind == .disk }.map(\.name)
    let name = disks.contains(disk) ? disk : index < disks.count ? disks[index] : nil
    guard let name else { return [] }
    return volumes(called: partition.map { "\(name)/\($0)" } ?? name)
  }
}

extension Volume {
  fileprivate var isLogical: Bool { if case .logicalVolume = kind { true } else { false } }
  fileprivate var isPartition: Bool { if case .partition = kind { true } else { false } }
}

/// A disk, its place in the order, and a partition, of a name that counts both.
private func numberedDevice(_ name: String) -> (disk: String, index: Int, partition: Int?)? {
  if let match = name.wholeMatch(of: #/((?:s|v|h|xv)d([a-z]{1,3}))(\d{1,4})?/#) {
    let letters = match.2.utf8.reduce(0) { $0 * 26 + Int($1 - UInt8(ascii: "a")) + 1 }
    return (String(match.1), letters - 1, match.3.flatMap { Int($0) })
  }
  if let match = name.wholeMatch(of: #/(nvme(\d{1,4})n1|mmcblk(\d{1,4}))(?:p(\d{1,4}))?/#) {
    guard let index = (match.2 ?? match.3).flatMap({ Int($0) }) else { return nil }
    return (String(match.1), index, match.4.flatMap { Int($0) })
  }
  return nil
}

/// `vg--0-root` as `vg-0/root`: device mapper joins names by "-" and doubles those within.
private func logicalVolumeName(mapped name: String) -> String? {
  let parts = name.replacing("--", with: "/").split(
    separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
  guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
  return parts.map { $0.replacing("/", with: "-") }.joined(separator: "/")
}

/// `my\x20label` as `my label`: udev writes bytes so that a name would not have.
private func withoutEscapes(_ name: String) -> String {
  var bytes: [UInt8] = []
  var rest = Substring(name)
  while let first = rest.first {
    if rest.hasPrefix("\\x"), let byte = UInt8(rest.dropFirst(2).prefix(2), radix: 16) {
      bytes.append(byte)
      rest = rest.dropFirst(4)
    } else {
      bytes += Array(String(first).utf8)
      rest = rest.dropFirst()
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}
