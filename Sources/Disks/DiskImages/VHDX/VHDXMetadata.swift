internal import BlockDevices
internal import Bytes

/// What a VHDX file says of its disk.
///
///     region := table item*
///     table  := "metadata" reserved:u16 count:u16 reserved:20 entry*       64 KiB
///     entry  := id:16 offset:u32 byteCount:u32 flags:u32 reserved:u32
///
/// Source: [MS-VHDX] 2.6, "Metadata Region".
struct VHDXMetadata {
  /// Of the disk.
  let byteCount: UInt64
  let blockByteCount: UInt64
  /// Of the sectors that the machine sees.
  let sectorByteCount: UInt64
  /// What the image is made over, where it is.
  let parent: VHDXParent?

  private enum Item: String, CaseIterable {
    case fileParameters = "caa16737-fa36-4d43-b3b6-33f0aa44e76b"
    case diskByteCount = "2fa54224-cd1b-4876-b211-5dbed83bf4b8"
    /// What a machine finds on page 83 of its disk's product data. Not needed.
    case diskID = "beca12ab-b2e6-4523-93ef-c309e000c746"
    case sectorByteCount = "8141bf1d-a96f-4709-ba47-f233a8faab5f"
    case physicalSectorByteCount = "cda348c7-445d-4471-9cc9-e9885251c556"
    case parentLocator = "a8d35f2d-b30b-454d-abf7-d3d84834ab0c"
  }

  private static let tableByteCount = 64 << 10
  private static let entryByteCount = 32
  private static let itemByteLimit = 1 << 20
  private static let diskByteLimit: UInt64 = 64 << 40
  private static let isUser: UInt32 = 1
  private static let isRequired: UInt32 = 4
  private static let hasParent: UInt32 = 2

  init(_ file: VHDXFile) throws {
    let items = try Self.items(file)
    func item(_ item: Item, count: Int) throws -> [UInt8] {
      guard let bytes = items[item], bytes.count >= count else {
        throw file.damage("its metadata lack \(item.rawValue)")
      }
      return bytes
    }
    let (parameters, size, sectors) = (
      try item(.fileParameters, count: 8), try item(.diskByteCount, count: 8),
      try item(.sectorByteCount, count: 4)
    )
    blockByteCount = UInt64(try parameters.span.bytes.littleEndian(at: 0, as: UInt32.self))
    byteCount = try size.span.bytes.littleEndian(at: 0)
    let sector: UInt32 = try sectors.span.bytes.littleEndian(at: 0)
    sectorByteCount = UInt64(sector)
    guard sector == 512 || sector == 4096, blockByteCount.nonzeroBitCount == 1,
      (1 << 20...256 << 20).contains(blockByteCount), byteCount <= Self.diskByteLimit,
      byteCount.isMultiple(of: sectorByteCount)
    else {
      throw file.damage(
        "a disk of \(byteCount) bytes in blocks of \(blockByteCount) and sectors of \(sector)")
    }
    if try parameters.span.bytes.littleEndian(at: 4) & Self.hasParent != 0 {
      parent = try VHDXParent(try item(.parentLocator, count: 1), file)
    } else {
      parent = nil
    }
  }

  private static func items(_ file: VHDXFile) throws -> [Item: [UInt8]] {
    let region = file.metadata
    guard region.count >= tableByteCount else {
      throw file.damage("its metadata have \(region.count) bytes")
    }
    let bytes = try file.content.bytes(at: region.lowerBound, count: tableByteCount)
    let table = bytes.span.bytes
    guard table.starts(with: "metadata") else { throw file.damage("its metadata have no table") }
    let count: UInt16 = try table.littleEndian(at: 10)
    guard count <= VHDXFile.entryLimit else { throw file.damage("\(count) items of metadata") }
    var items: [Item: [UInt8]] = [:]
    for number in 0..<Int(count) {
      let entry = try table.field(at: (number + 1) * entryByteCount, count: entryByteCount)
      let id = guidText([UInt8](try entry.field(at: 0, count: 16)))
      let flags: UInt32 = try entry.littleEndian(at: 24)
      guard flags & isUser == 0, let item = Item(rawValue: id) else {
        if flags & isRequired == 0 { continue }
        throw file.unsupported("it needs metadata that are not known here: \(id)")
      }
      guard items.updateValue(try content(of: entry, file), forKey: item) == nil else {
        throw file.damage("its metadata have \(id) twice")
      }
    }
    return items
  }

  private static func content(of entry: RawSpan, _ file: VHDXFile) throws -> [UInt8] {
    let offset = UInt64(try entry.littleEndian(at: 16, as: UInt32.self))
    let count = Int(try entry.littleEndian(at: 20, as: UInt32.self))
    if count == 0 { return [] }
    guard offset >= UInt64(tableByteCount), count <= itemByteLimit,
      offset + UInt64(count) <= UInt64(file.metadata.count)
    else { throw file.damage("\(count) bytes of its metadata lie at \(offset)") }
    return try file.content.bytes(at: file.metadata.lowerBound + offset, count: count)
  }
}
