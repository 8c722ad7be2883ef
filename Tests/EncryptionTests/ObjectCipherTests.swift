import Bytes
import TestSupport
import Testing

@testable import Encryption

/// What is sealed opens as it was, or not at all.
@Suite struct ObjectCipherTests {
  private let root = Secret.random(byteCount: 32)
  private let plain = Array("a small object".utf8)
  private let header = Array("its header".utf8)
  private let name = Array("its name".utf8)

  private func seal(_ plain: [UInt8], _ root: Secret? = nil) -> [UInt8] {
    var cipher = ObjectCipher(root: root ?? self.root)
    let room = [UInt8](repeating: 0, count: 16)
    var object = [UInt8](repeating: 0, count: 12) + plain + room
    var span = object.mutableSpan
    var bytes = span.mutableBytes
    cipher.seal(&bytes, named: name.span.bytes, authenticating: header.span.bytes)
    return object
  }

  /// Opens into a target that is full of something else; nil where it does not open.
  private func open(
    _ object: [UInt8], named name: [UInt8]? = nil, header: [UInt8]? = nil,
    byteCount: Int? = nil, _ cipher: inout ObjectCipher
  ) -> [UInt8]? {
    let name = name ?? self.name
    let header = header ?? self.header
    let byteCount = byteCount ?? max(0, object.count - 28)
    var target = [UInt8](repeating: 0xEE, count: byteCount)
    var span = target.mutableSpan
    var bytes = span.mutableBytes
    let isAuthentic = cipher.open(
      object.span.bytes, into: &bytes, named: name.span.bytes,
      authenticating: header.span.bytes)
    if isAuthentic { return target }
    #expect(areEqual(target, [UInt8](repeating: 0, count: byteCount)), "zeros where it is refused")
    return nil
  }

  @Test("what is sealed opens to what it was, of any length", arguments: [0, 1, 28, 4096, 262_144])
  func roundTrip(byteCount: Int) throws {
    var random = Seed.ofThisRun.random
    let plain = random.bytes(byteCount)
    let object = seal(plain)
    #expect(object.count == plain.count + 28 && ObjectCipher.overhead == 28)
    var cipher = ObjectCipher(root: root)
    for _ in 0..<2 { expectSame(try #require(open(object, &cipher)), plain) }
  }

  @Test("the same bytes sealed twice are other bytes, and neither shows what is in it")
  func nonces() {
    let objects = (0..<50).map { _ in seal(plain) }
    #expect(Set(objects).count == 50)
    #expect(Set(objects.map { $0.prefix(12) }).count == 50)
    #expect(objects.allSatisfy { $0[12..<12 + plain.count] != plain[...] })
  }

  @Test("a flipped bit in nonce, ciphertext or tag, in header or name, is noticed")
  func flipped() {
    let object = seal(plain)
    var cipher = ObjectCipher(root: root)
    for bit in 0..<object.count * 8 {
      #expect(open(flipped(object, bit), &cipher) == nil, "bit \(bit)")
    }
    for bit in 0..<header.count * 8 {
      #expect(open(object, header: flipped(header, bit), &cipher) == nil, "bit \(bit)")
    }
    for bit in 0..<name.count * 8 {
      #expect(open(object, named: flipped(name, bit), &cipher) == nil, "bit \(bit)")
    }
    #expect(open(object, &cipher) == plain, "one that failed does not spoil the next")
  }

  @Test("headers and names that are longer, shorter or exchanged are noticed")
  func exchanged() {
    let object = seal(plain)
    var cipher = ObjectCipher(root: root)
    for other in [[], Array(header.dropLast()), header + [0], name] {
      #expect(open(object, header: other, &cipher) == nil)
    }
    for other in [[], Array(name.dropLast()), name + [0], name + [1], header] {
      #expect(open(object, named: other, &cipher) == nil)
    }
    #expect(open(object, named: header, header: name, &cipher) == nil)
  }

  @Test("what is cut off, made longer or not as long as its target does not open")
  func lengths() {
    let object = seal(plain)
    var cipher = ObjectCipher(root: root)
    for count in object.indices {
      #expect(open(Array(object.prefix(count)), &cipher) == nil, "\(count) bytes")
      #expect(open(Array(object.suffix(count)), &cipher) == nil, "\(count) bytes")
    }
    for more in [1, 16, 100] {
      #expect(open(object + [UInt8](repeating: 0, count: more), &cipher) == nil)
    }
    for byteCount in [0, plain.count - 1, plain.count + 1, object.count] {
      #expect(open(object, byteCount: byteCount, &cipher) == nil)
    }
    for object in [[], [1], [UInt8](repeating: 0, count: 28)] {
      #expect(open(object, byteCount: 0, &cipher) == nil)
    }
  }

  @Test("nonce, ciphertext and tag of two objects do not go together, nor do those of two keys")
  func swapped() {
    let (one, other) = (seal(plain), seal(Array(plain.reversed())))
    var cipher = ObjectCipher(root: root)
    for range in [0..<12, 12..<12 + plain.count, 12 + plain.count..<one.count] {
      var mixed = one
      mixed.replaceSubrange(range, with: other[range])
      #expect(open(mixed, &cipher) == nil, "\(range)")
    }
    #expect(open(seal(plain, .random(byteCount: 32)), &cipher) == nil)
    #expect(open(one, &cipher) == plain && open(other, &cipher) == plain.reversed())
  }

  @Test("small objects and secrets go the same way")
  func small() {
    var cipher = ObjectCipher(root: root)
    for plain in [[], plain] {
      let secret = Secret(copying: plain.span.bytes)
      let object = cipher.sealed(secret, named: "a", authenticating: [1])
      #expect(cipher.opened(object, named: "a", authenticating: [1]) == plain)
      let opened = cipher.openedSecret(object, named: "a", authenticating: [1])
      #expect(opened?.isEqual(to: secret) == true)
      for (name, header) in [("b", [1]), ("a", []), ("a", [2])] as [(String, [UInt8])] {
        #expect(cipher.opened(object, named: name, authenticating: header) == nil)
        #expect(cipher.openedSecret(object, named: name, authenticating: header) == nil)
      }
      for count in 0..<object.count {
        let short = Array(object.prefix(count))
        #expect(cipher.opened(short, named: "a", authenticating: [1]) == nil)
        #expect(cipher.openedSecret(short, named: "a", authenticating: [1]) == nil)
      }
    }
  }

  @Test("no bytes but those that were sealed open, whatever they are")
  func fuzz() {
    var random = Seed.ofThisRun.random
    var cipher = ObjectCipher(root: root)
    let object = seal(plain)
    for round in 0..<3000 {
      let other = random.below(4) == 0 ? random.bytes(random.below(80)) : mutated(object, &random)
      if other == object { continue }
      #expect(open(other, &cipher) == nil, "round \(round) \(Seed.ofThisRun)")
    }
  }

  private func flipped(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
    var bytes = bytes
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    return bytes
  }
}
