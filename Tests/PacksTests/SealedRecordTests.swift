import Bytes
import Compression
import Encryption
import Hashing
import Stores
import TestSupport
import Testing

@testable import Packs

/// Records of an encrypted vault open with its key, as they were sealed, or not at all.
@Suite struct SealedRecordTests {
  private let protection = ContentProtection.encrypted(fixtureKeys)

  private func sample(_ plains: [[UInt8]], _ compression: String = "none") -> SamplePack {
    SamplePack(
      plains, compression: CompressionSetting(compression)!, protection: protection)
  }

  /// Expects that nothing in `entry`'s place opens as what it names.
  private func expectDamage(
    _ entry: PackEntry, in bytes: [UInt8], _ text: String = "",
    _ other: ContentProtection? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      _ = try open(entry, in: bytes, other ?? protection)
      Issue.record("it was opened, not \"\(text)\"", sourceLocation: sourceLocation)
    } catch {
      #expect(error is PackDamage, sourceLocation: sourceLocation)
      #expect("\(error)".contains(text), sourceLocation: sourceLocation)
    }
  }

  @Test(
    "what is sealed opens to what it was, whatever it is and however it is compressed",
    arguments: ["none", "zlib:1", "zlib:9", "zstd:1", "zstd:12"])
  func roundTrip(compression: String) throws {
    var random = Seed.ofThisRun.random
    let plains = [
      [7], random.bytes(5000), repeated([1, 2, 3], 40_000), [UInt8](repeating: 0, count: 4096),
      random.bytes(262_144), random.bytes(RecordHeader.maximumPlainByteCount),
      [UInt8](repeating: 9, count: RecordHeader.maximumPlainByteCount),
    ]
    let sample = sample(plains, compression)
    #expect(walkRecords(ofPack: sample.bytes.span.bytes) == sample.entries)
    var opener = RecordOpener(protection)
    for (entry, plain) in zip(sample.entries, plains) {
      #expect(entry.sealing == .aes256gcm && entry.id != contentID(plain))
      expectSame(try open(entry, in: sample.bytes, with: &opener), plain, "\(Seed.ofThisRun)")
      let isKept = entry.codec == .stored
      #expect(isKept == (Int(entry.storedByteCount) == plain.count + ObjectCipher.overhead))
    }
    #expect(compression == "none" || Set(sample.entries.map(\.codec)).count == 2)
  }

  @Test("no plain byte is in a sealed pack, and no two packs of the same are the same")
  func hidden() {
    let secret = Array("nobody may read this sentence".utf8)
    let packs = (0..<2).map { _ in sample([secret + secret]) }
    #expect(packs[0].id != packs[1].id && packs[0].entries == packs[1].entries)
    for pack in packs {
      #expect(!String(decoding: pack.bytes, as: UTF8.self).contains("nobody may read"))
    }
  }

  @Test("a flipped bit anywhere in a sealed record is noticed", arguments: ["none", "zstd:1"])
  func flipped(compression: String) {
    let sample = sample([repeated([1, 2, 3, 4], 60)], compression)
    let entry = sample.entries[0]
    var opener = RecordOpener(protection)
    for bit in 0..<entry.recordByteCount * 8 {
      var bytes = sample.bytes
      bytes[Int(entry.offset) + bit / 8] ^= 1 << UInt8(bit % 8)
      do {
        _ = try open(entry, in: bytes, with: &opener)
        Issue.record("bit \(bit) went unnoticed")
      } catch { #expect(error is PackDamage) }
    }
  }

  @Test("a sealed record that is cut off is noticed")
  func truncated() {
    let sample = sample([Array("cut me".utf8)])
    let entry = sample.entries[0]
    let record = Array(sample.bytes[Int(entry.offset)..<Int(entry.offset) + entry.recordByteCount])
    var opener = RecordOpener(protection)
    for count in 0..<record.count {
      let short = Array(record.prefix(count))
      var plain = [UInt8](repeating: 0, count: 6)
      var span = plain.mutableSpan
      var target = span.mutableBytes
      do throws(PackDamage) {
        try opener.open(short.span.bytes, at: 16, expecting: entry.id, into: &target)
        Issue.record("\(count) bytes were opened")
      } catch { #expect(error.offset == 16) }
    }
  }

  @Test("payloads, headers and names of two records of the same length do not go together")
  func swapped() {
    let sample = sample([Array("this one".utf8), Array("that one".utf8)])
    let (one, other) = (sample.entries[0], sample.entries[1])
    func part(_ entry: PackEntry, _ range: Range<Int>) -> Range<Int> {
      Int(entry.offset) + range.lowerBound..<Int(entry.offset) + range.upperBound
    }
    for range in [48..<one.recordByteCount, 0..<48, 48..<60, 60..<68, 68..<84] {
      var bytes = sample.bytes
      bytes.replaceSubrange(part(one, range), with: sample.bytes[part(other, range)])
      let text = range.lowerBound == 0 ? "the record of" : "altered, or sealed with another key"
      expectDamage(one, in: bytes, text)
    }
    var moved = sample.bytes
    moved.replaceSubrange(
      part(one, 0..<one.recordByteCount), with: sample.bytes[part(other, 0..<one.recordByteCount)])
    expectDamage(one, in: moved, "not of \(one.id)")
  }

  @Test("a record opens under no other vault's key, and under none")
  func otherKey() {
    let sample = sample([[1, 2, 3]])
    let others = [
      VaultKeys(master: countingSecret(from: 1), vault: fixtureVault),
      VaultKeys(master: fixtureMaster, vault: "other"),
    ]
    for keys in others {
      expectDamage(sample.entries[0], in: sample.bytes, "another key", .encrypted(keys))
    }
    expectDamage(
      sample.entries[0], in: sample.bytes, "a vault that is not encrypted",
      ContentProtection.none)
    expectDamage(sample.entries[0], in: sample.bytes, "this needs its key", .locked)
  }

  @Test("a record that is not sealed is not believed in an encrypted vault, whatever its name")
  func unsealed() {
    let plain = Array("put here by somebody".utf8)
    let open = SamplePack([plain], compression: .none)
    expectDamage(open.entries[0], in: open.bytes, "as it has to be in this vault")
    // Nor where its name is one that the vault's key gives.
    var namer = ContentNamer(protection)
    let id = namer.name(plain.span.bytes)
    var run = RecordRun()
    var sealer = RecordSealer(.none)
    _ = run.append(plain.span.bytes, id: id, kind: .chunk, with: &sealer)
    expectDamage(run.entries[0], in: [UInt8](run.bytes), "as it has to be in this vault")
  }

  @Test("what the header says of kind, codec and lengths is authenticated")
  func header() {
    let sample = sample([repeated([5], 40)])
    let entry = sample.entries[0]
    for (field, value) in [(4, 2), (5, 1), (5, 2), (6, 0)] as [(Int, UInt8)] {
      var bytes = sample.bytes
      bytes[Int(entry.offset) + field] = value
      expectDamage(entry, in: bytes)
    }
  }

  @Test("a payload shorter than a nonce and a tag is no record", arguments: 0..<28)
  func tooShort(stored: UInt32) {
    let entry = PackEntry(
      id: contentID([1]), kind: .chunk, codec: .stored, sealing: .aes256gcm, offset: 0,
      storedByteCount: stored, plainByteCount: 1)
    var writer = ByteWriter(reservingCapacity: 100)
    RecordHeader.write(entry, to: &writer)
    #expect(RecordHeader.read(writer.bytes.span.bytes, offset: 0) == nil)
  }

  @Test("a sealer of a locked vault says so before anything is lost")
  func locked() {
    let isLocked = RecordSealer(.standard, .locked).isLocked
    let isOpen = !RecordSealer(.standard, protection).isLocked && !RecordSealer(.standard).isLocked
    #expect(isLocked && isOpen)
  }

  @Test("hostile packs of an encrypted vault give the right bytes or none")
  func fuzz() {
    var random = Seed.ofThisRun.random
    let sample = sample([repeated([1, 2, 3, 4, 5], 300), random.bytes(50), [9]], "zstd:1")
    var opener = RecordOpener(protection)
    var namer = ContentNamer(protection)
    for round in 0..<2000 {
      let bytes = mutated(sample.bytes, &random)
      for entry in walkRecords(ofPack: bytes.span.bytes) {
        guard let plain = try? open(entry, in: bytes, with: &opener) else { continue }
        #expect(namer.name(plain.span.bytes) == entry.id, "round \(round) \(Seed.ofThisRun)")
        #expect(sample.plains.contains(plain), "round \(round) \(Seed.ofThisRun)")
      }
    }
  }
}
