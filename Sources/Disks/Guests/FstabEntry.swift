internal import Filesystems

/// A line of `/etc/fstab`.
///
///     line    := blank* (comment | device blank+ point (blank+ type (blank+ options …)?)?)
///     comment := "#" …
///
/// In a field `\040` stands for the byte with that octal number. Source: fstab(5), getmntent(3).
struct FstabEntry: Equatable {
  /// What is mounted: "UUID=…", "/dev/sda1".
  let device: [UInt8]
  let point: GuestPath
  let type: String
  let options: [String]

  /// Whether the machine mounts it by itself.
  var isAutomatic: Bool {
    !options.contains("noauto") || options.contains("x-systemd.automount")
  }

  var isBind: Bool { options.contains("bind") || options.contains("rbind") }

  /// Whether a person would look for it among the machine's disks.
  var isOnDisk: Bool {
    let text = deviceText
    return type != "swap"
      && (text.hasPrefix("/dev/")
        || ["UUID=", "LABEL=", "PARTUUID=", "PARTLABEL="].contains { text.hasPrefix($0) })
  }

  var deviceText: String { String(decoding: device, as: UTF8.self) }
}

/// The entries of a table in their order; lines that are none are left out.
func parseFstab(_ bytes: [UInt8]) -> [FstabEntry] {
  bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
    let fields = line.split { isBlank($0) }.map { Array($0) }
    guard fields.count >= 2, fields[0].first != UInt8(ascii: "#") else { return nil }
    let point = unescaped(fields[1])
    // "none", "swap": it is mounted nowhere.
    guard point.first == UInt8(ascii: "/") else { return nil }
    let options = fields.count > 3 ? String(decoding: unescaped(fields[3]), as: UTF8.self) : ""
    return FstabEntry(
      device: unquoted(unescaped(fields[0])), point: GuestPath(point),
      type: fields.count > 2 ? String(decoding: unescaped(fields[2]), as: UTF8.self) : "auto",
      options: options.split(separator: ",").map { String($0) })
  }
}

private func isBlank(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
}

private func unescaped(_ field: [UInt8]) -> [UInt8] {
  var bytes: [UInt8] = []
  var place = 0
  while place < field.count {
    let digits = field[place...].dropFirst().prefix(3)
    if field[place] == UInt8(ascii: "\\"), digits.count == 3,
      digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
      let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
    {
      bytes.append(byte)
      place += 4
    } else {
      bytes.append(field[place])
      place += 1
    }
  }
  return bytes
}

/// Without the quotation marks that may stand around a tag's value: `UUID="…"`.
private func unquoted(_ device: [UInt8]) -> [UInt8] {
  let mark = UInt8(ascii: "\"")
  guard device.last == mark, device.contains(UInt8(ascii: "=")) else { return device }
  return device.filter { $0 != mark }
}
