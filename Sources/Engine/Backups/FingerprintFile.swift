internal import Bytes
internal import Files
internal import Hashing
internal import SystemPackage

/// The fingerprints of a disk's chunks as its last backup left them, on the machine that makes the
/// backups.
///
///     file        := header fingerprint:16* table trailer
///     header      := "KFPR" version:u32 key:16
///     table       := (region:u64 map:32 offset:u64 count:u32)*n
///     trailer     := tableOffset:u64 n:u32 digest:32
///
/// Integers are little-endian. A region's fingerprints are those of the chunks of its map, in
/// order; `offset` says where they begin. The digest is SHA-256 of header, table, `tableOffset` and
/// `n`. A fingerprint by itself needs none: one that is damaged recognises nothing. Version 1.
///
/// Only a help: a file that is missing, damaged or old costs the next backup time and nothing else.
struct FingerprintFile: Sendable {
  /// The chunks of a region as they were.
  struct Region: Sendable {
    let map: ContentID
    fileprivate let offset: Int
    let count: Int
  }

  static let magic: StaticString = "KFPR"
  static let version: UInt32 = 1
  static let headerByteCount = 24
  static let rowByteCount = 52
  static let trailerByteCount = 44

  let key: [UInt8]
  private let bytes: SharedBytes
  private let regions: [UInt64: Region]

  /// Nil where there is none that can be used.
  init?(_ path: FilePath) {
    do {
      let file = try File.openForReading(path)
      let byteCount = Int(clamping: try file.status().byteCount)
      guard byteCount >= Self.headerByteCount + Self.trailerByteCount else { return nil }
      let mapped = try file.map(byteCount: byteCount)
      (key, regions) = try Self.parse(mapped.bytes)
      bytes = mapped
    } catch { return nil }
  }

  private struct Damage: Error {}

  private static func parse(
    _ bytes: RawSpan
  ) throws -> (key: [UInt8], regions: [UInt64: Region]) {
    let end = bytes.byteCount - trailerByteCount
    let tableOffset = try bytes.littleEndian(at: end, as: UInt64.self)
    let count = Int(try bytes.littleEndian(at: end + 8, as: UInt32.self))
    guard bytes.starts(with: magic), try bytes.littleEndian(at: 4, as: UInt32.self) == version,
      tableOffset >= UInt64(headerByteCount), tableOffset <= UInt64(end),
      count == (end - Int(tableOffset)) / rowByteCount,
      count * rowByteCount == end - Int(tableOffset)
    else { throw Damage() }
    let table = Int(tableOffset)
    var digester = Digester()
    digester.start()
    digester.update(bytes.extracting(0..<headerByteCount))
    digester.update(bytes.extracting(table..<end + 12))
    guard digester.finish() == Digest(bytes.extracting(end + 12..<end + trailerByteCount)) else {
      throw Damage()
    }
    var regions: [UInt64: Region] = [:]
    regions.reserveCapacity(count)
    for row in 0..<count {
      let start = table + row * rowByteCount
      let offset = try bytes.littleEndian(at: start + 40, as: UInt64.self)
      let prints = Int(try bytes.littleEndian(at: start + 48, as: UInt32.self))
      guard offset <= tableOffset,
        prints <= (table - Int(offset)) / Fingerprint.byteCount
      else { throw Damage() }
      regions[try bytes.littleEndian(at: start)] = Region(
        map: ContentID(Digest(bytes, at: start + 8)), offset: Int(offset), count: prints)
    }
    let key = [UInt8](bytes.extracting(8..<headerByteCount))
    return (key, regions)
  }

  func region(_ index: UInt64) -> Region? { regions[index] }

  /// - Parameter number: of the chunk among those of the region's map, below its count.
  func fingerprint(_ number: Int, of region: Region) -> Fingerprint {
    precondition(number >= 0 && number < region.count, "a chunk of the region")
    let place = region.offset + number * Fingerprint.byteCount
    let bytes = bytes.bytes
    return Fingerprint(
      words: (
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: place, as: UInt64.self)),
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: place + 8, as: UInt64.self))
      ))
  }
}
