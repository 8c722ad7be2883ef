internal import Bytes

/// What transactions say that is to be done by later ones (Linux, fs/xfs/libxfs/xfs_log_format.h).
/// Where those are not in the log, the system does it after its replay. Most of it concerns what is
/// free, which nobody sees in a file; what concerns files makes these unknown. Little-endian:
///
///     intent  := type:u16, regions:u16, count:u32, id:u64, …
///     done    := type + 1:u16, regions:u16, count:u32, id:u64, …
///     mapping := intent (inode:u64, place:u64, first:u64, blocks:u32, flags:u32)*
///     attribute change, exchange := intent inode:u64, [inode:u64], …
struct XFSUnfinishedWork: Sendable {
  private enum Kind: UInt16, CaseIterable {
    case freeing = 0x1236
    case owners = 0x1240
    case references = 0x1242
    case mapping = 0x1244
    case attributes = 0x1246
    case exchange = 0x1248
    case realTimeFreeing = 0x124A
    case realTimeOwners = 0x124C
    case realTimeReferences = 0x124E

    var name: String {
      switch self {
      case .freeing: "freeing extents"
      case .owners: "changing who owns extents"
      case .references: "changing who shares extents"
      case .mapping: "changing the extents of files"
      case .attributes: "changing attributes"
      case .exchange: "exchanging extents"
      case .realTimeFreeing: "freeing real-time extents"
      case .realTimeOwners: "changing who owns real-time extents"
      case .realTimeReferences: "changing who shares real-time extents"
      }
    }
  }

  private struct Key: Hashable {
    let kind: Kind
    let id: UInt64
  }

  /// The inodes that each concerns, as far as it concerns files.
  private var open: [Key: [UInt64]] = [:]

  /// Whether an item of that type belongs here.
  static func holds(_ type: UInt16) -> Bool {
    Kind(rawValue: type) != nil || Kind(rawValue: type &- 1) != nil
  }

  /// Takes note of an item for which ``holds(_:)`` is true.
  ///
  /// - Parameter format: its first region.
  mutating func note(_ type: UInt16, _ format: RawSpan) throws {
    let id: UInt64 = try format.littleEndian(at: 8)
    guard let kind = Kind(rawValue: type) else {
      if let kind = Kind(rawValue: type &- 1) { open[Key(kind: kind, id: id)] = nil }
      return
    }
    var inodes: [UInt64] = []
    switch kind {
    case .mapping:
      let count = Int(try format.littleEndian(at: 4, as: UInt32.self))
      for index in 0..<min(count, (format.byteCount - 16) / 32) {
        inodes.append(try format.littleEndian(at: 16 + 32 * index))
      }
    case .attributes: inodes = [try format.littleEndian(at: 16)]
    case .exchange:
      inodes = [try format.littleEndian(at: 16), try format.littleEndian(at: 24)]
    default: break
    }
    open[Key(kind: kind, id: id)] = inodes
  }

  /// Files of which it is not known where their bytes are.
  var filesOfMovedExtents: Set<UInt64> {
    Set(open.lazy.filter { $0.key.kind == .mapping || $0.key.kind == .exchange }.flatMap(\.value))
  }

  /// Items of which it is not known what attributes they have.
  var itemsOfAttributes: Set<UInt64> {
    Set(
      open.lazy.filter { $0.key.kind == .attributes || $0.key.kind == .exchange }
        .flatMap(\.value))
  }

  /// One for each kind.
  var warnings: [String] {
    Kind.allCases.compactMap { kind in
      let count = open.keys.count { $0.kind == kind }
      guard count > 0 else { return nil }
      return "it was interrupted while \(kind.name)" + (count == 1 ? "" : " (\(count) times)")
    }
  }
}
