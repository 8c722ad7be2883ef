import Bytes
import Hashing
import TestSupport
import Testing

@Suite struct DigestTests {
  /// FIPS 180-4 examples (NIST, "SHA-256 Test Data") and the empty message.
  static let vectors: [(message: [UInt8], digest: String)] = [
    ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (Array("abc".utf8), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]

  @Test("SHA-256 gives the published digests", arguments: vectors.indices)
  func known(number: Int) {
    let (message, expected) = Self.vectors[number]
    var digester = Digester()
    #expect(digester.digest(message.span.bytes).description == expected)
  }

  @Test("a digest of pieces is the digest of the whole, and one digester serves many")
  func pieces() {
    var random = Seed.ofThisRun.random
    let message = random.bytes(10_000)
    var digester = Digester()
    let whole = digester.digest(message.span.bytes)
    digester.start()
    var start = 0
    while start < message.count {
      let end = min(start + random.below(700), message.count)
      digester.update(message.span.bytes.extracting(start..<end))
      start = end
    }
    #expect(digester.finish() == whole, "\(Seed.ofThisRun)")
    digester.start()
    digester.update(message.span.bytes)
    #expect(digester.digest(message.span.bytes) == whole, "an abandoned digest leaves no trace")
  }

  @Test("a digest is ordered, written and read as its bytes are")
  func order() throws {
    var random = Seed.ofThisRun.random
    for _ in 0..<500 {
      var a = random.bytes(32)
      let b = random.below(2) == 0 ? a : random.bytes(32)
      if random.below(2) == 0 { a[random.below(32)] ^= 1 }
      let (first, second) = (Digest(a.span.bytes), Digest(b.span.bytes))
      #expect((first < second) == a.lexicographicallyPrecedes(b), "\(Seed.ofThisRun)")
      #expect((first == second) == (a == b), "\(Seed.ofThisRun)")
      #expect(first.description == hexadecimal(a.span.bytes))
      #expect(Digest(first.description) == first)
      #expect(first.withBytes { [UInt8]($0) } == a)
    }
  }

  @Test("a digest is found in the middle of a table")
  func table() {
    var random = Seed.ofThisRun.random
    let table = random.bytes(100)
    let expected = Array(table[37..<69])
    #expect(Digest(table.span.bytes, at: 37).withBytes { [UInt8]($0) } == expected)
    var writer = ByteWriter()
    writer.digest(Digest(table.span.bytes, at: 37))
    #expect(writer.bytes == expected)
  }

  @Test(
    "only 64 lower-case digits are a digest",
    arguments: [
      "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
      String(repeating: "A", count: 64), String(repeating: "g", count: 64),
      String(repeating: "é", count: 32),
    ])
  func refused(text: String) { #expect(Digest(text) == nil) }

  @Test("the name of zeros is what 64 zeros spell, for chunks and for packs")
  func zeros() {
    let zeros = String(repeating: "0", count: 64)
    #expect(ContentID.zeros.description == zeros && PackID(.zero).description == zeros)
    #expect(Digest(zeros) == .zero)
  }
}
