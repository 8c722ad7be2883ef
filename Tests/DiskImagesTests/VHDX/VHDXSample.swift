import Bytes
import TestSupport

/// A VHDX image that is laid out byte by byte: what QEMU makes none of.
///
///     0       identifier, headers, tables of regions
///     1 MiB   log
///     2 MiB   metadata
///     3 MiB   table of blocks, then blocks in the order in which they are set
struct VHDXSample {
  private(set) var bytes = [UInt8](repeating: 0, count: 3 << 20)
  let byteCount: Int
  let blockByteCount: Int
  let sectorByteCount: Int
  let tableByteCount: Int

  static let log = 1 << 20
  static let logByteCount = 1 << 20
  static let metadata = 2 << 20
  static let table = 3 << 20
  static let writeID = guid("01234567-89ab-cdef-0123-456789abcdef")
  static let logID = guid("fedcba98-7654-3210-fedc-ba9876543210")

  static let tableRegion = guid("2dc27766-f623-4200-9d64-115e9bfd4a08")
  static let metadataRegion = guid("8b7ca206-4790-4b9a-b8fe-575f050f886e")

  /// - Parameter parent: keys and values of what it says of the image that it is made over.
  init(
    byteCount: Int, blockByteCount: Int = 1 << 20, sectorByteCount: Int = 512,
    parent: [(key: String, value: String)]? = nil
  ) {
    self.byteCount = byteCount
    self.blockByteCount = blockByteCount
    self.sectorByteCount = sectorByteCount
    let blocks = byteCount / blockByteCount + 1
    let entries = blocks + blocks / ((8 << 20) * sectorByteCount / blockByteCount) + 1
    tableByteCount = wholeMebibytes(entries * 8)
    bytes += [UInt8](repeating: 0, count: tableByteCount)
    set(Array("vhdxfile".utf8), at: 0)
    setHeader(number: 1, sequence: 5, logID: nil)
    setRegions([
      (Self.tableRegion, Self.table, tableByteCount, 1),
      (Self.metadataRegion, Self.metadata, 1 << 20, 1),
    ])
    var items: [(id: String, flags: UInt32, bytes: [UInt8])] = [
      (
        "caa16737-fa36-4d43-b3b6-33f0aa44e76b", 4,
        little(UInt32(blockByteCount))
          + little(UInt32(parent == nil ? 0 : 2))
      ),
      ("2fa54224-cd1b-4876-b211-5dbed83bf4b8", 6, little(UInt64(byteCount))),
      ("beca12ab-b2e6-4523-93ef-c309e000c746", 6, [UInt8](repeating: 7, count: 16)),
      ("8141bf1d-a96f-4709-ba47-f233a8faab5f", 6, little(UInt32(sectorByteCount))),
      ("cda348c7-445d-4471-9cc9-e9885251c556", 6, little(UInt32(4096))),
    ]
    if let parent {
      items.append(("a8d35f2d-b30b-454d-abf7-d3d84834ab0c", 4, Self.locator(parent)))
    }
    setItems(items)
  }

  mutating func set(_ part: [UInt8], at place: Int) {
    if place + part.count > bytes.count {
      bytes += [UInt8](repeating: 0, count: place + part.count - bytes.count)
    }
    bytes.replaceSubrange(place..<place + part.count, with: part)
  }

  mutating func truncate(_ byteCount: Int) { bytes.removeLast(bytes.count - byteCount) }

  /// - Parameter number: 0 or 1; the other one is not whole.
  mutating func setHeader(
    number: Int, sequence: UInt64, logID: [UInt8]?, writeID: [UInt8] = writeID,
    version: UInt16 = 1, logVersion: UInt16 = 0, logByteCount: Int = logByteCount
  ) {
    var header = Array("head".utf8) + [0, 0, 0, 0] + little(sequence)
    header += [UInt8](repeating: 9, count: 16) + writeID
    header += logID ?? [UInt8](repeating: 0, count: 16)
    header += little(logVersion) + little(version)
    header += little(UInt32(logByteCount)) + little(UInt64(Self.log))
    header += [UInt8](repeating: 0, count: 4096 - header.count)
    set(sealed(header), at: (number + 1) * 65_536)
  }

  typealias Region = (id: [UInt8], offset: Int, byteCount: Int, flags: UInt32)

  mutating func setRegions(_ regions: [Region]) {
    var table = Array("regi".utf8) + [0, 0, 0, 0] + little(UInt32(regions.count)) + [0, 0, 0, 0]
    for region in regions {
      table += region.id + little(UInt64(region.offset))
      table += little(UInt32(region.byteCount)) + little(region.flags)
    }
    table += [UInt8](repeating: 0, count: 65_536 - table.count)
    for place in [3 * 65_536, 4 * 65_536] { set(sealed(table), at: place) }
  }

  mutating func setItems(_ items: [(id: String, flags: UInt32, bytes: [UInt8])]) {
    var table = Array("metadata".utf8) + [0, 0] + little(UInt16(items.count))
    table += [UInt8](repeating: 0, count: 20)
    var place = 65_536
    for item in items {
      table += guid(item.id) + little(UInt32(place)) + little(UInt32(item.bytes.count))
      table += little(item.flags) + [0, 0, 0, 0]
      set(item.bytes, at: Self.metadata + place)
      place += item.bytes.count
    }
    set(table, at: Self.metadata)
  }

