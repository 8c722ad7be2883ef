import Bytes
import Hashing
import TestSupport
import Testing

@testable import Chunking

@Suite struct BoundaryHashTests {
  /// Computed by an independent implementation in Python: see Fixtures/README.md, "Boundary hash".
  static let golden: [(block: String, seed: String, value: UInt64)] = [
    ("zeros", "zero", 0x42DD_D0FA_5070_255E),
    ("zeros", "empty", 0xB7BF_5EB6_A3E7_430A),
    ("ramp", "zero", 0x6A0F_1424_88C9_1189),
    ("ramp", "empty", 0x8DFD_45EF_4ACC_3009),
    ("ones", "zero", 0x0EF7_B074_2D4B_BDE7),
    ("ones", "empty", 0x97D0_D980_ECD5_ED92),
  ]

  @Test("the hash of a block under a key never changes", arguments: golden.indices)
  func frozen(number: Int) {
    let (name, seedName, expected) = Self.golden[number]
    let block: [UInt8] =
      switch name {
      case "ramp": (0..<4096).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
      case "ones": [UInt8](repeating: 255, count: 4096)
      default: [UInt8](repeating: 0, count: 4096)
      }
    var digester = Digester()
    let seed = seedName == "empty" ? digester.digest(RawSpan()) : Digest.zero
    #expect(BoundaryHash(seed: seed).value(of: block.span.bytes, at: 0) == expected)
  }

  @Test("the hash looks at the one block at its offset, at every byte of it, and at the key")
  func dependence() {
    var random = Seed.ofThisRun.random
    var bytes = random.bytes(3 * 4096)
    let hash = BoundaryHash(seed: digest(1))
    let before = hash.value(of: bytes.span.bytes, at: 4096)
    bytes[4095] ^= 1
    bytes[8192] ^= 1
    #expect(hash.value(of: bytes.span.bytes, at: 4096) == before, "\(Seed.ofThisRun)")
    #expect(
      BoundaryHash(seed: digest(2)).value(of: bytes.span.bytes, at: 4096) != before,
      "\(Seed.ofThisRun)")
    for _ in 0..<200 {
      let place = 4096 + random.below(4096)
      let bit = UInt8(1) << UInt8(random.below(8))
      bytes[place] ^= bit
      #expect(
        hash.value(of: bytes.span.bytes, at: 4096) != before, "byte \(place) \(Seed.ofThisRun)")
      bytes[place] ^= bit
    }
  }
}
