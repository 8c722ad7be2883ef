/// What an item is, as far as a tag tells.
enum NTFSKind {
  /// - Returns: nil where only the item's record tells: a file of the system may be a link or a
  ///   device of Interix, and named values may have a mode of Linux.
  static func kind(in name: NTFSFileName) -> FileKind? {
    let isDirectory = name.attributes.contains(.directory)
    if let tag = name.tag { return tag == 0 ? nil : kind(tag: tag, isDirectory: isDirectory) }
    if isDirectory { return .directory }
    return name.attributes.contains(.system) || name.hasValues ? nil : .regular
  }

  static func kind(tag: UInt32, isDirectory: Bool) -> FileKind {
    switch tag {
    case NTFSReparseTag.symbolicLink, NTFSReparseTag.mountPoint, NTFSReparseTag.linuxLink:
      .symbolicLink
    case NTFSReparseTag.socket: .socket
    case NTFSReparseTag.pipe: .pipe
    case NTFSReparseTag.characterDevice: .characterDevice
    case NTFSReparseTag.blockDevice: .blockDevice
    default: isDirectory ? .directory : .regular
    }
  }
}

/// The tags of reparse points that are known. Source: [MS-FSCC], 2.1.2.1.
enum NTFSReparseTag {
  static let mountPoint: UInt32 = 0xA000_0003
  static let symbolicLink: UInt32 = 0xA000_000C
  static let deduplicated: UInt32 = 0x8000_0013
  static let overlay: UInt32 = 0x8000_0017
  static let socket: UInt32 = 0x8000_0023
  static let pipe: UInt32 = 0x8000_0024
  static let characterDevice: UInt32 = 0x8000_0025
  static let blockDevice: UInt32 = 0x8000_0026
  static let linuxLink: UInt32 = 0xA000_001D

  /// Whether what belongs to it may lie at a provider of storage. One digit is that one's number.
  static func isCloud(_ tag: UInt32) -> Bool { tag & 0xFFFF_0FFF == 0x9000_001A }

  /// Whether the item only stands for another one.
  static func isSurrogate(_ tag: UInt32) -> Bool { tag & 0x2000_0000 != 0 }
}
