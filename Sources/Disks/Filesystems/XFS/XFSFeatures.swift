/// What a file system uses beyond the oldest form of its version, in the four words of version 5
/// and in the two of version 4 (Linux, fs/xfs/libxfs/xfs_format.h).
struct XFSFeatures: Sendable {
  /// The word that also says which version it is.
  struct Version: OptionSet {
    let rawValue: UInt16
    static let directories2 = Version(rawValue: 0x2000)
    static let ignoresCase = Version(rawValue: 0x4000)
    static let hasMore = Version(rawValue: 0x8000)
    static let log2 = Version(rawValue: 0x400)
  }

  struct More: OptionSet {
    let rawValue: UInt32
    static let fileType = More(rawValue: 0x200)
  }

  /// Without knowing one of these a file system may be read, but not written.
  struct ReadOnlyCompatible: OptionSet {
    let rawValue: UInt32
  }

  struct Incompatible: OptionSet {
    let rawValue: UInt32
    static let fileType = Incompatible(rawValue: 0x1)
    static let sparseInodes = Incompatible(rawValue: 0x2)
    static let metadataUUID = Incompatible(rawValue: 0x4)
    static let bigTime = Incompatible(rawValue: 0x8)
    static let needsRepair = Incompatible(rawValue: 0x10)
    static let largeExtentCounts = Incompatible(rawValue: 0x20)
    static let exchangeRange = Incompatible(rawValue: 0x40)
    static let parentPointers = Incompatible(rawValue: 0x80)
    static let read: Incompatible = [
      .fileType, .sparseInodes, .metadataUUID, .bigTime, .needsRepair, .largeExtentCounts,
      .exchangeRange, .parentPointers,
    ]

    /// What is known by name but not read.
    static let names: [(UInt32, String)] = [
      (0x100, "a tree of metadata directories"), (0x200, "zones"), (0x400, "gaps in zones"),
    ]
  }

  /// What may be in the log.
  struct Log: OptionSet {
    let rawValue: UInt32
    static let attributes = Log(rawValue: 0x1)
  }

  /// 4 or 5.
  let version: UInt8
  let incompatible: Incompatible
  let log: Log
  let hasLog2: Bool
  /// Whether directories say what kind an entry is of.
  let hasFileTypes: Bool
  /// Whether names that differ only in the case of ASCII letters are equal.
  let ignoresCase: Bool

  var hasChecksums: Bool { version == 5 }
}
