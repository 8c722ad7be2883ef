import Bytes
import TestSupport
import Testing

@testable import Hashing

private let key = (0..<16).map { UInt8($0 * 11) }

private func multiBuffer() -> MultiBufferGMAC? {
  let libcrypto = LibcryptoGMAC(key: key)
  return MultiBufferGMAC(key: key) { libcrypto.tag($0) }
}

/// Whether this machine has the multi-buffer library: on Debian for amd64 the packages of the tests
/// bring it.
private let hasMultiBuffer = multiBuffer() != nil

@Suite struct GMACTests {
  @Test("both libraries give the same tags", .enabled(if: hasMultiBuffer))
  func sameTags() throws {
    let fast = try #require(multiBuffer())
    let libcrypto = LibcryptoGMAC(key: key)
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(300_000)
    let raw = bytes.span.bytes
    for _ in 0..<500 {
      let start = random.below(bytes.count)
      let limit = random.below(8) == 0 ? bytes.count - start : min(5000, bytes.count - start)
      let message = raw.extracting(start..<start + 1 + random.below(limit))
      let place = "\(start), \(message.byteCount) bytes, \(Seed.ofThisRun)"
      #expect(fast.tag(message) == libcrypto.tag(message), "\(place)")
    }
  }

  @Test("a library that does not agree with the other on every message is not used")
  func disagreement() {
    let libcrypto = LibcryptoGMAC(key: key)
    var count = 0
    let fast = MultiBufferGMAC(key: key) { message in
      count += 1
      return message.byteCount == 65_536 ? Fingerprint(words: (1, 2)) : libcrypto.tag(message)
    }
    #expect(fast == nil)
    #expect((count > 0) == hasMultiBuffer)
  }
}
