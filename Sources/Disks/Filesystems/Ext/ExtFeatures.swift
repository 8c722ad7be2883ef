/// The features of a file system that a reader must know, or may ignore.
struct ExtFeatures: Sendable {
  /// Features that change nothing for who does not know them.
  struct Compatible: OptionSet, Sendable {
    let rawValue: UInt32
    static let journal = Compatible(rawValue: 0x4)
    static let directoryIndex = Compatible(rawValue: 0x20)
    static let sparseSuperblocks2 = Compatible(rawValue: 0x200)
    static let fastCommit = Compatible(rawValue: 0x400)
  }

  /// Features without which nothing may be read.
  struct Incompatible: OptionSet, Sendable {
    let rawValue: UInt32
    static let fileType = Incompatible(rawValue: 0x2)
    static let needsRecovery = Incompatible(rawValue: 0x4)
    static let metaBlockGroups = Incompatible(rawValue: 0x10)
    static let extents = Incompatible(rawValue: 0x40)
    static let blockNumbers64 = Incompatible(rawValue: 0x80)
    static let multipleMountProtection = Incompatible(rawValue: 0x100)
    static let flexibleGroups = Incompatible(rawValue: 0x200)
    static let attributeInodes = Incompatible(rawValue: 0x400)
    static let checksumSeed = Incompatible(rawValue: 0x2000)
    static let largeDirectories = Incompatible(rawValue: 0x4000)
    static let inlineData = Incompatible(rawValue: 0x8000)
    static let encryption = Incompatible(rawValue: 0x1_0000)
    static let caseFolding = Incompatible(rawValue: 0x2_0000)

    /// Those that this reader reads.
    static let known: Incompatible = [
      .fileType, .needsRecovery, .metaBlockGroups, .extents, .blockNumbers64,
      .multipleMountProtection, .flexibleGroups, .attributeInodes, .checksumSeed,
      .largeDirectories, .inlineData, .encryption, .caseFolding,
    ]
  }

  /// Features without which nothing may be written. A reader needs to know a few.
  struct ReadOnlyCompatible: OptionSet, Sendable {
    let rawValue: UInt32
    static let sparseSuperblocks = ReadOnlyCompatible(rawValue: 0x1)
    static let hugeFiles = ReadOnlyCompatible(rawValue: 0x8)
    static let groupChecksums = ReadOnlyCompatible(rawValue: 0x10)
    static let clusters = ReadOnlyCompatible(rawValue: 0x200)
    static let metadataChecksums = ReadOnlyCompatible(rawValue: 0x400)
  }

  let compatible: Compatible
  let incompatible: Incompatible
  let readOnlyCompatible: ReadOnlyCompatible

  /// The names of incompatible features that are not read here; empty where there are none.
  var unknown: [String] {
    let rest = incompatible.subtracting(.known).rawValue
    return (0..<32).filter { rest & 1 << $0 != 0 }.map { bit in
      switch bit {
      case 0: "compression"
      case 3: "journal_dev: it is the journal of another file system"
      case 12: "dirdata"
      default: "incompatible feature 0x\(String(UInt32(1) << bit, radix: 16))"
      }
    }
  }

  /// The name that blkid gives to a file system of these features.
  var typeName: String {
    // sparse_super, large_file, btree_dir; filetype, needs_recovery, meta_bg.
    let isOld =
      readOnlyCompatible.rawValue & ~0x7 == 0 && incompatible.rawValue & ~0x16 == 0
    guard isOld else { return "ext4" }
    return compatible.contains(.journal) ? "ext3" : "ext2"
  }
}
