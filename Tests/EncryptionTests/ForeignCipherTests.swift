import Bytes
import Hashing
import TestSupport
import Testing

@testable import Encryption

/// What another implementation of AES-256-GCM seals is opened here, and the other way round.
@Suite struct ForeignCipherTests {
  /// Test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation".
  @Test(
    "AES-256-GCM answers as its inventors say",
    arguments: [
      (zeroKey, zeroNonce, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
      (
        zeroKey, zeroNonce, String(repeating: "0", count: 32), "",
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
      ),
      (
        longKey, "cafebabefacedbaddecaf888", longPlain + "1aafd255", "",
        longAnswer + "898015adb094dac5d93471bdec1a502270e3cc6c"
      ),
      (
        longKey, "cafebabefacedbaddecaf888", longPlain + "",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2", longAnswer + "76fc6ece0f4e1768cddf8853bb2d551b"
      ),
    ])
  func standard(
    key: String, nonce: String, plain: String, header: String, answer: String
  ) throws {
    let cipher = ObjectCipher(root: secret(zeroKey))
    let key = try #require(bytes(hexadecimal: key))
    let nonce = try #require(bytes(hexadecimal: nonce))
    let plain = try #require(bytes(hexadecimal: plain))
    let header = try #require(bytes(hexadecimal: header))
    var object = nonce + plain + [UInt8](repeating: 0, count: ObjectCipher.tagByteCount)
    object.withUnsafeMutableBytes {
      ObjectCipher.encrypt($0, with: key, authenticating: header.span.bytes, in: cipher.context)
    }
    #expect(hexadecimal(object.span.bytes) == hexadecimal(nonce.span.bytes) + answer)
    var opened = [UInt8](repeating: 1, count: plain.count)
    let isAuthentic = opened.withUnsafeMutableBytes { target in
      object.withUnsafeBytes {
        ObjectCipher.decrypt(
          $0, into: target, with: key, authenticating: header.span.bytes, in: cipher.context)
      }
    }
    #expect(isAuthentic && opened == plain)
  }

  /// Objects that Python sealed (`cryptography` 48), with the root key 00…1f, the name
  /// "an object" and the plain bytes 3, 10, 17, …:
  ///
  ///     key = hmac.digest(root, b"an object\1", "sha256")
  ///     nonce + AESGCM(key).encrypt(nonce, plain, header)
  private static let sealed: [(byteCount: Int, header: String, object: String)] = [
    (0, "", "a0a0a0a0a0a0a0a0a0a0a0a0ab4a4f304f8e062e7ab39c62b5e3fda2"),
    (0, "header", "a1a1a1a1a1a1a1a1a1a1a1a15d64799b86d654a67830ef4ce49ed063"),
    (1, "", "a2a2a2a2a2a2a2a2a2a2a2a275bb52086ee089cd9563ec7aa52994d05d"),
    (
      15, "header",
      "a3a3a3a3a3a3a3a3a3a3a3a3ab2f676d6ac5b2dbd8545b84a5c7453340a2563272ceb8e25915a7b81fc8cc"
    ),
    (
      16, "",
      "a4a4a4a4a4a4a4a4a4a4a4a43d9f0e788f017538dddc31e48d9ae262f833372542052713a5480115547b3ea5"
    ),
    (
      17, "header",
      "a5a5a5a5a5a5a5a5a5a5a5a5473403a179be886d675173c128a6f399988d37430a9affb33851a218ca4c5b13"
        + "3a"
    ),
  ]

  @Test("what another implementation sealed opens, and is what is sealed here", arguments: sealed)
  func small(byteCount: Int, header: String, object: String) throws {
    let object = try #require(bytes(hexadecimal: object))
    var cipher = ObjectCipher(root: root)
    #expect(
      cipher.opened(object, named: name, authenticating: Array(header.utf8)) == plain(byteCount))
    #expect(resealed(plain(byteCount), nonce: object[0], header: header) == object)
  }

  /// The SHA-256 of objects of 64 KiB, made in the same way.
  @Test(
    "a large object is sealed as another implementation seals it",
    arguments: [
      ("", 0xA6, "06f00b8c7b6b8b854f66344e2b92fe19ff311548029d58e1513ff82db767780d"),
      ("header", 0xA7, "4da8250dbd9f741d6864503634fab0426743e84043b9d2006f934db4b72d2454"),
    ] as [(String, UInt8, String)])
  func large(header: String, nonce: UInt8, digest: String) throws {
    let object = resealed(plain(65_536), nonce: nonce, header: header)
    #expect(contentID(object).description == digest)
    var cipher = ObjectCipher(root: root)
    let opened = cipher.opened(object, named: name, authenticating: Array(header.utf8))
    expectSame(try #require(opened), plain(65_536))
  }

  @Test("an object is sealed under the key of its name, with the nonce that it begins with")
  func whole() {
    var cipher = ObjectCipher(root: root)
    for byteCount in [0, 1, 16, 1000] {
      let object = cipher.sealed(plain(byteCount), named: name, authenticating: Array("h".utf8))
      let nonce = Array(object.prefix(ObjectCipher.nonceByteCount))
      #expect(encrypted(plain(byteCount), nonce: nonce, header: "h") == object)
    }
  }

  private let root = secret("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
  private let name = "an object"

  private func plain(_ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
  }

  private func resealed(_ plain: [UInt8], nonce: UInt8, header: String) -> [UInt8] {
    encrypted(plain, nonce: [UInt8](repeating: nonce, count: 12), header: header)
  }

  /// What sealing gives with a nonce that is chosen, under the key that follows from the name.
  private func encrypted(_ plain: [UInt8], nonce: [UInt8], header: String) -> [UInt8] {
    var derivation = Authenticator(key: root)
    let message = Array(name.utf8) + [1]
    let key = derivation.digest(message.span.bytes).withBytes { [UInt8]($0) }
    let cipher = ObjectCipher(root: root)
    let header = Array(header.utf8)
    var object = nonce + plain + [UInt8](repeating: 0, count: ObjectCipher.tagByteCount)
    object.withUnsafeMutableBytes {
      ObjectCipher.encrypt($0, with: key, authenticating: header.span.bytes, in: cipher.context)
    }
    return object
  }
}

private let zeroKey = String(repeating: "0", count: 64)
private let zeroNonce = String(repeating: "0", count: 24)
private let longKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
private let longPlain =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
  + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
private let longAnswer =
  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
  + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
