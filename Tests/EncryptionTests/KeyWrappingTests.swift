import Bytes
import TestSupport
import Testing

@testable import Encryption

@Suite struct KeyWrappingTests {
  private struct Case: Sendable {
    let method: KeyWrapping
    let key: String
    let wrapped: String
    let plain: String
  }

  /// RFC 3394, section 4.1 and 4.6; RFC 5649, section 6.
  private static let cases = [
    Case(
      method: .aesKW, key: "000102030405060708090a0b0c0d0e0f",
      wrapped: "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
      plain: "00112233445566778899aabbccddeeff"),
    Case(
      method: .aesKW, key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      wrapped: "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
      plain: "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"),
    Case(
      method: .aesKWP, key: "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
      wrapped: "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
      plain: "c37b7e6492584340bed12207808941155068f738"),
    Case(
      method: .aesKWP, key: "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
      wrapped: "afbeb0f07dfbf5419200f2ccb50bb24f", plain: "466f7250617369"),
  ]

  private func secret(_ text: String) -> Secret {
    let known = bytes(hexadecimal: text)!
    return Secret(copying: known.span.bytes)
  }

  @Test("the examples of the standards are unwrapped")
  func knownAnswers() {
    for known in Self.cases {
      let opened = known.method.unwrapped(secret(known.wrapped), by: secret(known.key))
      #expect(opened?.withBytes { hexadecimal($0) } == known.plain, "\(known)")
    }
  }

  @Test("what is altered, cut off, or wrapped by another key or in another way is not unwrapped")
  func refused() {
    var random = Seed.ofThisRun.random
    for known in Self.cases {
      let wrapped = bytes(hexadecimal: known.wrapped)!
      let key = secret(known.key)
      for bit in 0..<wrapped.count * 8 {
        var bad = wrapped
        bad[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(known.method.unwrapped(Secret(copying: bad.span.bytes), by: key) == nil)
      }
      for count in 0..<wrapped.count {
        let short = Array(wrapped.prefix(count))
        #expect(known.method.unwrapped(Secret(copying: short.span.bytes), by: key) == nil)
      }
      for method in KeyWrapping.allCases where method != known.method {
        #expect(method.unwrapped(secret(known.wrapped), by: key) == nil)
      }
      for count in [0, 1, 15, 16, 24, 32, 33, 500] {
        let other = random.bytes(count)
        let byOther = Secret(copying: other.span.bytes)
        #expect(known.method.unwrapped(secret(known.wrapped), by: byOther) == nil)
      }
    }
  }
}
