import Bytes
import Hashing
import Packs
import Stores
import TestSupport
import Testing

@testable import Indexes

@Suite struct SegmentTests {
  /// Packs with random entries, the segment that lists them, and what is in the store.
  struct Sample {
    let packs: [IndexedPack]
    let bytes: [UInt8]
    let name: Digest
    var present: [PackID: UInt64]

    init(packSizes: [Int], _ random: inout SeededRandom) {
      var digester = Digester()
      var packs: [IndexedPack] = []
      for size in packSizes {
        packs.append(
          IndexedPack(
            id: PackID(digest(random.next())), byteCount: UInt64(random.below(1 << 24)),
            entries: randomEntries(size, &random)))
      }
      self.packs = packs
      (bytes, name) = encodeSegment(packs, digester: &digester)
      present = Dictionary(uniqueKeysWithValues: packs.map { ($0.id, $0.byteCount) })
    }

    func open(_ changed: [UInt8]? = nil) throws(SegmentDamage) -> Segment {
      try Segment(
        name, SharedBytes(copying: changed ?? bytes), from: "memory",
        isPresent: { present[$0] == $1 })
    }
  }

  @Test(
    "every listed id is found where it lies, and no other is",
    arguments: [[0], [1], [2, 1], [63], [64, 65], [1000, 1, 500, 0, 3000]])
  func lookups(packSizes: [Int]) throws {
    var random = Seed.ofThisRun.random
    let sample = Sample(packSizes: packSizes, &random)
    let segment = try sample.open()
    #expect(segment.entryCount == packSizes.reduce(0, +) && segment.byteCount == sample.bytes.count)
    for pack in sample.packs {
      for entry in pack.entries {
        #expect(segment.mayContain(entry.id), "a false negative of the filter \(Seed.ofThisRun)")
        let number = try #require(segment.find(entry.id), "\(Seed.ofThisRun)")
        let found = segment.location(of: number)
        #expect(found.pack == pack.id && found.offset == entry.offset, "\(Seed.ofThisRun)")
        #expect(found.storedByteCount == entry.storedByteCount)
        #expect(found.plainByteCount == entry.plainByteCount)
      }
    }
    for _ in 0..<1000 {
      #expect(segment.find(ContentID(digest(random.next()))) == nil, "\(Seed.ofThisRun)")
    }
    #expect(segment.find(.zeros) == nil)
    #expect(segment.find(ContentID(Digest(String(repeating: "f", count: 64))!)) == nil)
  }

  @Test("the filter turns nearly all away that are not there")
  func filter() throws {
    var random = SeededRandom(seed: 3)
    let sample = Sample(packSizes: [5000], &random)
    let segment = try sample.open()
    let wrong = (0..<10_000).count { _ in segment.mayContain(ContentID(digest(random.next()))) }
    #expect(wrong < 400, "of 10,000 absent ids \(wrong) passed")
  }

  @Test("entries of packs that are gone or have another size count as not there")
  func absentPacks() throws {
    var random = Seed.ofThisRun.random
    var sample = Sample(packSizes: [50, 50, 50], &random)
    sample.present[sample.packs[0].id] = nil
    sample.present[sample.packs[2].id]! += 1
    let segment = try sample.open()
    #expect(segment.missingPacks == [sample.packs[0].id, sample.packs[2].id])
    for (number, pack) in sample.packs.enumerated() {
      for entry in pack.entries { #expect((segment.find(entry.id) != nil) == (number == 1)) }
    }
    #expect(segment.indexedPacks().map(\.id) == [sample.packs[1].id])
    sample = Sample(packSizes: [5, 6], &random)
    #expect(try sample.open().missingPacks.isEmpty)
  }

  @Test("an id in two packs is found in the one that is there, whichever it is", arguments: [0, 1])
  func twice(absent: Int) throws {
    var random = Seed.ofThisRun.random
    let shared = randomEntries(20, &random)
    let packs = (0..<2).map { number in
      IndexedPack(id: PackID(digest(UInt64(number))), byteCount: 9, entries: shared)
    }
    var digester = Digester()
    let (bytes, name) = encodeSegment(packs, digester: &digester)
    let segment = try Segment(
      name, SharedBytes(copying: bytes), from: "memory",
      isPresent: { id, byteCount in id == packs[1 - absent].id && byteCount == 9 })
    for entry in shared {
      let number = try #require(segment.find(entry.id), "\(Seed.ofThisRun)")
      #expect(segment.location(of: number).pack == packs[1 - absent].id)
    }
  }

  @Test("a segment gives back the packs that it was made of, and names its own bytes")
  func roundTrip() throws {
    var random = Seed.ofThisRun.random
    let sample = Sample(packSizes: [10, 200, 3], &random)
    let segment = try sample.open()
    let back = segment.indexedPacks()
    #expect(back.map(\.id) == sample.packs.map(\.id))
    for (found, made) in zip(back, sample.packs) {
      #expect(found.entries == made.entries.sorted { $0.id < $1.id }, "\(Seed.ofThisRun)")
    }
    var digester = Digester()
    let isIntact = segment.isIntact(digester: &digester)
    #expect(isIntact)
    #expect(sample.name == contentID(sample.bytes).digest)
    let again = encodeSegment(back, digester: &digester)
    #expect(again.name == sample.name, "the same packs give the same segment")
  }

  @Test("a segment is opened from a store, and a missing one is an error")
  func fromStore() throws {
    var random = Seed.ofThisRun.random
    let sample = Sample(packSizes: [30], &random)
    let store = MemoryStore()
    #expect(throws: SegmentDamage.self) {
      try Segment(sample.name, in: store, isPresent: { sample.present[$0] == $1 })
    }
    store.place(sample.bytes, at: .segment(sample.name))
    let segment = try Segment(sample.name, in: store, isPresent: { sample.present[$0] == $1 })
    #expect(segment.find(sample.packs[0].entries[7].id) != nil)
  }

