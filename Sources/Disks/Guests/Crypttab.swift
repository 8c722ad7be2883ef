internal import Filesystems

extension Guest {
  private static let crypttabByteLimit = 1 << 20

  /// What `/etc/crypttab` calls the encrypted volumes that it opens (crypttab(5)): names below
  /// `/dev/mapper`, and the devices, as `fstab` would name them. Empty where it cannot be read.
  func crypttab(of tree: MountTree) -> [String: String] {
    guard let place = try? tree.place(at: GuestPath("/etc/crypttab")),
      let content = try? place.fileSystem.content(of: place.item),
      let bytes = try? content.bytes(limit: Self.crypttabByteLimit)
    else { return [:] }
    var devices: [String: String] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
      guard words.count >= 2, !words[0].hasPrefix("#") else { continue }
      devices[String(words[0])] = String(words[1])
    }
    return devices
  }
}
