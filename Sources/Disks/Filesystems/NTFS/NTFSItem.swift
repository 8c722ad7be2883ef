internal import Bytes

/// A file with what is needed to say what it is.
struct NTFSItem {
  let file: NTFSFile
  let information: NTFSStandardInformation
  let point: NTFSReparsePoint?
  let values: NTFSNamedValues
  /// A link or device that Interix, the Unix of Windows NT, made; nil for others.
  let interix: NTFSInterixFile?
  private let isEmpty: Bool
  let volume: NTFSVolume

  init(_ item: ItemID, on volume: NTFSVolume) throws {
    self.volume = volume
    file = try NTFSFile(NTFSReference(item), on: volume)
    information = try NTFSStandardInformation(of: file)
    point = try file.reparsePoint()
    values = try NTFSNamedValues(of: file)
    let mayBeInterix =
      point == nil && !file.record.isDirectory && information.attributes.contains(.system)
    interix = mayBeInterix ? try NTFSInterixFile(file, on: volume) : nil
    isEmpty = try (file.first(NTFSAttributeType.data)?.sizes.byteCount ?? 0) == 0
  }

  var kind: FileKind {
    if let interix { return interix.kind }
    if let point { return NTFSKind.kind(tag: point.tag, isDirectory: file.record.isDirectory) }
    if file.record.isDirectory { return .directory }
    return specialKind ?? .regular
  }

  /// Of a pipe, socket or device as Linux makes it, which has a mode and no reparse point.
  private var specialKind: FileKind? {
    guard let mode = values.number("$LXMOD"), isEmpty,
      let kind = FileKind(mode: UInt16(truncatingIfNeeded: mode)),
      [.pipe, .socket, .characterDevice, .blockDevice].contains(kind)
    else { return nil }
    return kind
  }

  var structure: String { file.structure }

  // MARK: attributes

  /// - Parameter linkByteCount: where it is a link, the bytes of its target.
  func attributes(linkByteCount: Int?) throws -> FileAttributes {
    let sizes = try kind == .regular ? self.sizes() : (0, 0)
    return FileAttributes(
      kind: kind, permissions: permissions, owner: values.number("$LXUID") ?? 0,
      group: values.number("$LXGID") ?? 0, byteCount: linkByteCount.map(UInt64.init) ?? sizes.0,
      allocatedByteCount: sizes.1, linkCount: try linkCount(), modified: information.modified,
      accessed: information.accessed, changed: information.changed, created: information.created,
      device: device)
  }

  /// What Linux wrote on Windows, or as the kernel shows others by default: what is not read-only
  /// may be written by its owner.
  private var permissions: UInt16 {
    if let mode = values.number("$LXMOD") { return UInt16(mode & 0o7777) }
    if kind == .symbolicLink { return 0o777 }
    return information.attributes.contains(.readOnly) && kind != .directory ? 0o555 : 0o755
  }

  private var device: DeviceNumber? {
    if let interix { return interix.device }
    guard kind == .blockDevice || kind == .characterDevice,
      let major = values.number("$LXDEV"), let minor = values.number("$LXDEV", at: 4)
    else { return nil }
    return DeviceNumber(major: major, minor: minor)
  }

  private func linkCount() throws -> UInt32 {
    if kind == .directory { return 1 }
    let count = try file.names().count { $0.space != .dos }
    return UInt32(max(1, count))
  }

  /// Bytes of the content, and of what is stored of it.
  private func sizes() throws -> (UInt64, UInt64) {
    guard let data = try file.first(NTFSAttributeType.data) else { return (0, 0) }
    let (byteCount, allocated) = data.sizes
    guard point?.tag == NTFSReparseTag.overlay,
      let stored = try file.first(
        NTFSAttributeType.data, named: NTFSOverlayContent.streamName)
    else { return (byteCount, allocated) }
    return (byteCount, stored.sizes.allocated)
  }

  // MARK: bytes

  /// - Throws: ``FileSystemError`` where the bytes are not here, or nobody knows what they mean.
  func content() throws -> any FileContent {
    guard let data = try file.stream(NTFSAttributeType.data) else { return InlineContent([]) }
    guard let point, data.byteCount > 0 else { return try volume.content(of: data) }
    switch point.tag {
    case NTFSReparseTag.overlay: return try overlayContent(point, data)
    case NTFSReparseTag.deduplicated:
      throw unsupportedNTFS(
        structure, "it is deduplicated by Windows Server: its bytes are in a store of chunks")
    case let tag where NTFSReparseTag.isCloud(tag): return try cloudContent(data)
    case let tag:
      throw unsupportedNTFS(
        structure, "its bytes have a meaning that is not known: reparse tag \(hexadecimal(tag))")
    }
  }

  private func overlayContent(
    _ point: NTFSReparsePoint, _ data: NTFSStream
  ) throws -> any FileContent {
    let stream = try file.stream(NTFSAttributeType.data, named: NTFSOverlayContent.streamName)
    guard let stream else {
      throw unsupportedNTFS(structure, "its compressed bytes are not with it")
    }
    return try NTFSOverlayContent(
      point, byteCount: data.byteCount, stored: try volume.content(of: stream),
      structure: structure)
  }

  /// A file that a provider may keep elsewhere is here when nothing of it is missing.
  private func cloudContent(_ data: NTFSStream) throws -> any FileContent {
    guard !information.attributes.isSomewhereElse, try volume.isStoredWhole(data) else {
      throw unsupportedNTFS(structure, "its bytes are not here, but at a provider of storage")
    }
    return try volume.content(of: data)
  }
}

extension NTFSPart {
  /// Bytes of the attribute, and of the clusters that it takes.
  var sizes: (byteCount: UInt64, allocated: UInt64) {
    switch attribute.form {
    case .resident(let range): (UInt64(range.count), 0)
    case .clusters(let clusters):
      (clusters.byteCount, clusters.storedByteCount ?? clusters.allocatedByteCount)
    }
  }
}

extension NTFSVolume {
  /// The bytes of a stream.
  ///
  /// - Throws: ``FileSystemError`` where it is encrypted, or compressed in an unknown way.
  func content(of stream: NTFSStream) throws -> any FileContent {
    if stream.flags.contains(.encrypted), stream.byteCount > 0 {
      throw FileSystemError(
        .encrypted, in: ntfsTypeName, stream.structure,
        "it is encrypted by Windows (EFS), and the key is not here")
    }
    switch stream.storage {
    case .resident(let bytes): return InlineContent(bytes)
    case .clusters(let runs):
      let method = stream.flags.intersection(.compressed)
      if method.isEmpty { return NTFSContent(stream, runs, on: self) }
      guard method == .lznt1 else {
        throw unsupportedNTFS(
          stream.structure, "it is compressed by unknown method \(method.rawValue)")
      }
      return try NTFSUnitContent(stream, runs, on: self)
    }
  }

  /// Whether no byte of a stream reads as zero only for want of being stored.
  fileprivate func isStoredWhole(_ stream: NTFSStream) throws -> Bool {
    switch stream.storage {
    case .resident(let bytes): return bytes.contains { $0 != 0 }
    case .clusters(let runs):
      return stream.initializedByteCount == stream.byteCount
        && stream.flags.isDisjoint(with: .compressed)
        && runs.runs.allSatisfy { $0.place != nil }
    }
  }
}

/// A number as Windows writes tags: `0x8000001B`.
func hexadecimal(_ number: UInt32) -> String {
  let digits = String(number, radix: 16, uppercase: true)
  return "0x" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
}
