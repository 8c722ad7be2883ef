/// A format that is recognised by bytes at fixed places, its label and UUID at fixed places too.
struct SignatureFormat: Sendable {
  let role: Signature.Role
  /// As blkid has it.
  let typeName: String
  /// Any of these says that it is there.
  let magics: [Magic]
  var label: Label?
  var uuid: UUIDPlace?

  /// Offsets count from the start of the device, in bytes.
  struct Magic: Sendable {
    let offset: UInt64
    let bytes: [UInt8]
  }

  enum Label: Sendable {
    /// At most so many bytes.
    case text(UInt64, Int)
    /// At most so many units of UTF-16, little-endian.
    case utf16(UInt64, Int)
  }

  enum UUIDPlace: Sendable {
    case bytes(UInt64)
    /// Spelled out, in at most so many bytes.
    case text(UInt64, Int)
  }
}

/// The first of `formats` that is there.
func fixedFormat(
  _ probe: SignatureProbe, of formats: [SignatureFormat]
) throws -> Signature? {
  for format in formats {
    guard try format.magics.contains(where: { try probe.holds($0.bytes, at: $0.offset) }) else {
      continue
    }
    let label =
      switch format.label {
      case .text(let offset, let limit)?: try probe.text(at: offset, limit: limit)
      case .utf16(let offset, let limit)?: try probe.utf16Text(at: offset, limit: limit)
      case nil: String?.none
      }
    let uuid =
      switch format.uuid {
      case .bytes(let offset)?: try probe.uuid(at: offset)
      case .text(let offset, let limit)?: try probe.text(at: offset, limit: limit)
      case nil: String?.none
      }
    return Signature(role: format.role, typeName: format.typeName, label: label, uuid: uuid)
  }
  return nil
}

private func at(_ offset: UInt64, _ bytes: [UInt8]) -> SignatureFormat.Magic {
  SignatureFormat.Magic(offset: offset, bytes: bytes)
}

private func at(_ offset: UInt64, _ text: String) -> SignatureFormat.Magic {
  at(offset, Array(text.utf8))
}

/// What holds something else: encrypted devices, and members of pools.
let containerFormats: [SignatureFormat] = [
  .init(
    role: .encrypted, typeName: "crypto_LUKS", magics: [at(0, luks + [0, 2])],
    label: .text(24, 48), uuid: .text(168, 40)),
  .init(
    role: .encrypted, typeName: "crypto_LUKS", magics: [at(0, luks)], uuid: .text(168, 40)),
  .init(
    role: .encrypted, typeName: "BitLocker",
    magics: [at(3, "-FVE-FS-"), at(424, bitLockerToGo)]),
  .init(
    role: .fileSystem, typeName: "bcachefs",
    magics: [at(4120, bcachefs), at(4120, bcachefsSinceLinux67)],
    label: .text(4168, 32), uuid: .bytes(4152)),
  .init(role: .raid, typeName: "bcache", magics: [at(4120, bcache)], uuid: .bytes(4136)),
  .init(
    role: .raid, typeName: "VMFS_volume_member", magics: [at(1 << 20, [0x0D, 0xD0, 0x01, 0xC0])]),
  .init(role: .fileSystem, typeName: "VMFS", magics: [at(2 << 20, [0x5E, 0xF1, 0xAB, 0x2F])]),
  .init(role: .raid, typeName: "storage_spaces_member", magics: [at(0, "SPACEDB ")]),
]

private let luks: [UInt8] = Array("LUKS".utf8) + [0xBA, 0xBE]
private let bitLockerToGo: [UInt8] = [
  0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01,
]
private let bcache: [UInt8] = [
  0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA, 0x82, 0x65, 0xF5, 0x7F, 0x48, 0xBA, 0x6D, 0x81,
]
/// bcachefs began with bcache's magic number and other versions; these are what it has of its own.
private let bcachefs: [UInt8] = [
  0xC6, 0x85, 0x73, 0xF6, 0x66, 0xCE, 0x90, 0xA9, 0xD9, 0x6A, 0x60, 0xCF, 0x80, 0x3D, 0xF7, 0xEF,
]
private let bcachefsSinceLinux67: [UInt8] = [
  0x18, 0x9A, 0x9C, 0x36, 0xB9, 0xD6, 0x4A, 0x9A, 0x9D, 0xD5, 0xB1, 0xD4, 0x2D, 0x5A, 0xC9, 0x9F,
]

/// File systems and swap.
let fileSystemFormats: [SignatureFormat] = [
  .init(
    role: .fileSystem, typeName: "xfs", magics: [at(0, "XFSB")],
    label: .text(108, 12), uuid: .bytes(32)),
  .init(
    role: .fileSystem, typeName: "btrfs", magics: [at(65600, "_BHRfS_M")],
    label: .text(65835, 256), uuid: .bytes(65568)),
  .init(role: .fileSystem, typeName: "ReFS", magics: [at(3, "ReFS\0")]),
  .init(
    role: .fileSystem, typeName: "f2fs", magics: [at(1024, [0x10, 0x20, 0xF5, 0xF2])],
    label: .utf16(1148, 512), uuid: .bytes(1132)),
  .init(
    role: .fileSystem, typeName: "jfs", magics: [at(32768, "JFS1")],
    label: .text(32920, 16), uuid: .bytes(32904)),
  .init(
    role: .fileSystem, typeName: "reiserfs",
    magics: [at(65588, "ReIsErFs"), at(65588, "ReIsEr2Fs"), at(65588, "ReIsEr3Fs")],
    label: .text(65636, 16), uuid: .bytes(65620)),
  .init(
    role: .fileSystem, typeName: "reiserfs", magics: [at(8244, "ReIsErFs"), at(8212, "ReIsErFs")],
    label: nil, uuid: nil),
  .init(
    role: .fileSystem, typeName: "nilfs2", magics: [at(1030, [0x34, 0x34])],
    label: .text(1192, 80), uuid: .bytes(1176)),
  .init(
    role: .fileSystem, typeName: "erofs", magics: [at(1024, [0xE2, 0xE1, 0xF5, 0xE0])],
    label: .text(1088, 16), uuid: .bytes(1072)),
  .init(role: .fileSystem, typeName: "squashfs", magics: [at(0, "hsqs"), at(0, "sqsh")]),
  .init(role: .fileSystem, typeName: "apfs", magics: [at(32, "NXSB")], uuid: .bytes(72)),
  .init(
    role: .fileSystem, typeName: "hfsplus", magics: [at(1024, "H+\0\u{4}"), at(1024, "HX\0\u{5}")]),
  .init(
    role: .swap, typeName: "swap", magics: pageEnds("SWAPSPACE2") + pageEnds("SWAP-SPACE"),
    label: .text(1052, 16), uuid: .bytes(1036)),
  .init(
    role: .swap, typeName: "swsuspend",
    magics: pageEnds("S1SUSPEND\0") + pageEnds("S2SUSPEND\0") + pageEnds("ULSUSPEND\0"),
    label: .text(1052, 16), uuid: .bytes(1036)),
]

/// The last ten bytes of the first page, of any size that Linux has.
private func pageEnds(_ text: String) -> [SignatureFormat.Magic] {
  [4096, 8192, 16384, 32768, 65536].map { at($0 - 10, text) }
}
