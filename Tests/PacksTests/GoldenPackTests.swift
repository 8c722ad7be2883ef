import Bytes
import Compression
import Hashing
import Stores
import TestSupport
import Testing

@testable import Packs

@Suite struct GoldenPackTests {
  @Test("a pack of stored records is written as ever, byte for byte")
  func writing() throws {
    let sample = SamplePack(fixturePlains, compression: .none)
    try expectFixture("stored.pack", holds: sample.bytes)
    #expect(
      sample.id.description == "e2f0caf35e4904022f0b2dca228f2df5500a823c528de6b4d001bae283cfc51c")
  }

  @Test("packs of old are read", arguments: ["stored.pack", "compressed.pack"])
  func reading(name: String) throws {
    let bytes = try fixture(name)
    let store = MemoryStore()
    let id = PackID(contentID(bytes).digest)
    store.place(bytes, at: .pack(id))
    var digester = Digester()
    let entries = try store.directory(
      ofPack: id, byteCount: UInt64(bytes.count), digester: &digester)
    #expect(entries == walkRecords(ofPack: bytes.span.bytes))
    #expect(entries.map(\.id) == fixturePlains.map { contentID($0) } || name != "stored.pack")
    for entry in entries {
      let plain = try open(entry, in: bytes)
      #expect(contentID(plain) == entry.id && fixturePlains.contains(plain))
    }
    if name == "compressed.pack" { #expect(Set(entries.map(\.codec)) == [.stored, .zlib, .zstd]) }
  }

  /// Compressed bytes depend on the library's version, so this pack is only read; see
  /// Fixtures/README.md.
  @Test("a pack of all codecs is made when fixtures are written", .enabled(if: isWritingFixtures))
  func compressed() throws {
    var run = RecordRun()
    var zstd = RecordSealer(.standard)
    var zlib = RecordSealer(CompressionSetting("zlib:6")!)
    let (text, noise) = (fixturePlains[0], fixturePlains[1])
    _ = run.append(text.span.bytes, id: contentID(text), kind: .chunk, with: &zstd)
    _ = run.append(text.span.bytes, id: contentID(text), kind: .map, with: &zlib)
    _ = run.append(noise.span.bytes, id: contentID(noise), kind: .chunk, with: &zstd)
    var writer = PackWriter(pool: PackWriter.makeBufferPool())
    writer.append(run)
    var digester = Digester()
    let bytes = writer.seal(with: &digester).withBytes { [UInt8]($0) }
    try expectFixture("compressed.pack", holds: bytes)
  }
}
