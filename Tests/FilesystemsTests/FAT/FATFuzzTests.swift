import Filesystems
import TestSupport
import Testing

/// Changed images of FAT and exFAT.
@Suite struct FATFuzzTests {
  @Test(arguments: [StoredImage.fat12, .fat16, .fat32])
  func `changed images of FAT are read or refused`(image: StoredImage) throws {
    let bytes = try image.bytes()
    let table = Int(bytes.number(at: 14, as: UInt16.self)) * 512
    try ReaderFuzz(
      name: image.name, base: bytes,
      places: [11..<90, 11..<90, 3072..<3072 + 90, table..<table + 600] + records(of: bytes)
    ).run()
  }

  @Test func `changed images of exFAT are read or refused`() throws {
    let bytes = try StoredImage.exFAT.bytes()
    let table = Int(bytes.number(at: 80, as: UInt32.self)) * 512
    let items = try records(of: bytes)
    ReaderFuzz(
      name: "exfat", base: bytes,
      places: [64..<112, 64..<112, table..<table + 4000] + items + root(of: bytes),
      seal: { image in
        sealBoot(&image)
        for place in image.patches.map(\.offset) {
          guard let item = items.first(where: { $0.contains(place) }) else { continue }
          let count = 32 * (1 + Int(image.bytes(at: item.lowerBound + 1, count: 1)[0]))
          var set = image.bytes(at: item.lowerBound, count: count)
          set.put(0 as UInt16, at: 2)
          sealRecords(&set, 0)
          image.put(Array(set[2..<4]), at: item.lowerBound + 2)
        }
      }
    ).run()
  }

  /// Where the records of items lie.
  private func records(of bytes: [UInt8]) throws -> [Range<Int>] {
    var places: [Range<Int>] = []
    try openImage(bytes).walk(
      visiting: { _, item in
        let start = Int(item.number & ~31)
        places.append(start..<start + 96)
      }, failing: { _, error in Issue.record(error) })
    return places
  }

  private func root(of bytes: [UInt8]) -> [Range<Int>] {
    let heap = Int(bytes.number(at: 88, as: UInt32.self)) * 512
    let start = heap + (Int(bytes.number(at: 96, as: UInt32.self)) - 2) * 512
    return [start..<start + 128]
  }
}

/// Makes the checksum of a boot region with sectors of 512 bytes fit again.
private func sealBoot(_ image: inout PatchedImage) {
  guard image.patches.contains(where: { $0.offset < 512 * 11 }) else { return }
  var sum: UInt32 = 0
  for (index, byte) in image.bytes(at: 0, count: 512 * 11).enumerated()
  where index != 106 && index != 107 && index != 112 {
    sum = (sum << 31 | sum >> 1) &+ UInt32(byte)
  }
  image.put((0..<4).map { UInt8(truncatingIfNeeded: sum >> UInt32($0 * 8)) }, at: 512 * 11)
}
