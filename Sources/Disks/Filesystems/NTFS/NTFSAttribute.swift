internal import Bytes

/// The types of attributes that are read. Source: Linux, fs/ntfs3/ntfs.h.
enum NTFSAttributeType {
  static let standardInformation: UInt32 = 0x10
  static let list: UInt32 = 0x20
  static let fileName: UInt32 = 0x30
  static let securityDescriptor: UInt32 = 0x50
  static let volumeInformation: UInt32 = 0x70
  static let data: UInt32 = 0x80
  static let indexRoot: UInt32 = 0x90
  static let indexAllocation: UInt32 = 0xA0
  static let bitmap: UInt32 = 0xB0
  static let reparsePoint: UInt32 = 0xC0
  static let extendedAttributes: UInt32 = 0xE0
  static let end: UInt32 = 0xFFFF_FFFF
}

/// How the bytes of an attribute are kept.
struct NTFSAttributeFlags: OptionSet, Sendable {
  let rawValue: UInt16

  /// Any way of compressing; the first is LZNT1.
  static let compressed = NTFSAttributeFlags(rawValue: 0x00FF)
  static let lznt1 = NTFSAttributeFlags(rawValue: 0x0001)
  static let encrypted = NTFSAttributeFlags(rawValue: 0x4000)
  static let sparse = NTFSAttributeFlags(rawValue: 0x8000)
}

/// An attribute, or a part of one, as it stands in a record:
///
///     attribute   := type:u32 bytes:u32 isNonResident:u8 nameUnits:u8 name:u16 flags:u16 id:u16
///                    (resident | nonResident)
///     resident    := bytes:u32 value:u16 isIndexed:u8 zero:u8
///     nonResident := first:u64 last:u64 runs:u16 unit:u8 zero:5 allocated:u64 bytes:u64
///                    initialized:u64 [compressed:u64]
///
/// Places count from the start of the attribute, `first` and `last` are clusters of its bytes.
struct NTFSAttribute: Sendable {
  /// What a part that lies in clusters says of itself.
  struct Clusters: Sendable {
    let first: UInt64
    /// One before ``first`` where there are none.
    let last: Int64
    /// Where the runs lie in the record.
    let runs: Range<Int>
    /// The binary logarithm of the clusters in a unit of compression; 0 where there is none.
    let unitShift: UInt8
    let allocatedByteCount: UInt64
    let byteCount: UInt64
    let initializedByteCount: UInt64
    /// Bytes of clusters that are really there, of an attribute with holes.
    let storedByteCount: UInt64?
  }

  enum Form: Sendable {
    /// The bytes are there in the record.
    case resident(Range<Int>)
    case clusters(Clusters)
  }

  let type: UInt32
  let id: UInt16
  let flags: NTFSAttributeFlags
  /// Where the name lies in the record.
  let name: Range<Int>
  let form: Form

  /// The first of its clusters that this part tells of.
  var firstCluster: UInt64 {
    if case .clusters(let clusters) = form { clusters.first } else { 0 }
  }

  /// - Parameters:
  ///   - record: the bytes up to where its attributes end.
  ///   - start: where the attribute begins.
  ///   - byteCount: how long it is; it lies within the record.
  init(_ record: RawSpan, at start: Int, byteCount: Int) throws {
    let fields = record.extracting(start..<start + byteCount)
    func range(_ place: Int, _ count: Int, _ what: StaticString) throws -> Range<Int> {
      guard place <= byteCount, count <= byteCount - place else {
        throw NTFSFault("the \(what) of an attribute lies outside of it")
      }
      return start + place..<start + place + count
    }
    type = try fields.littleEndian(at: 0)
    flags = NTFSAttributeFlags(rawValue: try fields.littleEndian(at: 12))
    id = try fields.littleEndian(at: 14)
    let nameUnits = Int(try fields.littleEndian(at: 9, as: UInt8.self))
    let namePlace = Int(try fields.littleEndian(at: 10, as: UInt16.self))
    name = try nameUnits == 0 ? start..<start : range(namePlace, nameUnits * 2, "name")
    switch try fields.littleEndian(at: 8, as: UInt8.self) {
    case 0:
      let count = Int(try fields.littleEndian(at: 16, as: UInt32.self))
      let place = Int(try fields.littleEndian(at: 20, as: UInt16.self))
      form = .resident(try range(place, count, "value"))
    case 1:
      let place = Int(try fields.littleEndian(at: 32, as: UInt16.self))
      let runs = try range(place, max(0, byteCount - place), "run list")
      form = .clusters(try Clusters(fields, runs: runs, flags))
    case let other: throw NTFSFault("an attribute is neither in the record nor outside: \(other)")
    }
  }
}

extension NTFSAttribute.Clusters {
  fileprivate init(
    _ fields: RawSpan, runs: Range<Int>, _ flags: NTFSAttributeFlags
  ) throws {
    self.runs = runs
    first = try fields.littleEndian(at: 16)
    last = try fields.littleEndian(at: 24)
    unitShift = try fields.littleEndian(at: 34)
    guard first < 1 << 62, last >= Int64(first) - 1, last < 1 << 62 else {
      throw NTFSFault("an attribute has clusters \(first) to \(last)")
    }
    // Only the first part says how much there is.
    guard first == 0 else {
      (allocatedByteCount, byteCount, initializedByteCount) = (0, 0, 0)
      storedByteCount = nil
      return
    }
    allocatedByteCount = try fields.littleEndian(at: 40)
    byteCount = try fields.littleEndian(at: 48)
    initializedByteCount = try fields.littleEndian(at: 56)
    let hasHoles = !flags.isDisjoint(with: [.compressed, .sparse])
    storedByteCount = hasHoles && unitShift > 0 ? try fields.littleEndian(at: 64) : nil
    guard byteCount < 1 << 63, initializedByteCount <= byteCount else {
      throw NTFSFault(
        "an attribute has \(byteCount) bytes, of which \(initializedByteCount) are written")
    }
  }
}
