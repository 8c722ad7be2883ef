import Bytes
import TestSupport
import Testing

@testable import Compression

@Suite struct CompressionTests {
  static let settings = ["none"] + (1...9).map { "zlib:\($0)" } + (1...19).map { "zstd:\($0)" }

  @Test("every setting gives back what it was given", arguments: settings)
  func roundTrip(text: String) throws {
    let setting = try #require(CompressionSetting(text))
    #expect(setting.description == text)
    var compressor = Compressor(setting)
    var decompressor = Decompressor()
    for (name, plain) in samples() {
      var packed = [UInt8](repeating: 0, count: plain.count)
      let outcome = compress(plain, &packed, &compressor)
      guard let outcome else { continue }
      #expect(outcome.byteCount < plain.count && outcome.codec == setting.codec, "\(name)")
      let payload = Array(packed.prefix(outcome.byteCount))
      let found = try expand(payload, outcome.codec, plain.count, &decompressor)
      expectSame(found, plain, "\(name) \(Seed.ofThisRun)")
    }
  }

  @Test("what is compressible gets smaller, what is random is left as it is", arguments: settings)
  func incompressible(text: String) throws {
    let setting = try #require(CompressionSetting(text))
    var compressor = Compressor(setting)
    for (name, plain) in samples() {
      var packed = [UInt8](repeating: 0, count: plain.count)
      let isSmaller = compress(plain, &packed, &compressor) != nil
      let canBe = text != "none" && name != "random" && name != "one byte"
      #expect(isSmaller == canBe, "\(name) \(Seed.ofThisRun)")
    }
  }

  @Test(
    "only settings that exist are read",
    arguments: [
      "", "zstd:0", "zstd:20", "zlib:0", "zlib:10", "zlib:-1", "lz4", "zstd:", ":1", "none:1",
      "ZSTD:1", "zstd:1:1", "zstd: 1", "zstd:99999999999", "stored",
    ])
  func refused(text: String) { #expect(CompressionSetting(text) == nil) }

  @Test("a setting without a level has level 1")
  func defaults() {
    #expect(CompressionSetting("zstd") == .standard)
    #expect(CompressionSetting("zlib")?.description == "zlib:1")
    #expect(CompressionSetting("none") == CompressionSetting.none)
  }

  @Test("a payload that expands to another length is refused", arguments: ["zlib:6", "zstd:1"])
  func wrongLength(text: String) throws {
    let setting = try #require(CompressionSetting(text))
    var compressor = Compressor(setting)
    var decompressor = Decompressor()
    let plain = repeated([1, 2, 3], 10_000)
    var packed = [UInt8](repeating: 0, count: plain.count)
    let outcome = try #require(compress(plain, &packed, &compressor))
    let payload = Array(packed.prefix(outcome.byteCount))
    for length in [0, 1, 9_999, 10_001, 20_000] {
      do {
        _ = try expand(payload, setting.codec, length, &decompressor)
        Issue.record("expanded to \(length) bytes")
      } catch { #expect(error.expected == length) }
    }
    #expect(try expand(payload, setting.codec, 10_000, &decompressor) == plain)
  }

  @Test("whatever the payload says, nothing is written past the target", arguments: [0, 1, 2])
  func hostile(codecNumber: UInt8) throws {
    let codec = try #require(Codec(rawValue: codecNumber))
    var random = Seed.ofThisRun.random
    var compressor = Compressor(
      try #require(CompressionSetting(codecNumber == 1 ? "zlib" : "zstd")))
    var decompressor = Decompressor()
    let plain = repeated(random.bytes(37), 60_000)
    var packed = [UInt8](repeating: 0, count: plain.count)
    let count = compress(plain, &packed, &compressor)!.byteCount
    let margin = 4096
    var memory = AlignedBuffer(capacity: plain.count + 2 * margin)
    let guardBytes = [UInt8](repeating: 0xA5, count: memory.capacity)
    for round in 0..<1500 {
      var payload = Array(packed.prefix(count))
      for _ in 0..<random.below(4) { payload[random.below(count)] = UInt8(random.below(256)) }
      if random.below(4) == 0 { payload.removeLast(random.below(count)) }
      let wanted = random.below(3) == 0 ? plain.count : random.below(plain.count)
      var all = memory.mutableBytes
      guardBytes.span.bytes.copy(into: &all)
      var target = memory.mutableBytes(margin..<margin + wanted)
      do { try decompressor.decompress(payload.span.bytes, codec: codec, into: &target) } catch {}
      let before = [UInt8](memory.bytes.extracting(0..<margin))
      let after = [UInt8](memory.bytes.extracting(margin + wanted..<memory.capacity))
      let isUntouched =
        areEqual(before, Array(guardBytes.prefix(margin)))
        && areEqual(after, Array(guardBytes.prefix(after.count)))
      #expect(isUntouched, "round \(round) \(Seed.ofThisRun)")
    }
  }

  @Test("random bytes look random, and structured ones do not")
  func randomness() {
    var random = SeededRandom(seed: 4)
    func isRandom(_ bytes: [UInt8]) -> Bool { looksRandom(bytes.span.bytes) }
    #expect(isRandom(random.bytes(65_536)))
    #expect(!isRandom(random.bytes(4095)), "too few to tell")
    #expect(!isRandom([UInt8](repeating: 0, count: 65_536)))
    #expect(!isRandom(repeated(Array("a recovery point is what a user restores. ".utf8), 65_536)))
  }

  private func samples() -> [(String, [UInt8])] {
    var random = Seed.ofThisRun.random
    let text = repeated(Array("the vault keeps what the machine had; ".utf8), 65_536)
    return [
      ("one byte", [7]), ("text", text), ("short", repeated([1], 300)),
      ("random", random.bytes(65_536)), ("repeated", repeated(random.bytes(1000), 262_144)),
    ]
  }

  private func compress(
    _ plain: [UInt8], _ packed: inout [UInt8], _ compressor: inout Compressor
  ) -> (codec: Codec, byteCount: Int)? {
    var span = packed.mutableSpan
    var raw = span.mutableBytes
    return compressor.compress(plain.span.bytes, into: &raw)
  }

  private func expand(
    _ payload: [UInt8], _ codec: Codec, _ count: Int, _ decompressor: inout Decompressor
  ) throws(DecompressionError) -> [UInt8] {
    var plain = [UInt8](repeating: 0, count: count)
    var span = plain.mutableSpan
    var raw = span.mutableBytes
    try decompressor.decompress(payload.span.bytes, codec: codec, into: &raw)
    return plain
  }
}
