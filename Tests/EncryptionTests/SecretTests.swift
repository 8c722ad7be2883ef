import Bytes
import TestSupport
import Testing

@testable import Encryption

@Suite struct SecretTests {
  private func secret(_ bytes: [UInt8]) -> Secret { Secret(copying: bytes.span.bytes) }

  private func bytes(_ secret: Secret) -> [UInt8] { secret.withBytes { [UInt8]($0) } }

  @Test("a secret holds the bytes that it was made of, and is zeros before they are written")
  func holding() {
    for plain in [[], [7], [0, 255, 0], [UInt8](repeating: 3, count: 100_000)] {
      #expect(secret(plain).byteCount == plain.count)
      expectSame(bytes(secret(plain)), plain)
    }
    expectSame(bytes(Secret(byteCount: 99) { _ in }), [UInt8](repeating: 0, count: 99))
  }

  @Test("more secrets than the secure heap has room for are secrets all the same")
  func many() {
    let secrets = (0..<300).map { number in
      secret([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 4096))
    }
    for (number, secret) in secrets.enumerated() {
      let byte = UInt8(truncatingIfNeeded: number)
      let isWhole = secret.withBytes { found in
        (0..<4096).allSatisfy { found.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == byte }
      }
      #expect(isWhole, "secret \(number)")
    }
  }

  @Test("a prefix is the first bytes and leaves the whole as it is")
  func prefix() {
    let whole = secret([1, 2, 3, 4])
    for count in 0...4 {
      #expect(bytes(whole.prefix(count)) == Array([1, 2, 3, 4].prefix(count)))
    }
    #expect(bytes(whole) == [1, 2, 3, 4])
  }

  @Test(
    "a line ends at its first end of line, whichever system wrote it",
    arguments: [
      ("", ""), ("\n", ""), ("\r\n", ""), ("\r", ""), ("word", "word"), ("word\n", "word"),
      ("word\r\n", "word"), ("word\rmore", "word"), ("word\n\n", "word"), ("one\ntwo\n", "one"),
      (" a b \n", " a b "), ("é\u{85}\n", "é\u{85}"), ("a\0b\n", "a\0b"),
    ])
  func lineEnds(text: String, line: String) {
    #expect(bytes(secret(Array(text.utf8)).withoutLineEnd) == Array(line.utf8))
  }

  @Test("two secrets are equal where all of their bytes are")
  func equality() {
    let one = secret([1, 2, 3])
    #expect(one.isEqual(to: one) && one.isEqual(to: secret([1, 2, 3])))
    #expect(secret([]).isEqual(to: secret([])))
    for other in [[], [1, 2], [1, 2, 3, 4], [0, 2, 3], [1, 2, 131]] as [[UInt8]] {
      #expect(!one.isEqual(to: secret(other)) && !secret(other).isEqual(to: one))
    }
  }

  @Test("random secrets, salts and nonces are not made twice")
  func random() {
    let secrets = (0..<100).map { _ in bytes(.random(byteCount: 32)) }
    let salts = (0..<100).map { _ in randomBytes(12) }
    #expect(Set(secrets).count == 100 && Set(salts).count == 100)
    #expect(secrets.allSatisfy { $0.count == 32 } && salts.allSatisfy { $0.count == 12 })
  }

  @Test("a secret that is printed does not show its bytes")
  func printing() {
    let shown = "\(secret(Array("swordfish".utf8)))"
    #expect(!shown.contains("swordfish") && !shown.contains("115"))
    var dumped = ""
    dump(secret(Array("swordfish".utf8)), to: &dumped)
    #expect(!dumped.contains("swordfish") && !dumped.contains("115"))
  }
}
