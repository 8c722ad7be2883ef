internal import Bytes

/// A name of a file in a directory, as both of them have it:
///
///     name := directory:u64 created:u64 modified:u64 changed:u64 accessed:u64 allocated:u64
///             bytes:u64 attributes:u32 (attributeBytes:u32 | tag:u32) units:u8 space:u8 unit:u16*
struct NTFSFileName {
  /// Whose rules a name keeps. Where a name is not one of DOS, the same directory may name the file
  /// so as well.
  enum Space: UInt8 {
    case posix = 0
    case windows = 1
    case dos = 2
    case windowsAndDOS = 3
  }

  let directory: NTFSReference
  let attributes: NTFSFileAttributes
  /// Of a reparse point; nil where it is none.
  let tag: UInt32?
  /// Whether the file has named values.
  let hasValues: Bool
  let space: Space
  let units: [UInt16]

  init(_ bytes: RawSpan) throws {
    directory = NTFSReference(try bytes.littleEndian(at: 0))
    attributes = NTFSFileAttributes(rawValue: try bytes.littleEndian(at: 56))
    let tagOrCount: UInt32 = try bytes.littleEndian(at: 60)
    tag = attributes.contains(.reparsePoint) ? tagOrCount : nil
    hasValues = tag == nil && tagOrCount != 0
    let number: UInt8 = try bytes.littleEndian(at: 65)
    guard let space = Space(rawValue: number) else { throw NTFSFault("a name of kind \(number)") }
    self.space = space
    units = try bytes.utf16Units(at: 66, count: Int(try bytes.littleEndian(at: 64, as: UInt8.self)))
    guard !units.isEmpty else { throw NTFSFault("a name without a letter") }
  }
}

/// What DOS and Windows know of a file. Source: [MS-FSCC], 2.6.
struct NTFSFileAttributes: OptionSet, Sendable {
  let rawValue: UInt32

  static let readOnly = NTFSFileAttributes(rawValue: 0x1)
  static let system = NTFSFileAttributes(rawValue: 0x4)
  static let sparse = NTFSFileAttributes(rawValue: 0x200)
  static let reparsePoint = NTFSFileAttributes(rawValue: 0x400)
  static let offline = NTFSFileAttributes(rawValue: 0x1000)
  static let encrypted = NTFSFileAttributes(rawValue: 0x4000)
  static let recallOnOpen = NTFSFileAttributes(rawValue: 0x4_0000)
  static let recallOnDataAccess = NTFSFileAttributes(rawValue: 0x40_0000)
  /// Only in names.
  static let directory = NTFSFileAttributes(rawValue: 0x1000_0000)

  /// Whether it says that not all of the item is on the volume.
  var isSomewhereElse: Bool {
    !isDisjoint(with: [.offline, .recallOnOpen, .recallOnDataAccess])
  }
}
