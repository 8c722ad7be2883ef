internal import Bytes

/// What a file carries besides its bytes, by the names that ntfs-3g has for it.
extension NTFSItem {
  /// Linux takes no attribute that is longer; such a stream is had by its name alone.
  static let streamByteLimit: UInt64 = 64 << 10

  /// Streams as `user.NAME`, values of Linux by their own names; then the security descriptor as
  /// `system.ntfs_acl`, attributes of DOS and Windows as `system.ntfs_attrib`, and where there are
  /// such, the reparse point as `system.ntfs_reparse_data` and values of others as
  /// `system.ntfs_ea`. A reparse point by which the item is a link, a device or compressed is none
  /// of them: what is restored is that already, or plain.
  func extendedAttributes(_ security: NTFSSecurity) throws -> [ExtendedAttribute] {
    var found: [ExtendedAttribute] = []
    for stream in try streams() where stream.isAttribute {
      let content = try self.content(ofStream: stream.name)
      found.append(
        ExtendedAttribute(
          name: Self.attributeName(ofStream: stream.name),
          value: try content.bytes(limit: Int(Self.streamByteLimit))))
    }
    var hasOthers = false
    for (name, value) in values.values {
      if Self.isOfLinux(name) {
        found.append(ExtendedAttribute(name: FileName(name), value: value))
      } else {
        hasOthers = true
      }
    }
    func add(_ name: String, _ value: [UInt8]?) {
      guard let value else { return }
      found.append(ExtendedAttribute(name: FileName("system.ntfs_\(name)"), value: value))
    }
    add("acl", try descriptor(security))
    add("attrib", Self.littleEndian(information.attributes.rawValue | directoryBit))
    add("reparse_data", isShownOtherwise ? nil : point?.stored)
    add("ea", hasOthers ? values.stored : nil)
    return found
  }

  /// ntfs-3g keeps attributes of Linux that are not a user's in streams that it names so.
  private static func attributeName(ofStream name: FileName) -> FileName {
    let mark = Array("ntfs-3g.".utf8)
    if name.bytes.starts(with: mark) {
      let rest = Array(name.bytes.dropFirst(mark.count))
      if isOfLinux(rest), !rest.starts(with: "user.".utf8) { return FileName(rest) }
    }
    return FileName(Array("user.".utf8) + name.bytes)
  }

  /// Whether what the reparse point says is in the item's kind or its bytes.
  private var isShownOtherwise: Bool {
    point?.tag == NTFSReparseTag.overlay || kind != .regular && kind != .directory
  }

  private static func isOfLinux(_ name: [UInt8]) -> Bool {
    ["user.", "trusted.", "security.", "system.posix_acl_"].contains {
      name.starts(with: $0.utf8) && name.count > $0.utf8.count && !name.contains(0)
    }
  }

  /// Which Windows shows, and does not store with the others.
  private var directoryBit: UInt32 { file.record.isDirectory ? 0x10 : 0 }

  private static func littleEndian(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  /// By its number in `$Secure`, else the file's own.
  private func descriptor(_ security: NTFSSecurity) throws -> [UInt8]? {
    if let id = information.securityID, id != 0 { return try security.descriptor(id) }
    return try file.value(
      NTFSAttributeType.securityDescriptor, limit: 128 << 10,
      "the security descriptor of \(structure)")
  }

  // MARK: streams

  /// All streams that have a name, but for those that are the file's bytes in another form.
  func streams() throws -> [NamedStream] {
    try file.all(NTFSAttributeType.data).compactMap { part in
      let units = part.record.name(of: part.attribute)
      if units.isEmpty { return nil }
      if units == NTFSOverlayContent.streamName, point?.tag == NTFSReparseTag.overlay { return nil }
      let byteCount = part.sizes.byteCount
      return NamedStream(
        name: FileName(utf16: units), byteCount: byteCount,
        isAttribute: byteCount <= Self.streamByteLimit)
    }
  }

  /// The bytes of a stream by its name.
  func content(ofStream name: FileName) throws -> any FileContent {
    let found = try name.utf16.flatMap {
      try file.stream(NTFSAttributeType.data, named: $0, "stream \(name) of \(structure)")
    }
    guard let found else { throw damagedNTFS(structure, "it has no stream \(name)") }
    return try volume.content(of: found)
  }
}
