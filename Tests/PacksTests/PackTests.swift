import Bytes
import Compression
import Encryption
import Hashing
import Stores
import TestSupport
import Testing

@testable import Packs

@Suite struct PackTests {
  @Test(
    "every record of a pack is found in its directory and opens to what was put in",
    arguments: ["none", "zlib:1", "zstd:1"])
  func roundTrip(compression: String) throws {
    let sample = SamplePack(payloads(), compression: CompressionSetting(compression)!)
    let store = MemoryStore()
    store.place(sample.bytes, at: .pack(sample.id))
    #expect(sample.id == PackID(contentID(sample.bytes).digest), "named by its SHA-256")
    let entries = try directory(store, sample)
    #expect(entries == sample.entries && entries.count == sample.plains.count)
    for (entry, plain) in zip(entries, sample.plains) {
      #expect(entry.id == contentID(plain) && entry.plainByteCount == UInt32(plain.count))
      #expect(try open(entry, in: sample.bytes) == plain, "\(Seed.ofThisRun)")
    }
    if compression == "none" { #expect(entries.allSatisfy { $0.codec == .stored }) }
  }

  @Test("records are found by walking when the directory is lost, up to where the damage is")
  func walking() {
    let sample = SamplePack(payloads())
    let directoryOffset = sample.bytes.count - 48 - 48 * sample.entries.count
    for kept in [sample.bytes.count, directoryOffset, directoryOffset + 1, directoryOffset + 90] {
      let bytes = Array(sample.bytes.prefix(kept))
      #expect(walkRecords(ofPack: bytes.span.bytes) == sample.entries)
    }
    for (number, entry) in sample.entries.enumerated() {
      let bytes = Array(sample.bytes.prefix(Int(entry.offset) + entry.recordByteCount - 1))
      #expect(walkRecords(ofPack: bytes.span.bytes) == Array(sample.entries.prefix(number)))
    }
    #expect(walkRecords(ofPack: RawSpan()).isEmpty)
  }

  @Test("maps and chunks keep their kind")
  func kinds() throws {
    let store = MemoryStore()
    let sample = SamplePack([[1, 2, 3]], kind: .map)
    store.place(sample.bytes, at: .pack(sample.id))
    #expect(try directory(store, sample).map(\.kind) == [.map])
  }

  @Test("a payload moved from another pack opens to the same bytes")
  func moving() throws {
    let sample = SamplePack(payloads())
    var run = RecordRun()
    for entry in sample.entries.reversed() {
      let start = Int(entry.offset) + RecordHeader.byteCount
      let payload = Array(sample.bytes[start..<start + Int(entry.storedByteCount)])
      run.append(sealed: payload.span.bytes, of: entry)
    }
    let bytes = [UInt8](run.bytes)
    #expect(run.entries.count == sample.entries.count)
    for (entry, plain) in zip(run.entries, sample.plains.reversed()) {
      #expect(try open(entry, in: bytes) == plain, "\(Seed.ofThisRun)")
    }
  }

  @Test("a run is empty again after it was handed over, and says when it is full")
  func runs() {
    var run = RecordRun()
    var sealer = RecordSealer(.none)
    let large = [UInt8](repeating: 1, count: RecordHeader.maximumPlainByteCount)
    #expect(run.isEmpty && run.hasRoom(for: large.count))
    let stored = run.append(large.span.bytes, id: .zeros, kind: .chunk, with: &sealer)
    #expect(stored == large.count + 48 && run.byteCount == stored)
    #expect(!run.hasRoom(for: large.count) && run.hasRoom(for: 1 << 19))
    run.removeAll()
    #expect(run.isEmpty && run.byteCount == 0 && run.hasRoom(for: large.count))
  }

  func payloads() -> [[UInt8]] {
    var random = Seed.ofThisRun.random
    return [
      random.bytes(1), random.bytes(5000), repeated([1, 2, 3], 40_000),
      [UInt8](repeating: 0, count: 4096), repeated(random.bytes(999), 20_000), random.bytes(70_000),
    ]
  }
}

func directory(_ store: MemoryStore, _ sample: SamplePack) throws(PackError) -> [PackEntry] {
  var digester = Digester()
  return try store.directory(
    ofPack: sample.id, byteCount: UInt64(sample.bytes.count), digester: &digester)
}

func open(
  _ entry: PackEntry, in pack: [UInt8], _ protection: ContentProtection = .none
) throws -> [UInt8] {
  var opener = RecordOpener(protection)
  return try open(entry, in: pack, with: &opener)
}

func open(
  _ entry: PackEntry, in pack: [UInt8], with opener: inout RecordOpener
) throws -> [UInt8] {
  var plain = [UInt8](repeating: 0, count: Int(entry.plainByteCount))
  var span = plain.mutableSpan
  var target = span.mutableBytes
  let start = Int(entry.offset)
  let record = pack.span.bytes.extracting(start..<start + entry.recordByteCount)
  try opener.open(record, at: entry.offset, expecting: entry.id, into: &target)
  return plain
}
