import Bytes
import Hashing
import TestSupport
import Testing

/// Whether this machine has lanes: on Debian for amd64 the packages of the tests bring them.
private let hasLanes = openLanes() != nil

private func openLanes() -> DigestLanes? { DigestLanes(key: nil, agreeingWith: sha256) }

private func sha256(_ message: RawSpan) -> Digest {
  var digester = Digester()
  return digester.digest(message)
}

@Suite struct DigestLanesTests {
  @Test("lanes and libcrypto give the same digests, whatever the messages", .enabled(if: hasLanes))
  func sameDigests() throws {
    let lanes = try #require(openLanes())
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(1 << 20)
    let raw = bytes.span.bytes
    for _ in 0..<40 {
      let messages = (0..<1 + random.below(60)).map { _ in
        let start = random.below(bytes.count)
        let limit = random.below(4) == 0 ? bytes.count - start : min(300, bytes.count - start)
        return start..<start + 1 + random.below(limit)
      }
      let found = lanes.digests(of: messages, in: raw) ?? []
      #expect(found.count == messages.count)
      for (message, digest) in zip(messages, found) {
        #expect(digest == sha256(raw.extracting(message)), "\(message) \(Seed.ofThisRun)")
      }
    }
  }

  @Test("the published digests come out of every lane", .enabled(if: hasLanes))
  func known() throws {
    let lanes = try #require(openLanes())
    for (message, expected) in DigestTests.vectors where !message.isEmpty {
      let whole = [Range<Int>](repeating: message.indices, count: 33)
      let found = lanes.digests(of: whole, in: message.span.bytes) ?? []
      #expect(found.count == whole.count)
      #expect(found.allSatisfy { $0.description == expected })
    }
  }

  @Test("lanes that do not agree with the reference on every message are not used")
  func disagreement() {
    var count = 0
    let lanes = DigestLanes(key: nil) { message in
      count += 1
      return message.byteCount == 131_072 ? .zero : sha256(message)
    }
    #expect(lanes == nil)
    #expect((count > 0) == hasLanes)
  }

  @Test("messages longer than lanes take are refused, and none of the digests is given")
  func tooLong() {
    guard let lanes = openLanes() else { return }
    let bytes = [UInt8](repeating: 7, count: (1 << 20) + 1)
    let raw = bytes.span.bytes
    #expect(lanes.digests(of: [0..<10, bytes.indices], in: raw) == nil)
    let after = lanes.digests(of: [0..<10, 5..<9], in: raw)
    #expect(after == [sha256(raw.extracting(0..<10)), sha256(raw.extracting(5..<9))])
  }

  @Test("lanes are for many messages of about one length, not for few or one that is long")
  func worth() {
    let even = (0..<16).map { $0 * 100..<($0 + 1) * 100 }
    #expect(DigestLanes.areWorthIt(for: even))
    #expect(!DigestLanes.areWorthIt(for: Array(even.prefix(5))))
    #expect(!DigestLanes.areWorthIt(for: even + [0..<1000]))
    #expect(!DigestLanes.areWorthIt(for: []))
    let long = (1 << 20) + 1
    #expect(!DigestLanes.areWorthIt(for: (0..<16).map { $0 * long..<($0 + 1) * long }))
  }
}
