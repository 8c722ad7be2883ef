import Bytes
import Compression
import Encryption
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

  @Test("a sealed pack of old is opened with its vault's key, and listed without")
  func sealed() throws {
    let bytes = try fixture("sealed.pack")
    let protection = ContentProtection.encrypted(fixtureKeys)
    let entries = walkRecords(ofPack: bytes.span.bytes)
    #expect(Set(entries.map(\.codec)) == [.stored, .zlib, .zstd])
    #expect(entries.map(\.kind) == [.chunk, .map, .chunk])
    #expect(entries.allSatisfy { $0.sealing == .aes256gcm })
    let plains = [fixturePlains[0], fixturePlains[0], fixturePlains[1]]
    for (entry, plain) in zip(entries, plains) {
      #expect(try open(entry, in: bytes, protection) == plain)
      #expect(throws: PackDamage.self) { try open(entry, in: bytes) }
      #expect(throws: PackDamage.self) { try open(entry, in: bytes, .locked) }
    }
    // As Python's hmac names it under the key for identities.
    #expect(
      entries[2].id.description
        == "c09e24166ec2251fd4771cc195d87cf930cbc6a82382161568e37478aaae18d7")
    let store = MemoryStore()
    let id = PackID(contentID(bytes).digest)
    store.place(bytes, at: .pack(id))
    var digester = Digester()
    #expect(
      try store.directory(ofPack: id, byteCount: UInt64(bytes.count), digester: &digester)
        == entries)
  }

  /// Nonces are random, so this pack is only read as well.
  @Test("a sealed pack is made when fixtures are written", .enabled(if: isWritingFixtures))
  func sealedWriting() throws { try makeFixture("sealed.pack", pack(fixtureKeys)) }

  /// Compressed bytes depend on the library's version, so this pack is only read; see
  /// Fixtures/README.md.
  @Test("a pack of all codecs is made when fixtures are written", .enabled(if: isWritingFixtures))
  func compressed() throws { try expectFixture("compressed.pack", holds: pack(nil)) }

  private func pack(_ keys: VaultKeys?) -> [UInt8] {
    let protection = keys.map { ContentProtection.encrypted($0) } ?? .none
    var run = RecordRun()
    var zstd = RecordSealer(.standard, protection)
    var zlib = RecordSealer(CompressionSetting("zlib:6")!, protection)
    var namer = ContentNamer(protection)
    let (text, noise) = (fixturePlains[0], fixturePlains[1])
    _ = run.append(text.span.bytes, id: namer.name(text.span.bytes), kind: .chunk, with: &zstd)
    _ = run.append(text.span.bytes, id: namer.name(text.span.bytes), kind: .map, with: &zlib)
    _ = run.append(noise.span.bytes, id: namer.name(noise.span.bytes), kind: .chunk, with: &zstd)
    var writer = PackWriter(pool: PackWriter.makeBufferPool())
    writer.append(run)
    var digester = Digester()
    return writer.seal(with: &digester).withBytes { [UInt8]($0) }
  }
}
