internal import BlockDevices
internal import Bytes

/// The header of a qcow2 image, checked for what can be checked without reading any table.
///
///     header    := "QFI\xFB" version:u32 backingFileOffset:u64 backingFileSize:u32 clusterBits:u32
///                  size:u64 cryptMethod:u32 l1Size:u32 l1TableOffset:u64 refcountTableOffset:u64
///                  refcountTableClusters:u32 snapshotCount:u32 snapshotsOffset:u64
///                  version3? extension*
///     version3  := incompatible:u64 compatible:u64 autoclear:u64 refcountOrder:u32
///                  headerLength:u32 compressionType:u8?
///     extension := type:u32 length:u32 data padding to 8 bytes
///
/// Integers are big-endian. Source: QEMU, docs/interop/qcow2.txt, "Header".
struct QCOW2Header {
  static let magic: UInt32 = 0x5146_49FB

  let version: UInt32
  let clusterBits: Int
  /// Of the disk.
  let byteCount: UInt64
  let l1Count: Int
  let l1Offset: UInt64
  let hasExtendedEntries: Bool
  let compression: Compression
  let backingName: String?
  let backingFormat: String?
  /// Of the file that holds the clusters, where that is another one.
  let dataFileName: String?

  enum Compression { case deflate, zstd }

  private struct Extensions {
    var backingFormat: String?
    var dataFileName: String?
    var featureNames: [UInt8: String] = [:]
  }

  private static let l1ByteLimit = 32 << 20
  private static let versionTwoByteCount = 72
  private static let versionThreeByteCount = 104
  private static let backingNameLimit = 1023

  init(_ file: HostFile) throws {
    // The largest cluster, in which all that is read here has to lie.
    let head = try file.bytes(at: 0, count: Int(min(2 << 20, file.byteCount)))
    do {
      self = try Self(head.span.bytes, file)
    } catch is TruncatedInput {
      throw QCOW2Header.damage(file, "the file ends within its header")
    }
  }

  private init(_ all: RawSpan, _ file: HostFile) throws {
    version = try all.bigEndian(at: 4)
    guard version == 2 || version == 3 else {
      throw QCOW2Header.unsupported(file, "it is of version \(version), not 2 or 3")
    }
    let bits: UInt32 = try all.bigEndian(at: 20)
    guard (9...21).contains(bits) else {
      throw QCOW2Header.damage(file, "clusters of 2^\(bits) bytes")
    }
    clusterBits = Int(bits)
    let bytes = all.extracting(0..<min(all.byteCount, 1 << clusterBits))
    let extensionsOffset =
      version == 2
      ? Self.versionTwoByteCount : Int(try bytes.bigEndian(at: 100, as: UInt32.self))
    guard version == 2 || extensionsOffset >= Self.versionThreeByteCount else {
      throw QCOW2Header.damage(file, "a header of \(extensionsOffset) bytes")
    }
    let extensions = try Self.extensions(bytes, from: extensionsOffset, file)
    let features: UInt64 = version == 2 ? 0 : try bytes.bigEndian(at: 72)
    try Self.check(features, extensions.featureNames, file)
    hasExtendedEntries = features & Features.extendedEntries != 0
    guard !hasExtendedEntries || clusterBits >= 14 else {
      throw QCOW2Header.damage(file, "subclusters in clusters of 2^\(bits) bytes")
    }
    compression = try Self.compression(bytes, features, extensionsOffset, file)
    try Self.refuseEncryption(try bytes.bigEndian(at: 32), file)

    byteCount = try bytes.bigEndian(at: 24)
    l1Count = Int(try bytes.bigEndian(at: 36, as: UInt32.self))
    l1Offset = try bytes.bigEndian(at: 40)
    (backingName, backingFormat) = (
      try Self.backingName(bytes, file), extensions.backingFormat
    )
    dataFileName = extensions.dataFileName
    if features & Features.dataFile != 0, dataFileName == nil {
      throw QCOW2Header.damage(file, "its data is in another file, which it does not name")
    }
    if features & Features.dataFile == 0, dataFileName != nil {
      throw QCOW2Header.damage(file, "it names a file with its data, and has its data itself")
    }
    try checkTable(file)
  }

  private enum Features {
    static let corrupt: UInt64 = 1 << 1
    static let dataFile: UInt64 = 1 << 2
    static let compressionType: UInt64 = 1 << 3
    static let extendedEntries: UInt64 = 1 << 4
    /// The lowest says that refcounts may be wrong, which matters to no reader.
    static let known: UInt64 = 0x1F
  }

  private static func check(
    _ features: UInt64, _ names: [UInt8: String], _ file: HostFile
  ) throws {
    if features & Features.corrupt != 0 {
      throw unsupported(
        file,
        "it is marked corrupt: look at it with `qemu-img check \(file.path)` and mend it with "
          + "`qemu-img check -r all`, which may lose data")
    }
    let unknown = (UInt8(0)..<64).filter { features & ~Features.known & 1 << UInt64($0) != 0 }
    guard unknown.isEmpty else {
      let texts = unknown.map { bit in names[bit].map { "'\($0)'" } ?? "bit \(bit)" }
      throw unsupported(
        file, "it needs what is not known here: \(texts.joined(separator: ", "))")
    }
  }

