/// Attribute bits that FAT and exFAT have in common.
struct FileFlags: OptionSet {
  let rawValue: UInt8

  static let readOnly = FileFlags(rawValue: 0x01)
  static let volumeLabel = FileFlags(rawValue: 0x08)
  static let directory = FileFlags(rawValue: 0x10)

  var kind: FileKind { contains(.directory) ? .directory : .regular }

  /// As the kernel shows them by default: what is not read-only may be written by its owner.
  var permissions: UInt16 { contains(.readOnly) && kind == .regular ? 0o555 : 0o755 }
}
