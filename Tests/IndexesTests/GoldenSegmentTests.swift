import Bytes
import Compression
import Hashing
import Packs
import TestSupport
import Testing

@testable import Indexes

@Suite struct GoldenSegmentTests {
  private var packs: [IndexedPack] {
    var random = SeededRandom(seed: 1)
    let sample = SamplePack(fixturePlains, compression: .none)
    return [
      IndexedPack(
        id: sample.id, byteCount: UInt64(sample.bytes.count), entries: sample.entries),
      // So many that the fan-out table has more than one place.
      IndexedPack(
        id: PackID(digest(1)), byteCount: 1 << 25, entries: randomEntries(140, &random)),
    ]
  }

  @Test("a segment is written as ever, byte for byte")
  func writing() throws {
    var digester = Digester()
    let (bytes, name) = encodeSegment(packs, digester: &digester)
    try expectFixture("segment.index", holds: bytes)
    #expect(
      name.description == "0178f6d788747f2e26d01c3c7a31aeab1c3e4a62be15c9a4ba50ad140e2c5e4c")
  }

  @Test("a segment of old is read")
  func reading() throws {
    let bytes = try fixture("segment.index")
    let present = Dictionary(uniqueKeysWithValues: packs.map { ($0.id, $0.byteCount) })
    let segment = try Segment(
      contentID(bytes).digest, SharedBytes(copying: bytes), from: "fixture",
      isPresent: { present[$0] == $1 })
    #expect(segment.entryCount == 143 && segment.missingPacks.isEmpty)
    for pack in packs {
      for entry in pack.entries {
        let number = try #require(segment.find(entry.id))
        let found = segment.location(of: number)
        #expect(found.pack == pack.id && found.offset == entry.offset)
        #expect(found.storedByteCount == entry.storedByteCount)
        #expect(found.plainByteCount == entry.plainByteCount && segment.mayContain(entry.id))
      }
    }
  }
}
