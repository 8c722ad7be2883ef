internal import BlockDevices
internal import Bytes

/// A VHDX file as its log leaves it, and the regions that it has.
///
///     table  := "regi" checksum:u32 count:u32 reserved:u32 region* zero*       64 KiB
///     region := kind:16 offset:u64 byteCount:u32 isRequired:u32
///
/// Of the table there are two copies. Source: [MS-VHDX] 2.2.3, "Region Table".
struct VHDXFile {
  let header: VHDXHeader
  let content: any BlockDevice
  /// The block allocation table.
  let table: Range<UInt64>
  let metadata: Range<UInt64>
  private let file: HostFile

  private enum Region {
    static let table = "2dc27766-f623-4200-9d64-115e9bfd4a08"
    static let metadata = "8b7ca206-4790-4b9a-b8fe-575f050f886e"
  }

  private static let places: [UInt64] = [192 << 10, 256 << 10]
  private static let tableByteCount = 64 << 10
  private static let regionByteCount = 32
  /// Of regions, and of items of metadata.
  static let entryLimit = 2047

  init(_ file: HostFile) throws {
    self.file = file
    header = try VHDXHeader(file)
    content = try header.log.map { try VHDXLog($0, in: file).replayed() } ?? file
    let regions = try Self.regions(content, file)
    guard let table = regions[Region.table], let metadata = regions[Region.metadata] else {
      throw VHDXHeader.damage(file, "it has no block allocation table, or no metadata")
    }
    (self.table, self.metadata) = (table, metadata)
  }

  private static func regions(
    _ content: any BlockDevice, _ file: HostFile
  ) throws -> [String: Range<UInt64>] {
    for place in places {
      let bytes = try content.bytes(at: place, count: tableByteCount)
      let table = bytes.span.bytes
      guard table.starts(with: "regi"), try table.littleEndian(at: 4) == vhdxChecksum(table) else {
        continue
      }
      let count: UInt32 = try table.littleEndian(at: 8)
      guard count <= entryLimit else { throw VHDXHeader.damage(file, "it has \(count) regions") }
      var regions: [String: Range<UInt64>] = [:]
      for number in 1...entryLimit where number <= count {
        let entry = try table.field(at: 16 + (number - 1) * regionByteCount, count: regionByteCount)
        let (kind, range) = try region(entry, content, file)
        guard let range else { continue }
        guard regions.updateValue(range, forKey: kind) == nil else {
          throw VHDXHeader.damage(file, "it has the region \(kind) twice")
        }
      }
      return regions
    }
    throw VHDXHeader.damage(file, "neither table of its regions is whole")
  }

  /// nil for one that nobody has to know.
  private static func region(
    _ entry: RawSpan, _ content: any BlockDevice, _ file: HostFile
  ) throws -> (kind: String, range: Range<UInt64>?) {
    let kind = guidText([UInt8](try entry.field(at: 0, count: 16)))
    guard [Region.table, Region.metadata].contains(kind) else {
      guard try entry.littleEndian(at: 28, as: UInt32.self) & 1 == 0 else {
        throw VHDXHeader.unsupported(file, "it needs a region that is not known here: \(kind)")
      }
      return (kind, nil)
    }
    let offset: UInt64 = try entry.littleEndian(at: 16)
    let byteCount = UInt64(try entry.littleEndian(at: 24, as: UInt32.self))
    guard offset >= VHDXHeader.alignment, offset.isMultiple(of: VHDXHeader.alignment),
      content.holds(byteCount, at: offset)
    else {
      throw VHDXHeader.damage(
        file,
        "\(byteCount) bytes of the region \(kind) lie at \(offset), in a file of "
          + "\(content.byteCount)")
    }
    return (kind, offset..<offset + byteCount)
  }

  func damage(_ reason: String) -> DiskImageError { VHDXHeader.damage(file, reason) }

  func unsupported(_ reason: String) -> DiskImageError { VHDXHeader.unsupported(file, reason) }
}
