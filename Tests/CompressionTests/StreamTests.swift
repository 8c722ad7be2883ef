import Bytes
import TestSupport
import Testing

@testable import Compression

/// Streams of other programs.
@Suite struct StreamTests {
  private func expandLZO(_ payload: [UInt8], room: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0xEE, count: room)
    let count: Int?
    do {
      var span = bytes.mutableSpan
      var target = span.mutableBytes
      count = expandLZO1X(payload.span.bytes, into: &target)
    }
    return count.map { Array(bytes.prefix($0)) }
  }

  /// "abcd", 9 bytes from 4 back, "xyz", 4 bytes from 4 back, a long run of new bytes, the end.
  private static let stream: [UInt8] =
    [17 + 4] + Array("abcd".utf8) + [32 + 7, 3 << 2 | 3, 0] + Array("xyz".utf8)
    + [0b0110_1100, 0] + [0, 2] + [UInt8](repeating: 0x2A, count: 20) + [17, 0, 0]
  private static let expanded =
    Array("abcdabcdabcdaxyz".utf8) + Array("axyz".utf8) + [UInt8](repeating: 0x2A, count: 20)

  @Test func `an LZO stream of all instructions is expanded`() {
    #expect(expandLZO(Self.stream, room: 100) == Self.expanded)
    #expect(expandLZO(Self.stream, room: Self.expanded.count) == Self.expanded)
    #expect(expandLZO(Self.stream, room: Self.expanded.count - 1) == nil)
    for count in 0..<Self.stream.count {
      #expect(expandLZO(Array(Self.stream.prefix(count)), room: 100) == nil)
    }
  }

  @Test func `an LZO stream that is changed is expanded within bounds or refused`() {
    let seed = Seed.ofThisRun
    var random = seed.random
    for _ in 0..<20_000 {
      var stream = random.below(3) == 0 ? random.bytes(random.below(60)) : Self.stream
      for _ in 0..<random.below(4) where !stream.isEmpty {
        stream[random.below(stream.count)] = UInt8(truncatingIfNeeded: random.next())
      }
      let room = random.below(300)
      if let found = expandLZO(stream, room: room) { #expect(found.count <= room, "\(seed)") }
    }
  }

  @Test(arguments: [Codec.zlib, .zstd])
  func `a stream may be followed by something else and be shorter than its room`(codec: Codec) {
    var compressor = Compressor(CompressionSetting("\(codec):3")!)
    let plain = Array(String(repeating: "some text ", count: 500).utf8)
    var packed = [UInt8](repeating: 0, count: plain.count)
    var span = packed.mutableSpan
    var bytes = span.mutableBytes
    let count = compressor.compress(plain.span.bytes, into: &bytes)!.byteCount
    let stream = Array(packed.prefix(count)) + [UInt8](repeating: 0, count: 100)
    var decompressor = Decompressor()
    for room in [plain.count, plain.count + 1000, plain.count - 1] {
      var found = [UInt8](repeating: 0, count: room)
      var target = found.mutableSpan
      var memory = target.mutableBytes
      let made = decompressor.expand(stream.span.bytes, codec: codec, into: &memory)
      #expect(made == (room < plain.count ? nil : plain.count))
      if made != nil { #expect(Array(found.prefix(plain.count)) == plain) }
    }
  }
}