  private static func locator(_ pairs: [(key: String, value: String)]) -> [UInt8] {
    var head = guid("b04aefb7-d19e-4a81-b789-25b8e9445913") + [0, 0] + little(UInt16(pairs.count))
    var texts: [UInt8] = []
    let start = head.count + pairs.count * 12
    for pair in pairs {
      let (key, value) = (utf16(pair.key), utf16(pair.value))
      head += little(UInt32(start + texts.count))
      head += little(UInt32(start + texts.count + key.count))
      head += little(UInt16(key.count)) + little(UInt16(value.count))
      texts += key + value
    }
    return head + texts
  }

  private var chunkBlockCount: Int { (8 << 20) * sectorByteCount / blockByteCount }

  func entryPlace(block: Int) -> Int { Self.table + (block + block / chunkBlockCount) * 8 }

  func bitmapEntryPlace(chunk: Int) -> Int {
    Self.table + ((chunk + 1) * (chunkBlockCount + 1) - 1) * 8
  }

  /// - Parameter content: at the file's end, where there is any.
  mutating func setBlock(_ number: Int, state: UInt64, _ content: [UInt8]? = nil) {
    let place = content.map { append($0) } ?? 0
    set(little(UInt64(place) | state), at: entryPlace(block: number))
  }

  /// Which sectors of a chunk there are.
  mutating func setBitmap(chunk: Int, _ bits: [UInt8]) {
    let place = append(bits + [UInt8](repeating: 0, count: (1 << 20) - bits.count))
    set(little(UInt64(place) | 6), at: bitmapEntryPlace(chunk: chunk))
  }

  /// Begins where the format lets things begin.
  private mutating func append(_ content: [UInt8]) -> Int {
    let place = wholeMebibytes(bytes.count)
    set(content, at: place)
    return place
  }
}

/// An entry of a log.
struct VHDXLogEntry {
  enum Write {
    case zeros(at: Int, byteCount: Int)
    /// 4,096 bytes.
    case data(at: Int, [UInt8])
  }

  var sequence: UInt64
  var tail: Int
  var writes: [Write]
  var id = VHDXSample.logID
  var flushedByteCount = 0
  var lastByteCount = 0
  /// Sectors at its end that say nothing.
  var padding = 0

  var bytes: [UInt8] {
    var descriptors: [UInt8] = []
    var sectors: [UInt8] = []
    for write in writes {
      switch write {
      case .zeros(let place, let count):
        descriptors += Array("zero".utf8) + [0, 0, 0, 0] + little(UInt64(count))
        descriptors += little(UInt64(place)) + little(sequence)
      case .data(let place, let data):
        descriptors += Array("desc".utf8) + data[4092...] + data[..<8]
        descriptors += little(UInt64(place)) + little(sequence)
        sectors += Array("data".utf8) + little(UInt32(truncatingIfNeeded: sequence >> 32))
        sectors += data[8..<4092] + little(UInt32(truncatingIfNeeded: sequence))
      }
    }
    let headCount = (64 + descriptors.count + 4095) / 4096 * 4096
    var entry = Array("loge".utf8) + [0, 0, 0, 0]
    entry += little(UInt32(headCount + sectors.count + padding * 4096)) + little(UInt32(tail))
    entry += little(sequence) + little(UInt32(writes.count)) + [0, 0, 0, 0] + id
    entry += little(UInt64(flushedByteCount)) + little(UInt64(lastByteCount)) + descriptors
    entry += [UInt8](repeating: 0, count: headCount - entry.count) + sectors
    return sealed(entry + [UInt8](repeating: 0, count: padding * 4096))
  }
}

extension VHDXSample {
  /// Lays entries out in the ring, one after the other from a place on.
  mutating func setLog(_ entries: [VHDXLogEntry], from start: Int) {
    let ring = entries.flatMap(\.bytes)
    let first = min(ring.count, Self.logByteCount - start)
    set(Array(ring[..<first]), at: Self.log + start)
    set(Array(ring[first...]), at: Self.log)
  }
}

func wholeMebibytes(_ byteCount: Int) -> Int { (byteCount + (1 << 20) - 1) / (1 << 20) * (1 << 20) }

func little(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

func guid(_ text: String) -> [UInt8] {
  let stored = bytes(hexadecimal: text.filter { $0 != "-" })!
  return [3, 2, 1, 0, 5, 4, 7, 6].map { stored[$0] } + stored[8...]
}

/// With the checksum in bytes 4 to 7.
func sealed(_ bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  bytes.replaceSubrange(4..<8, with: [0, 0, 0, 0])
  let checksum = ~CyclicChecksum.castagnoli.updating(.max, with: bytes.span.bytes)
  bytes.replaceSubrange(4..<8, with: little(checksum))
  return bytes
}

private func utf16(_ text: String) -> [UInt8] { text.utf16.flatMap { little($0) } }
