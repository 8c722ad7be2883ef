import Bytes
import TestSupport
import Testing

@testable import Hashing

@Suite struct FingerprinterTests {
  /// What Python's `cryptography` gives for `AESGCM(key).encrypt(bytes(12), b"", data)`, where the
  /// key is the bytes from 0 to 15.
  @Test func `a fingerprint is the GMAC of the bytes`() {
    let known: [(data: [UInt8], tag: String)] = [
      (Array("a".utf8), "597798abe8482bf6cbc4e4e6088cfd96"),
      (repeated(Array("abc".utf8), 300), "4bd56b9ccef7b00f33af40c54138348a"),
      ([UInt8](repeating: 0, count: 4096), "93cf8f88862b40bf724c3a6c3e764245"),
      ((0..<65536).map { UInt8($0 * 7 & 255) }, "b6262fb2c333d8f498ff08030a635035"),
    ]
    let key = (0..<16).map { UInt8($0) }
    let twice = known + known
    #expect(fingerprints(of: twice.map(\.data), key: key) == twice.map(\.tag))
  }

  @Test func `keys are random, and another key gives another fingerprint`() {
    let (a, b) = (Fingerprinter.randomKey(), Fingerprinter.randomKey())
    #expect(a != b && a.count == Fingerprinter.keyByteCount)
    #expect(fingerprints(of: [[1, 2, 3]], key: a) != fingerprints(of: [[1, 2, 3]], key: b))
  }

  private func fingerprints(of data: [[UInt8]], key: [UInt8]) -> [String] {
    var fingerprinter = Fingerprinter(key: key)
    return data.map { data in
      let words = fingerprinter.fingerprint(data.span.bytes).words
      var writer = ByteWriter()
      writer.integer(words.0)
      writer.integer(words.1)
      let bytes = writer.bytes
      return hexadecimal(bytes.span.bytes)
    }
  }
}