  private static func compression(
    _ bytes: RawSpan, _ features: UInt64, _ headerByteCount: Int, _ file: HostFile
  ) throws -> Compression {
    let hasType = features & Features.compressionType != 0
    let type: UInt8 = headerByteCount > 104 ? try bytes.bigEndian(at: 104) : 0
    guard hasType == (type != 0) else {
      throw damage(file, "compression type \(type), and a flag that says otherwise")
    }
    switch type {
    case 0: return .deflate
    case 1: return .zstd
    default: throw unsupported(file, "its clusters are compressed in way \(type)")
    }
  }

  private static func refuseEncryption(_ method: UInt32, _ file: HostFile) throws {
    let name: String
    switch method {
    case 0: return
    case 1: name = "AES"
    case 2: name = "LUKS"
    default: throw damage(file, "encryption of kind \(method)")
    }
    throw unsupported(
      file,
      "it is encrypted (\(name)); `qemu-img convert` with its secret makes an image that is not")
  }

  private static func extensions(
    _ bytes: RawSpan, from start: Int, _ file: HostFile
  ) throws -> Extensions {
    var found = Extensions()
    let backingOffset: UInt64 = try bytes.bigEndian(at: 8)
    let end = backingOffset == 0 ? bytes.byteCount : Int(clamping: backingOffset)
    var position = start
    while position <= min(end, bytes.byteCount) - 8 {
      let type: UInt32 = try bytes.bigEndian(at: position)
      let count = Int(try bytes.bigEndian(at: position + 4, as: UInt32.self))
      if type == 0 { break }
      let data = try bytes.field(at: position + 8, count: count)
      switch type {
      case 0xE279_2ACA: found.backingFormat = text(data)
      case 0x4441_5441: found.dataFileName = text(data)
      case 0x6803_F857: found.featureNames = featureNames(data)
      default: break
      }
      position += 8 + (count + 7) / 8 * 8
    }
    return found
  }

  /// Names of incompatible features, by their bits; 48 bytes each.
  private static func featureNames(_ table: RawSpan) -> [UInt8: String] {
    var names: [UInt8: String] = [:]
    for start in stride(from: 0, through: table.byteCount - 48, by: 48) {
      let (kind, bit) = (
        table.unsafeLoad(fromByteOffset: start, as: UInt8.self),
        table.unsafeLoad(fromByteOffset: start + 1, as: UInt8.self)
      )
      if kind == 0 { names[bit] = text(table.extracting(start + 2..<start + 48)) }
    }
    return names
  }

  /// What stands before the first zero, without what would move a cursor.
  private static func text(_ bytes: RawSpan) -> String {
    String(decoding: Array(bytes).prefix { $0 != 0 }, as: UTF8.self)
      .filter { !$0.unicodeScalars.contains { $0.properties.generalCategory == .control } }
  }

  private static func backingName(_ bytes: RawSpan, _ file: HostFile) throws -> String? {
    let offset: UInt64 = try bytes.bigEndian(at: 8)
    let count = Int(try bytes.bigEndian(at: 16, as: UInt32.self))
    if offset == 0 || count == 0 { return nil }
    guard count <= backingNameLimit, offset <= UInt64(bytes.byteCount) else {
      throw damage(file, "the name of what it is made over lies at \(offset), \(count) bytes long")
    }
    return text(try bytes.field(at: Int(offset), count: count))
  }

  /// Entries of an L2 table.
  var l2Count: Int { 1 << l2Bits }
  var l2Bits: Int { clusterBits - (hasExtendedEntries ? 4 : 3) }
  var clusterByteCount: UInt64 { 1 << UInt64(clusterBits) }

  /// Bytes of the disk that an entry of the L1 table stands for.
  var l1Span: UInt64 { 1 << UInt64(clusterBits + l2Bits) }

  private func checkTable(_ file: HostFile) throws {
    guard byteCount <= UInt64(Int64.max) else {
      throw Self.damage(file, "a disk of \(byteCount) bytes")
    }
    let needed = byteCount == 0 ? 0 : (byteCount - 1) / l1Span + 1
    guard l1Count * 8 <= Self.l1ByteLimit, needed <= UInt64(l1Count) else {
      throw Self.damage(file, "an L1 table of \(l1Count) entries for a disk of \(byteCount) bytes")
    }
    guard l1Offset.isMultiple(of: clusterByteCount), file.holds(UInt64(l1Count * 8), at: l1Offset)
    else {
      throw Self.damage(file, "its L1 table lies at \(l1Offset), in a file of \(file.byteCount)")
    }
  }

  static func damage(_ file: HostFile, _ reason: String) -> DiskImageError {
    .damaged(file.path, .qcow2, reason: reason)
  }

  static func unsupported(_ file: HostFile, _ reason: String) -> DiskImageError {
    .unsupported(file.path, .qcow2, reason: reason)
  }
}
