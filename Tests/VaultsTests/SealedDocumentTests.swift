import Encryption
import FoundationEssentials
import Hashing
import Stores
import TestSupport
import Testing
import Tiers

@testable import Vaults

/// Points and machines of an encrypted vault: read with its key as they were written, or not.
@Suite struct SealedDocumentTests {
  private let coder = DocumentCoder(.encrypted(fixtureKeys))
  private let machine = Machine(name: "web01", disks: [.init(name: "root", source: "/a.img")])
  private let path = ObjectPath.machine("0e1c7f9cec701c3cf6038746e154e8d9")
  private let other = ObjectPath.machine("6c1fa8f7f77506c08b11808fafa501b5")
  private let time = Timestamp(secondsSince1970: 1_795_359_845)

  private func document(updated: Bool = true) throws -> [UInt8] {
    try coder.encode(machine, at: path, updated: updated ? time : nil)
  }

  private func expectDamage(
    _ text: String, _ bytes: [UInt8], at path: ObjectPath? = nil, _ coder: DocumentCoder? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let coder = coder ?? self.coder
    do throws(DocumentDamage) {
      _ = try coder.decode(Machine.self, from: bytes, at: path ?? self.path)
      Issue.record("it was read, not \"\(text)\"", sourceLocation: sourceLocation)
    } catch { #expect(error.reason.contains(text), sourceLocation: sourceLocation) }
  }

  /// The document with another body, and the digest that it should have.
  private func altered(
    _ document: [UInt8], _ change: (inout [String: String]) -> Void
  ) throws -> [UInt8] {
    var body = try CheckedDocument.decode([String: String].self, from: document)
    change(&body)
    return CheckedDocument.encode(body)
  }

  @Test("a document is read as it was written, says nothing of it, and is never written alike")
  func roundTrip() throws {
    for updated in [false, true] {
      let documents = try (0..<2).map { _ in try document(updated: updated) }
      #expect(documents[0] != documents[1])
      for bytes in documents {
        #expect(try coder.decode(Machine.self, from: bytes, at: path) == machine)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.contains("web01") && !text.contains("a.img") && !text.contains("disks"))
        #expect(text.contains(path.description) && text.contains(time.description) == updated)
      }
    }
  }

  @Test("a flipped bit anywhere in a document is noticed, with the key and without")
  func flipped() throws {
    let bytes = try document()
    let locked = DocumentCoder(.locked)
    for bit in 0..<bytes.count * 8 where bit % 3 == 0 || bit < 160 * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(coder.damage(in: changed, at: path) != nil, "bit \(bit)")
      #expect(locked.damage(in: changed, at: path) != nil, "bit \(bit)")
    }
    for count in bytes.indices {
      #expect(coder.damage(in: Array(bytes.prefix(count)), at: path) != nil, "\(count) bytes")
    }
  }

