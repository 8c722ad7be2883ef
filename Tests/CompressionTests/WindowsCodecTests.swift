import Bytes
import TestSupport
import Testing

@testable import Compression

/// What Windows compresses files with, judged by the examples of its maker and by wimlib.
@Suite struct WindowsCodecTests {
  /// What a chunk expands to; nil where it is refused.
  private func expand(_ codec: WindowsCodec, _ chunk: [UInt8], _ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    do throws(DecompressionError) {
      var span = bytes.mutableSpan
      var target = span.mutableBytes
      try codec.expand(chunk.span.bytes, into: &target)
    } catch {
      #expect(error.expected == count)
      return nil
    }
    return bytes
  }

  // MARK: Examples of MS-XCA, section 3

  @Test func `LZNT1: Microsoft's example is expanded, and the rest of the unit is zeros`() throws {
    let unit = try #require(
      bytes(
        hexadecimal: "38b08846232000204720410010a24701a04520440008450150"
          + "7900c045200524138805b4024a44ef0358028c091601484500be009e000401189000"))
    let music =
      "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E "
      + "F# G F# E D E A F# F# G A A G F# E D D E F# E D D"
    let plain = Array(music.utf8) + [0]
    #expect(expand(.lznt1, unit, plain.count) == plain)
    let long = try #require(expand(.lznt1, unit + [0, 0, 1, 2, 3], 65_536))
    expectSame(long, plain + [UInt8](repeating: 0, count: 65_536 - plain.count))
    #expect(expand(.lznt1, unit, plain.count - 1) == nil)
    for count in 3..<unit.count { #expect(expand(.lznt1, Array(unit.prefix(count)), 4096) == nil) }
  }

  @Test func `XPRESS Huffman: Microsoft's examples are expanded`() throws {
    var alphabet = [UInt8](repeating: 0, count: 256)
    alphabet[48] = 0x50
    for place in 49...58 { alphabet[place] = 0x55 }
    (alphabet[59], alphabet[60], alphabet[61], alphabet[128]) = (0x45, 0x44, 0x04, 0x04)
    alphabet += try #require(bytes(hexadecimal: "d8523ed794115be9195ff9d67cdf8d0400000000"))
    #expect(expand(.xpress, alphabet, 26) == Array("abcdefghijklmnopqrstuvwxyz".utf8))

    var again = [UInt8](repeating: 0, count: 256)
    (again[48], again[49], again[128], again[143]) = (0x30, 0x23, 0x02, 0x20)
    again += try #require(bytes(hexadecimal: "a8dc0000ff2601"))
    #expect(expand(.xpress, again, 300) == repeated(Array("abc".utf8), 300))
    #expect(expand(.xpress, again, 65_537) == nil)
  }

  // MARK: What no compressor here writes

  @Test func `LZX: blocks that are not compressed are copied`() {
    // Type 3, no default, a size; bits up to a word; three distances; bytes, one more if odd.
    let recent: [UInt8] = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]
    let first = [0x00, 0x60, 0x00, 0x50] + recent + Array("vault".utf8) + [0]
    let second = [0x00, 0x60, 0x00, 0x60] + recent + Array(" keeps".utf8)
    #expect(expand(.lzx, first + second, 11) == Array("vault keeps".utf8))
    #expect(expand(.lzx, first + second, 12) == nil)
    #expect(expand(.lzx, first + second.dropLast(), 11) == nil)
    #expect(expand(.lzx, first.prefix(4) + [0, 0, 0, 0] + first.dropFirst(8), 5) == nil)
  }

  // MARK: Golden chunks

  @Test func `chunks that other programs made are expanded`() throws {
    for (codec, name, count) in [
      (WindowsCodec.xpress, "xpress-4096.chunk", 4096), (.xpress, "xpress-16384.chunk", 16_384),
      (.lzx, "lzx-32768.chunk", 32_768), (.lznt1, "lznt1-65536.unit", 65_536),
    ] {
      var random = SeededRandom(seed: 21)
      let plain = WindowsTexts.text(kind: 4, count: count, &random)
      let found = try #require(expand(codec, try codecFixture(name), count), "\(name)")
      expectSame(found, plain, "\(name)")
    }
  }

  // MARK: Random texts

  @Test func `LZNT1: random texts come back`() {
    var random = Seed.ofThisRun.random
    for round in 0..<50 {
      let count = 1 + random.below(65_536)
      let plain = WindowsTexts.text(kind: round, count: count, &random)
      let unit = compressLZNT1(plain, &random)
      let found = expand(.lznt1, unit, 65_536) ?? []
      expectSame(
        found, plain + [UInt8](repeating: 0, count: 65_536 - count), "\(Seed.ofThisRun) \(round)")
    }
  }

  @Test(arguments: [
    (WindowsCodec.xpress, 4096), (.xpress, 8192), (.xpress, 16_384), (.xpress, 65_536),
    (.lzx, 32_768),
  ])
  func `random texts that wimlib compressed come back`(codec: WindowsCodec, most: Int) throws {
    guard WimChunks.isInstalled else { return }
    var random = Seed.ofThisRun.random
    for level in [10, 50, 100] {
      let plains = (0..<40).map { number in
        let count = random.below(3) == 0 ? 1 + random.below(most) : most
        return WindowsTexts.text(kind: number, count: count, &random)
      }
      let chunks = try WimChunks.compress(plains, codec.rawValue, most: most, level: level)
      #expect(chunks.count == plains.count)
      var expanded = 0
      for (plain, chunk) in zip(plains, chunks) where !chunk.isEmpty {
        let found = expand(codec, chunk, plain.count) ?? []
        expectSame(found, plain, "level \(level) \(Seed.ofThisRun)")
        #expect(expand(codec, Array(chunk.prefix(chunk.count / 2)), plain.count) == nil)
        expanded += 1
      }
      #expect(expanded > 20, "\(Seed.ofThisRun)")
    }
  }
}
