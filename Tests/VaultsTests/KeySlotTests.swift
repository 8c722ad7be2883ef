import Bytes
import Encryption
import FoundationEssentials
import TestSupport
import Testing

@testable import Vaults

@Suite struct KeySlotTests {
  private let time = Timestamp(secondsSince1970: 1_795_359_845)

  private func slot(_ credential: Credential, label: String? = "desk") throws -> KeySlot {
    try KeySlot(
      master: fixtureMaster, under: credential, label: label, vault: fixtureVault, created: time)
  }

  private func opens(_ slot: KeySlot, _ credential: Credential) throws -> Bool {
    let master = try slot.unwrap(credential, vault: fixtureVault)
    return master?.isEqual(to: fixtureMaster) == true
  }

  @Test("a key file opens its slot, and no other key file and no passphrase does")
  func keyFiles() throws {
    let slot = try slot(keyFile(1))
    #expect(try opens(slot, keyFile(1)))
    for other in [keyFile(2), .passphrase(countingSecret(from: 1)), .master(fixtureMaster)] {
      #expect(try slot.unwrap(other, vault: fixtureVault) == nil)
    }
    #expect(slot.cost == nil && slot.kind == .keyFile && slot.created == time)
    #expect(try slot.unwrap(keyFile(1), vault: "another") == nil, "of this vault alone")
  }

  @Test("a passphrase opens its slot, and no other one and no key file does")
  func passphrases() throws {
    let slot = try slot(passphrase("correct horse"))
    #expect(try opens(slot, passphrase("correct horse")))
    #expect(try !opens(slot, passphrase("correct horsf")))
    let bytes = Array("correct horse".utf8)
    let key = Credential.keyFile(Secret(copying: bytes.span.bytes))
    #expect(try slot.unwrap(key, vault: fixtureVault) == nil)
    #expect(slot.cost == .standard && slot.kind == .passphrase)
  }

  @Test("two slots of one key have nothing in common but what a person wrote")
  func random() throws {
    let (one, other) = (try slot(keyFile(1)), try slot(keyFile(1)))
    #expect(one.id != other.id && one.salt != other.salt && one.wrapped != other.wrapped)
    #expect(one.id.count == 8 && one.salt.count == 64 && one.wrapped.count == 120)
  }

  @Test("a slot that is written and read is the same, with its label or without one")
  func coding() throws {
    for label in [nil, "", "desk", "é \"quoted\" / \u{1F511}\n"] {
      let slot = try slot(keyFile(1), label: label)
      let json = CheckedDocument.json(slot)
      let found = try JSONDecoder().decode(KeySlot.self, from: Data(json))
      #expect(found == slot)
      #expect(try opens(found, keyFile(1)))
    }
  }

  @Test("a slot of which anything was altered does not open", arguments: 0..<10)
  func altered(field: Int) throws {
    let good = try slot(keyFile(1))
    var slot = good
    switch field {
    case 0: slot.id = "00000000"
    case 1: slot.kind = .passphrase
    case 2: slot.label = "desk 2"
    case 3: slot.label = nil
    case 4: slot.created = Timestamp(secondsSince1970: time.secondsSince1970 + 1)
    case 5: slot.cost = .standard
    case 6: slot.salt = hexadecimal(randomBytes(32).span.bytes)
    case 7: slot.salt = ""
    case 8: slot.salt = "no digits"
    default: slot.wrapped = try self.slot(keyFile(1)).wrapped
    }
    if field == 1 {
      #expect(throws: KeyError.unacceptableCost(slot: good.id)) {
        _ = try slot.unwrap(keyFile(1), vault: fixtureVault)
      }
      slot.cost = .standard
    }
    #expect(try slot.unwrap(keyFile(1), vault: fixtureVault) == nil)
    #expect(try opens(good, keyFile(1)))
  }

  @Test("a wrapped key with a flipped bit, cut off or made longer does not open")
  func wrapped() throws {
    let good = try slot(keyFile(1))
    let object = try #require(bytes(hexadecimal: good.wrapped))
    var slot = good
    for bit in 0..<object.count * 8 {
      var changed = object
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      slot.wrapped = hexadecimal(changed.span.bytes)
      #expect(try slot.unwrap(keyFile(1), vault: fixtureVault) == nil, "bit \(bit)")
    }
    for count in 0..<good.wrapped.count {
      slot.wrapped = String(good.wrapped.prefix(count))
      #expect(try slot.unwrap(keyFile(1), vault: fixtureVault) == nil, "\(count) digits")
    }
    for text in [good.wrapped + "00", good.wrapped.uppercased(), " " + good.wrapped] {
      slot.wrapped = text
      #expect(try slot.unwrap(keyFile(1), vault: fixtureVault) == nil, "\(text)")
    }
  }

  @Test("a key that is not as long as a master key is none")
  func length() throws {
    for count in [0, 31, 33] {
      let short = Secret.random(byteCount: count)
      let slot = try KeySlot(
        master: short, under: keyFile(1), label: nil, vault: fixtureVault, created: time)
      #expect(try slot.unwrap(keyFile(1), vault: fixtureVault) == nil)
    }
  }

  @Test(
    "a passphrase slot that asks for too little or too much work is refused before it is done",
    arguments: [
      nil, PassphraseCost(logN: 14, r: 8, p: 1), PassphraseCost(logN: 0, r: 0, p: 0),
      PassphraseCost(logN: 23, r: 32, p: 4), PassphraseCost(logN: 62, r: .max, p: 1),
      PassphraseCost(logN: -1, r: 8, p: 1), PassphraseCost(logN: 16, r: 8, p: .max),
    ])
  func hostileCost(cost: PassphraseCost?) throws {
    var slot = try slot(keyFile(1))
    slot.kind = .passphrase
    slot.cost = cost
    #expect(throws: KeyError.unacceptableCost(slot: slot.id)) {
      _ = try slot.unwrap(passphrase("word"), vault: fixtureVault)
    }
  }

  @Test("hostile slots are refused or open to the key that was wrapped")
  func fuzz() throws {
    var random = Seed.ofThisRun.random
    let json = CheckedDocument.json(try slot(keyFile(1)))
    var readable = 0
    for round in 0..<2000 {
      let text = Data(mutatedText(json, &random))
      guard let slot = try? JSONDecoder().decode(KeySlot.self, from: text) else { continue }
      readable += 1
      // Work that is asked for and accepted would be done, and takes its time.
      if slot.kind == .passphrase, slot.cost?.isAcceptable == true { continue }
      guard let master = try? slot.unwrap(keyFile(1), vault: fixtureVault) else { continue }
      #expect(master.isEqual(to: fixtureMaster), "round \(round) \(Seed.ofThisRun)")
    }
    #expect(readable > 20, "\(Seed.ofThisRun)")
  }
}

/// A key file of 32 bytes that count up.
func keyFile(_ first: UInt8) -> Credential { .keyFile(countingSecret(from: first)) }

func passphrase(_ text: String) -> Credential {
  let bytes = Array(text.utf8)
  return .passphrase(Secret(copying: bytes.span.bytes))
}
