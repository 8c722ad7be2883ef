import Bytes
import Hashing
import Stores
import TestSupport
import Testing

@testable import Packs

@Suite struct DamagedPackTests {
  private let sample = SamplePack([
    repeated(Array("a recovery point ".utf8), 600), [7, 1, 9], repeated([0, 255], 300),
  ])
  private var directoryOffset: Int { sample.bytes.count - 48 * (sample.entries.count + 1) }

  @Test("a flipped bit anywhere in a pack changes its name")
  func named() {
    var digester = Digester()
    for place in sample.bytes.indices {
      var bytes = sample.bytes
      bytes[place] ^= 1 << UInt8(place % 8)
      #expect(PackID(digester.digest(bytes.span.bytes)) != sample.id, "byte \(place)")
    }
  }

  @Test("a flipped bit anywhere in the directory or the trailer is refused")
  func flippedDirectory() throws {
    let store = MemoryStore()
    for place in directoryOffset..<sample.bytes.count {
      for bit in 0..<8 {
        store.place(sample.bytes, at: .pack(sample.id))
        store.flipBit(place * 8 + bit, of: .pack(sample.id))
        do {
          _ = try directory(store, sample)
          Issue.record("bit \(bit) of byte \(place) went unnoticed")
        } catch {
          guard case .damaged(let id, "memory", let damage) = error else {
            Issue.record("\(error)")
            continue
          }
          #expect(id == sample.id && damage.offset >= directoryOffset)
        }
      }
    }
  }

  @Test("a flipped bit anywhere in a record's header or payload is noticed when it is opened")
  func flippedRecord() {
    for entry in sample.entries {
      let start = Int(entry.offset)
      for place in start..<start + entry.recordByteCount {
        var bytes = sample.bytes
        bytes[place] ^= 1 << UInt8(place % 8)
        do {
          let plain = try open(entry, in: bytes)
          #expect(contentID(plain) == entry.id, "byte \(place): wrong bytes were given back")
        } catch { #expect(error is PackDamage) }
      }
    }
  }

  @Test("each field of a record's header is checked", arguments: 0..<48)
  func header(byte: Int) throws {
    let entry = sample.entries[0]
    var bytes = sample.bytes
    bytes[Int(entry.offset) + byte] ^= 0x80
    #expect(throws: PackDamage.self, "byte \(byte)") { try open(entry, in: bytes) }
  }

  @Test("a record is opened only under its own name and length")
  func wrongName() throws {
    let (first, second) = (sample.entries[0], sample.entries[1])
    let renamed = PackEntry(
      id: second.id, kind: first.kind, codec: first.codec, offset: first.offset,
      storedByteCount: first.storedByteCount, plainByteCount: first.plainByteCount)
    #expect(throws: PackDamage.self) { try open(renamed, in: sample.bytes) }
    let longer = PackEntry(
      id: first.id, kind: first.kind, codec: first.codec, offset: first.offset,
      storedByteCount: first.storedByteCount, plainByteCount: first.plainByteCount + 1)
    #expect(throws: PackDamage.self) { try open(longer, in: sample.bytes) }
  }

  @Test("a pack without its header gives no records when walked", arguments: 0..<8)
  func magic(byte: Int) {
    var bytes = sample.bytes
    bytes[byte] ^= 1
    #expect(walkRecords(ofPack: bytes.span.bytes).isEmpty)
  }

  @Test(
    "a size that no pack has is refused before memory is asked for",
    arguments: [0, 1, 63, UInt64(PackFormat.maximumByteCount) + 1, 1 << 40, UInt64.max])
  func sizes(byteCount: UInt64) {
    let store = MemoryStore()
    var digester = Digester()
    #expect(throws: PackError.self) {
      try store.directory(ofPack: sample.id, byteCount: byteCount, digester: &digester)
    }
    #expect(store.count(of: .read) == 0)
  }

  @Test("a pack that is missing, cut off or longer is refused")
  func lengths() {
    let store = MemoryStore()
    #expect(throws: PackError.self) { try directory(store, sample) }
    for count in [0, 16, 63, 64, sample.bytes.count - 1] {
      store.place(Array(sample.bytes.prefix(count)), at: .pack(sample.id))
      #expect(throws: PackError.self) { try directory(store, sample) }
    }
    var digester = Digester()
    for count in [sample.bytes.count - 1, sample.bytes.count - 48, 64] {
      store.place(sample.bytes, at: .pack(sample.id))
      #expect(throws: PackError.self) {
        try store.directory(ofPack: sample.id, byteCount: UInt64(count), digester: &digester)
      }
    }
  }

  @Test("a hostile directory, sealed anew or not, never leads out of its pack")
  func fuzzDirectory() throws {
    var random = Seed.ofThisRun.random
    let store = MemoryStore()
    for round in 0..<6000 {
      var bytes = sample.bytes
      let tail = mutated(Array(bytes.suffix(from: directoryOffset)), &random)
      bytes = bytes.prefix(directoryOffset) + tail
      if random.below(2) == 0 { sealDirectory(&bytes) }
      store.place(bytes, at: .pack(sample.id))
      var digester = Digester()
      do throws(PackError) {
        let entries = try store.directory(
          ofPack: sample.id, byteCount: UInt64(bytes.count), digester: &digester)
        for entry in entries {
          let end = Int(entry.offset) + entry.recordByteCount
          #expect(entry.offset >= 16 && end <= bytes.count, "round \(round) \(Seed.ofThisRun)")
          do { _ = try open(entry, in: bytes) } catch { #expect(error is PackDamage) }
        }
      } catch { #expect("\(error)".contains(sample.id.description)) }
    }
  }

  @Test("walking and opening hostile records ends, within the pack and with the right bytes")
  func fuzzRecords() throws {
    var random = Seed.ofThisRun.random
    for round in 0..<3000 {
      let bytes = mutated(sample.bytes, &random)
      for entry in walkRecords(ofPack: bytes.span.bytes) {
        let end = Int(entry.offset) + entry.recordByteCount
        #expect(end <= bytes.count, "round \(round) \(Seed.ofThisRun)")
        do {
          let plain = try open(entry, in: bytes)
          #expect(contentID(plain) == entry.id, "round \(round) \(Seed.ofThisRun)")
        } catch { #expect(error is PackDamage) }
      }
    }
  }

  /// Writes the digest of the directory into the trailer, as an attacker would.
  private func sealDirectory(_ bytes: inout [UInt8]) {
    let end = bytes.count - 48
    guard end >= directoryOffset else { return }
    let digest = contentID(Array(bytes[directoryOffset..<end])).digest
    bytes.replaceSubrange(end..<end + 32, with: digest.withBytes { [UInt8]($0) })
  }
}