  @Test("each flipped bit of the preamble is refused when opened, every other by the full check")
  func flipped() throws {
    var random = Seed.ofThisRun.random
    let sample = Sample(packSizes: [3, 2], &random)
    let layout = SegmentLayout(sample.bytes.span.bytes)!
    var digester = Digester()
    for place in sample.bytes.indices {
      var bytes = sample.bytes
      bytes[place] ^= 1 << UInt8(place % 8)
      if place < layout.filterOffset {
        #expect(throws: SegmentDamage.self, "byte \(place)") { try sample.open(bytes) }
      } else {
        let segment = try sample.open(bytes)
        let isIntact = segment.isIntact(digester: &digester)
        #expect(!isIntact, "byte \(place)")
      }
    }
  }

  @Test("whatever a segment holds, also with its digest made to fit, look-ups end in bounds")
  func hostile() {
    var random = Seed.ofThisRun.random
    let sample = Sample(packSizes: [40, 60, 30], &random)
    let ids = sample.packs.flatMap { $0.entries.prefix(4).map(\.id) }
    let digestOffset = SegmentLayout(sample.bytes.span.bytes)!.digestOffset
    var opened = 0
    for _ in 0..<4000 {
      var bytes = mutated(sample.bytes, &random)
      if random.below(3) > 0 { sealPreamble(&bytes, digestOffset) }
      guard let segment = try? sample.open(bytes) else { continue }
      opened += 1
      for id in ids + [.zeros] {
        _ = segment.mayContain(id)
        if let number = segment.find(id) { _ = segment.location(of: number) }
      }
      let count = segment.indexedPacks().reduce(0) { $0 + $1.entries.count }
      #expect(count <= segment.entryCount, "\(Seed.ofThisRun)")
    }
    #expect(opened > 400, "the mutations reach what lies behind the digest \(Seed.ofThisRun)")
  }

  @Test("sizes in a header that do not fit the file are refused, whatever they add up to")
  func sizes() {
    var random = Seed.ofThisRun.random
    let sample = Sample(packSizes: [3], &random)
    for field in [8, 12, 16, 20, 24, 28] {
      for value: UInt32 in [0, 1, 7, 21, 64, 1 << 20, 1 << 31, .max] {
        var bytes = sample.bytes
        withUnsafeBytes(of: value.littleEndian) {
          bytes.replaceSubrange(field..<field + 4, with: $0)
        }
        guard bytes != sample.bytes else { continue }
        #expect(throws: SegmentDamage.self, "\(value) at \(field)") { try sample.open(bytes) }
      }
    }
    for count in [0, 1, 31, 32, 33, sample.bytes.count - 1] {
      #expect(throws: SegmentDamage.self) { try sample.open(Array(sample.bytes.prefix(count))) }
    }
  }

  private func sealPreamble(_ bytes: inout [UInt8], _ digestOffset: Int) {
    let offset = SegmentLayout(bytes.span.bytes)?.digestOffset ?? digestOffset
    guard bytes.count >= offset + 32 else { return }
    let digest = contentID(Array(bytes.prefix(offset))).digest
    bytes.replaceSubrange(offset..<offset + 32, with: digest.withBytes { [UInt8]($0) })
  }
}
