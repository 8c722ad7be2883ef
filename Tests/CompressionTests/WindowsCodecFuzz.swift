import Bytes
import Glibc
import TestSupport
import Testing

@testable import Compression

@Suite struct WindowsCodecFuzz {
  /// How many chunks of each kind; KLUIS_FUZZ_READS for more.
  private static let rounds =
    getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) } ?? 1500

  @Test(arguments: WindowsCodec.allCases)
  func `a chunk that is changed fills its target or is refused`(codec: WindowsCodec) throws {
    let seed = Seed.ofThisRun
    print("\(codec): \(Self.rounds) changed chunks from \(seed)")
    var random = seed.random
    let (fixture, most) = codec.golden
    let golden = try codecFixture(fixture)
    let margin = 64
    var memory = AlignedBuffer(capacity: most + 2 * margin)
    let guardBytes = [UInt8](repeating: 0xA5, count: memory.capacity)
    let marginBytes = Array(guardBytes.prefix(margin))
    for round in 0..<Self.rounds {
      let chunk = Self.changed(golden, &random)
      let count = random.below(4) == 0 ? 1 + random.below(most) : most
      var all = memory.mutableBytes
      guardBytes.span.bytes.copy(into: &all)
      var target = memory.mutableBytes(margin..<margin + count)
      do throws(DecompressionError) { try codec.expand(chunk.span.bytes, into: &target) } catch {
        #expect(error.expected == count)
      }
      let before = [UInt8](memory.bytes.extracting(0..<margin))
      let after = [UInt8](memory.bytes.extracting(margin + count..<count + 2 * margin))
      let isUntouched = areEqual(before, marginBytes) && areEqual(after, marginBytes)
      #expect(isUntouched, "round \(round) \(seed)")
    }
  }

  /// Bits flipped, most of them where the tables are; cut off; or nothing but random bytes.
  private static func changed(_ golden: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    if random.below(10) == 0 { return random.bytes(random.below(600)) }
    var chunk = golden
    if random.below(4) == 0 { chunk.removeLast(random.below(chunk.count)) }
    for _ in 0..<random.below(4) {
      let place = random.below(random.below(2) == 0 ? min(300, chunk.count) : chunk.count)
      chunk[place] ^= UInt8(1 << random.below(8))
    }
    return chunk
  }
}
