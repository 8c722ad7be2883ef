import Chunking
import Compression
import Hashing
import Maps
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct CheckedDocumentTests {
  private struct Sample: Codable, Equatable {
    var name = "web01"
    var sizes: [UInt64] = [0, .max]
    var notes = ["z": "last", "a": "/first/\n\"quoted\""]
  }

  @Test("a document is read as it was written, and the same value gives the same bytes")
  func roundTrip() throws {
    let bytes = CheckedDocument.encode(Sample())
    #expect(try CheckedDocument.decode(Sample.self, from: bytes) == Sample())
    #expect(CheckedDocument.encode(Sample()) == bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasPrefix("{\n\"body\":") && text.hasSuffix("\"\n}\n"))
  }

  @Test("every flipped bit is noticed")
  func flipped() {
    let bytes = CheckedDocument.encode(Sample())
    for bit in 0..<bytes.count * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: DocumentDamage.self, "bit \(bit)") {
        try CheckedDocument.decode(Sample.self, from: changed)
      }
    }
  }

  @Test("every document that is cut off is noticed")
  func truncated() {
    let bytes = CheckedDocument.encode(Sample())
    for count in 0..<bytes.count {
      #expect(throws: DocumentDamage.self) {
        try CheckedDocument.decode(Sample.self, from: Array(bytes.prefix(count)))
      }
    }
  }

  @Test("hostile points, sealed anew, are refused or sound")
  func hostilePoints() {
    var random = Seed.ofThisRun.random
    let disk = RecoveryPoint.Disk(
      name: "root", source: "/images/web01.img", size: 1 << 30, root: ContentID(digest(1)),
      dataBytes: 5, newChunks: 1, newBytes: 5, storedBytes: 4, seconds: 0.5)
    let good = RecoveryPoint(
      machine: "web01", time: Timestamp(secondsSince1970: 1_795_359_845), consistency: .crash,
      tags: ["why": "test"], disks: [disk])
    let bytes = CheckedDocument.encode(good)
    for round in 0..<4000 {
      do {
        let changed = reseal(mutatedText(documentBody(of: bytes), &random))
        let point = try CheckedDocument.decode(RecoveryPoint.self, from: changed)
        guard point.isSound else { continue }
        #expect(point.id == "\(point.machine)@\(point.fileName)", "\(round) \(Seed.ofThisRun)")
        for disk in point.disks { #expect(disk.tree?.diskByteCount == disk.size) }
      } catch { #expect(!error.reason.isEmpty) }
    }
  }

  @Test("hostile descriptors, sealed anew, are refused or name codecs that exist")
  func hostileDescriptors() {
    var random = Seed.ofThisRun.random
    let good = VaultDescriptor(
      redundancy: .single, sizes: .standard, compression: .standard,
      stores: [.init(tier: .vault, path: "/vault")], created: Timestamp(secondsSince1970: 0))
    let bytes = CheckedDocument.encode(good)
    for round in 0..<3000 {
      do {
        let changed = reseal(mutatedText(documentBody(of: bytes), &random))
        let found = try CheckedDocument.decode(VaultDescriptor.self, from: changed)
        guard let chunker = found.chunker(), found.compressionSetting != nil else { continue }
        #expect(chunker.sizes.average <= 1 << 20, "\(round) \(Seed.ofThisRun)")
      } catch { #expect(!error.reason.isEmpty) }
    }
  }

  @Test("hostile documents of trash, locks and leases are refused, or mean what they say")
  func hostileDecisions() {
    var random = Seed.ofThisRun.random
    let time = Timestamp(secondsSince1970: 1_795_359_845)
    let removal = Removal(removed: time, until: time, isExpiry: false, updated: time)
      .holding(random.bytes(60)).ended(as: .restored, updated: time)
    let lease = Lease(work: "writing", process: "a b 1 2", began: time, seen: ["00000000000000ab"])
    for round in 0..<1000 {
      expectRefusedOrMeant(removal, round, &random)
      expectRefusedOrMeant(PointLock(until: time, updated: time), round, &random)
      expectRefusedOrMeant(lease, round, &random)
      expectRefusedOrMeant(
        Tombstone(written: time, packs: [PackID(digest(1)), PackID(digest(2))]), round, &random)
    }
  }

  /// Changes `value`, sealed anew; what is read of it is written and read as the same.
  private func expectRefusedOrMeant<Value: Codable & Equatable>(
    _ value: Value, _ round: Int, _ random: inout SeededRandom
  ) {
    let body = documentBody(of: CheckedDocument.encode(value))
    do throws(DocumentDamage) {
      let found = try CheckedDocument.decode(
        Value.self, from: reseal(mutatedText(body, &random)))
      let again = try CheckedDocument.decode(Value.self, from: CheckedDocument.encode(found))
      #expect(again == found, "round \(round) \(Seed.ofThisRun)")
    } catch { #expect(!error.reason.isEmpty, "round \(round) \(Seed.ofThisRun)") }
  }

  @Test("sizes that no disk has are not sound, so that sums of them cannot overflow")
  func sizes() {
    for (size, data, isSound) in [
      (UInt64(1) << 40, UInt64(1) << 40, true), (.max, 0, false), (1 << 63, 1, false),
      (100, 101, false), (0, 0, true),
    ] {
      let disk = RecoveryPoint.Disk(
        name: "root", source: "/a", size: size, root: .zeros, dataBytes: data, newChunks: 0,
        newBytes: 0, storedBytes: 0, seconds: 0)
      let point = RecoveryPoint(
        machine: "web01", time: .now, consistency: .crash, tags: [:], disks: [disk])
      #expect(point.isSound == isSound, "\(size) \(data)")
    }
  }
}

/// A document around `body` with the digest that it should have.
func reseal(_ body: [UInt8]) -> [UInt8] {
  Array("{\n\"body\":".utf8) + body
    + Array(",\n\"sha256\":\"\(contentID(body))\"\n}\n".utf8)
}

/// What a checked document is about, without its digest.
func documentBody(of bytes: [UInt8]) -> [UInt8] { Array(bytes[9..<(bytes.count - 4 - 64 - 13)]) }

/// A mutation that mostly stays text: digits and words are exchanged too.
func mutatedText(_ body: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
  guard random.below(2) == 0 else { return mutated(body, &random) }
  var body = body
  let replacements = [
    "99999999999999999999", "-1", "1e999", "null", "[]", "\"\"", "0.5", "\\u0000",
  ]
  for _ in 0...random.below(3) {
    let place = random.below(body.count)
    let end = min(body.count, place + random.below(12))
    let text = replacements[random.below(replacements.count)]
    body.replaceSubrange(place..<end, with: Array(text.utf8))
  }
  return body
}