  @Test("sealed bytes that were altered or cut off do not open, though the digest is right")
  func resealed() throws {
    let bytes = try document()
    let body = try CheckedDocument.decode([String: String].self, from: bytes)
    let sealed = [UInt8](try #require(body["sealed"].flatMap { Data(base64Encoded: $0) }))
    for bit in 0..<sealed.count * 8 where bit % 5 == 0 {
      var changed = sealed
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      let forged = try altered(bytes) { $0["sealed"] = Data(changed).base64EncodedString() }
      expectDamage("it was altered, or sealed with another key", forged)
    }
    for count in sealed.indices {
      let cut = Data(sealed.prefix(count)).base64EncodedString()
      expectDamage("it was altered", try altered(bytes) { $0["sealed"] = cut })
    }
  }

  @Test("what is readable without the key cannot be altered without it")
  func openFields() throws {
    let (dated, undated) = (try document(), try document(updated: false))
    let cases: [(String, [UInt8])] = [
      ("it was altered", try altered(dated) { $0["updated"] = "2030-01-01T00:00:00Z" }),
      ("it was altered", try altered(dated) { $0["updated"] = nil }),
      ("it was altered", try altered(undated) { $0["updated"] = "2030-01-01T00:00:00Z" }),
      ("does not read", try altered(dated) { $0["updated"] = "" }),
      ("does not read", try altered(dated) { $0["path"] = nil }),
      ("does not read", try altered(dated) { $0["sealed"] = nil }),
      ("does not read", try altered(dated) { $0["sealed"] = "?" }),
      ("put under another name", try altered(dated) { $0["path"] = other.description }),
      ("put under another name", try altered(dated) { $0["path"] = "" }),
      ("does not read", CheckedDocument.encode(machine)),
    ]
    for (text, forged) in cases {
      expectDamage(text, forged)
      #expect(DocumentCoder(.locked).damage(in: forged, at: path) == nil, "no key tells \(text)")
    }
  }

  @Test("a document that is put under another name says so, and does not open there")
  func misplaced() throws {
    let bytes = try document()
    expectDamage("it is \(path), put under another name", bytes, at: other)
    let renamed = try altered(bytes) { $0["path"] = other.description }
    expectDamage("it was altered, or sealed with another key", renamed, at: other)
  }

  @Test("a document opens with the key of its own vault alone")
  func otherKeys() throws {
    let bytes = try document()
    let foreign = VaultKeys(master: fixtureMaster, vault: "another")
    expectDamage("sealed with another key", bytes, DocumentCoder(.encrypted(foreign)))
    expectDamage("this needs its key", bytes, DocumentCoder(.locked))
    expectDamage("does not read", bytes, DocumentCoder(.none))
    #expect(throws: LockedError.self) { try DocumentCoder(.locked).encode(machine, at: path) }
    for protection in [ContentProtection.none, .locked, .encrypted(fixtureKeys)] {
      #expect(DocumentCoder(protection).damage(in: bytes, at: path) == nil)
    }
  }

  @Test("hostile documents of the trash and of locks are refused, or tell what was written")
  func decisionsFuzz() throws {
    var random = Seed.ofThisRun.random
    let point = ObjectPath.point(machine: "0e1c7f9cec701c3cf6038746e154e8d9", name: "p")
    let removal = Removal(
      removed: time, until: Timestamp(secondsSince1970: time.secondsSince1970 + 86_400),
      isExpiry: true, updated: time
    ).holding(random.bytes(400)).ended(as: .restored, updated: time)
    let lock = PointLock(until: time, updated: time)
    let (trash, locks) = (ObjectPath.removal(of: point), ObjectPath.lock(of: point))
    let removed = try coder.encode(removal, at: trash, updated: removal.updated)
    let locked = try coder.encode(lock, at: locks, updated: lock.updated)
    // What lies in the trash is no lock, whoever moves it, and the other way round.
    #expect(coder.damage(in: removed, at: locks) != nil)
    #expect(coder.damage(in: locked, at: trash) != nil)
    for round in 0..<1500 {
      let isWhole = random.below(3) == 0
      func hostile(_ bytes: [UInt8]) -> [UInt8] {
        isWhole ? mutated(bytes, &random) : reseal(mutatedText(documentBody(of: bytes), &random))
      }
      if let found = try? coder.decode(Removal.self, from: hostile(removed), at: trash) {
        #expect(found == removal, "round \(round) \(Seed.ofThisRun)")
      }
      if let found = try? coder.decode(PointLock.self, from: hostile(locked), at: locks) {
        #expect(found == lock, "round \(round) \(Seed.ofThisRun)")
      }
    }
  }

  @Test("hostile documents, with the right digest or not, are refused or what was written")
  func fuzz() throws {
    var random = Seed.ofThisRun.random
    let bytes = try document()
    for round in 0..<1500 {
      let forged =
        random.below(3) == 0
        ? mutated(bytes, &random) : reseal(mutatedText(documentBody(of: bytes), &random))
      guard let found = try? coder.decode(Machine.self, from: forged, at: path) else { continue }
      #expect(found == machine, "round \(round) \(Seed.ofThisRun)")
    }
  }
}
