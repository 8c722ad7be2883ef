/// The features without which nothing may be read (Linux, include/uapi/linux/btrfs.h,
/// `BTRFS_FEATURE_INCOMPAT_…`). Those without which nothing may be written are of no matter here:
/// how free space and block groups are kept.
struct BtrfsFeatures: OptionSet, Sendable {
  let rawValue: UInt64

  static let mixedBackReferences = BtrfsFeatures(rawValue: 1 << 0)
  static let defaultSubvolume = BtrfsFeatures(rawValue: 1 << 1)
  static let mixedGroups = BtrfsFeatures(rawValue: 1 << 2)
  static let lzo = BtrfsFeatures(rawValue: 1 << 3)
  static let zstd = BtrfsFeatures(rawValue: 1 << 4)
  static let bigMetadata = BtrfsFeatures(rawValue: 1 << 5)
  static let extendedReferences = BtrfsFeatures(rawValue: 1 << 6)
  static let raid56 = BtrfsFeatures(rawValue: 1 << 7)
  static let skinnyMetadata = BtrfsFeatures(rawValue: 1 << 8)
  static let noHoles = BtrfsFeatures(rawValue: 1 << 9)
  static let metadataUUID = BtrfsFeatures(rawValue: 1 << 10)
  static let raid1c34 = BtrfsFeatures(rawValue: 1 << 11)
  static let simpleQuota = BtrfsFeatures(rawValue: 1 << 16)

  /// Those that this reader reads.
  static let known: BtrfsFeatures = [
    .mixedBackReferences, .defaultSubvolume, .mixedGroups, .lzo, .zstd, .bigMetadata,
    .extendedReferences, .raid56, .skinnyMetadata, .noHoles, .metadataUUID, .raid1c34,
    .simpleQuota,
  ]

  /// The names of those that are not read here.
  var unknown: [String] {
    let rest = subtracting(.known).rawValue
    return (0..<64).filter { rest & 1 << $0 != 0 }.map { bit in
      switch bit {
      case 12: "zoned"
      case 13: "extent-tree-v2"
      case 14: "raid-stripe-tree"
      case 17: "remap-tree"
      default: "incompatible feature 0x\(String(UInt64(1) << bit, radix: 16))"
      }
    }
  }
}
