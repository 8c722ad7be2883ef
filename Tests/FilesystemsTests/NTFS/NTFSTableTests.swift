import BlockDevices
import Filesystems
import TestSupport
import Testing

/// A table of records whose own record has no room for where it lies.
@Suite struct NTFSTableTests {
  @Test(arguments: [false, true], [1, 3])
  func `a table that lies in parts is read to its end`(
    isListOutside: Bool, partCount: Int
  ) throws {
    var bytes = try StoredImage.ntfs[0].bytes()
    let whole = TreeListing(try openImage(bytes)).lines
    let table = try SplitTable(&bytes, partCount: partCount, isListOutside: isListOutside)
    let fileSystem = try openImage(bytes)
    #expect(fileSystem.state == FileSystemState())
    #expect(differences(TreeListing(fileSystem).lines, whole).isEmpty)
    // Without a part the rest cannot be found, and it is said which.
    bytes.fill(table.parts[0]..<table.parts[0] + 4, with: 0)
    let said = complaint { _ = try openImage(bytes) }
    #expect(said.contains("record \(table.numbers[0])"), "\(said)")
  }
}

/// Puts the clusters of the table, but for the first ones, into the care of records of their own.
private struct SplitTable {
  /// The records that tell of them, and where those lie.
  private(set) var numbers: [UInt64] = []
  private(set) var parts: [Int] = []
  private let blocks: NTFSBlocks

  init(_ bytes: inout [UInt8], partCount: Int, isListOutside: Bool) throws {
    blocks = NTFSBlocks(bytes)
    let base = blocks.record(0)
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: base))
    let clusterCount = bytes.number(at: data + 24, as: UInt64.self) + 1
    let start = UInt64(blocks.tableStart / blocks.clusterByteCount)
    // The image's table lies in one piece; the first part is as long as the records need that
    // tell of the others.
    let firstCount = clusterCount - UInt64(partCount)
    numbers = Array(
      (24..<firstCount * 4).filter { number in
        bytes[blocks.record(number) + 22] & 1 == 0
      }.prefix(partCount))
    try #require(numbers.count == partCount)
    parts = numbers.map(blocks.record)
    for (index, number) in numbers.enumerated() {
      let first = firstCount + UInt64(index)
      putRecord(
        [Self.clusters(0x80, first..<first + 1, at: start + first, sizes: nil)], number,
        base: true, into: &bytes)
    }
    let size = clusterCount * UInt64(blocks.clusterByteCount)
    let table = Self.clusters(0x80, 0..<firstCount, at: start, sizes: size)
    let kept = try ([0x10, 0x30, 0xB0] as [UInt32]).map { type -> [UInt8] in
      let place = try #require(bytes.ntfsAttribute(type, inRecordAt: base))
      return Array(bytes[place..<place + Int(bytes.number(at: place + 4, as: UInt32.self))])
    }
    var entries = [(type: UInt32(0x10), id: kept[0][14], first: UInt64(0), record: UInt64(0))]
    entries.append((0x30, kept[1][14], 0, 0))
    entries.append((0x80, 7, 0, 0))
    for (index, number) in numbers.enumerated() {
      entries.append((0x80, 7, firstCount + UInt64(index), number))
    }
    entries.append((0xB0, kept[2][14], 0, 0))
    let list = entries.flatMap { entry -> [UInt8] in
      var bytes = [UInt8](repeating: 0, count: 32)
      bytes.put(entry.type, at: 0)
      bytes.put(32 as UInt16, at: 4)
      bytes[7] = 26
      bytes.put(entry.first, at: 8)
      bytes.put(entry.record | 1 << 48, at: 16)
      bytes.put(UInt16(entry.id), at: 24)
      return bytes
    }
    var listAttribute = Self.resident(0x20, list)
    if isListOutside {
      let place = bytes.count / blocks.clusterByteCount - 3
      bytes.replaceSubrange(
        place * blocks.clusterByteCount..<place * blocks.clusterByteCount + list.count, with: list)
      listAttribute = Self.clusters(
        0x20, 0..<1, at: UInt64(place), sizes: UInt64(blocks.clusterByteCount))
      listAttribute.put(UInt64(list.count), at: 48)
      listAttribute.put(UInt64(list.count), at: 56)
    }
    putRecord([kept[0], listAttribute, kept[1], table, kept[2]], 0, base: false, into: &bytes)
    bytes.replaceSubrange(
      blocks.mirrorStart..<blocks.mirrorStart + 1024, with: bytes[base..<base + 1024])
  }

  private func putRecord(
    _ attributes: [[UInt8]], _ number: UInt64, base isPart: Bool, into bytes: inout [UInt8]
  ) {
    var record = [UInt8](repeating: 0, count: 1024)
    record.replaceSubrange(0..<4, with: Array("FILE".utf8))
    record.put(48 as UInt16, at: 4)
    record.put(3 as UInt16, at: 6)
    record.put(1 as UInt16, at: 16)
    record.put(1 as UInt16, at: 18)
    record.put(56 as UInt16, at: 20)
    record.put(1 as UInt16, at: 22)
    record.put(1024 as UInt32, at: 28)
    if isPart { record.put(1 << 48 as UInt64, at: 32) }
    record.put(UInt32(number), at: 44)
    let content: [UInt8] = Array(attributes.joined()) + [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]
    record.replaceSubrange(56..<56 + content.count, with: content)
    record.put(UInt32(56 + content.count), at: 24)
    record.put(9 as UInt16, at: 48)
    for (index, end) in [510, 1022].enumerated() {
      record.put(record.number(at: end, as: UInt16.self), at: 50 + index * 2)
      record.put(9 as UInt16, at: end)
    }
    let place = blocks.record(number)
    bytes.replaceSubrange(place..<place + 1024, with: record)
  }

  private static func resident(_ type: UInt32, _ value: [UInt8]) -> [UInt8] {
    var attribute = [UInt8](repeating: 0, count: 24) + value
    attribute += [UInt8](repeating: 0, count: (8 - attribute.count % 8) % 8)
    attribute.put(type, at: 0)
    attribute.put(UInt32(attribute.count), at: 4)
    attribute.put(6 as UInt16, at: 14)
    attribute.put(UInt32(value.count), at: 16)
    attribute.put(24 as UInt16, at: 20)
    return attribute
  }

  private static func clusters(
    _ type: UInt32, _ range: Range<UInt64>, at place: UInt64, sizes: UInt64?
  ) -> [UInt8] {
    var attribute = [UInt8](repeating: 0, count: 80)
    attribute.put(type, at: 0)
    attribute.put(80 as UInt32, at: 4)
    attribute[8] = 1
    attribute.put(64 as UInt16, at: 10)
    attribute.put(7 as UInt16, at: 14)
    attribute.put(range.lowerBound, at: 16)
    attribute.put(range.upperBound - 1, at: 24)
    attribute.put(64 as UInt16, at: 32)
    for offset in [40, 48, 56] { attribute.put(sizes ?? 0, at: offset) }
    attribute[64] = 0x84
    attribute.put(UInt32(range.count), at: 65)
    attribute.put(place, at: 69)
    return attribute
  }
}
