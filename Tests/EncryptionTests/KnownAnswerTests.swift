import Bytes
import Hashing
import Testing

@testable import Encryption

/// Answers of the standards themselves, through the very functions that everything is sealed with.
@Suite struct KnownAnswerTests {
  /// RFC 4231, test cases 1, 2, 3, 6 and 7.
  @Test(
    "HMAC-SHA-256 answers as RFC 4231 says",
    arguments: [
      (
        String(repeating: "0b", count: 20), "4869205468657265",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
      ),
      (
        "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
      ),
      (
        String(repeating: "aa", count: 20), String(repeating: "dd", count: 50),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
      ),
      (
        String(repeating: "aa", count: 131),
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20"
          + "48617368204b6579204669727374",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
      ),
    ])
  func hmac(key: String, message: String, answer: String) {
    var authenticator = Authenticator(key: secret(key))
    let message = bytes(hexadecimal: message)!
    // Twice, since one is used again for every message.
    for _ in 0..<2 { #expect(authenticator.digest(message.span.bytes).description == answer) }
    authenticator.start()
    for byte in message {
      let piece = [byte]
      authenticator.update(piece.span.bytes)
    }
    #expect(authenticator.finish().description == answer)
  }

  /// RFC 5869, test cases 1 and 3, cut to the 32 bytes that every key has.
  @Test(
    "HKDF-SHA-256 answers as RFC 5869 says",
    arguments: [
      (
        "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
      ),
      ("", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"),
    ])
  func hkdf(salt: String, info: String, answer: String) {
    let salt = bytes(hexadecimal: salt)!
    let info = bytes(hexadecimal: info)!
    let key = deriveKey(
      from: secret(String(repeating: "0b", count: 22)), salt: salt.span.bytes,
      info: info.span.bytes)
    #expect(key.withBytes { hexadecimal($0) } == answer)
  }

  /// RFC 7914, section 12, cut to 32 bytes.
  @Test(
    "scrypt answers as RFC 7914 says",
    arguments: [
      ("", "", 4, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"),
      (
        "password", "NaCl", 10, 8, 16,
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
      ),
      (
        "pleaseletmein", "SodiumChloride", 14, 8, 1,
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
      ),
    ])
  func scrypt(passphrase: String, salt: String, logN: Int, r: Int, p: Int, answer: String) {
    let passphrase = Array(passphrase.utf8)
    let salt = Array(salt.utf8)
    let key = PassphraseCost(logN: logN, r: r, p: p)
      .key(for: Secret(copying: passphrase.span.bytes), salt: salt.span.bytes)
    #expect(key?.withBytes { hexadecimal($0) } == answer)
  }
}

func secret(_ hexadecimal: String) -> Secret {
  let bytes = bytes(hexadecimal: hexadecimal)!
  return Secret(copying: bytes.span.bytes)
}
