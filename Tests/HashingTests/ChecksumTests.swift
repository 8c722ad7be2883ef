import Bytes
import TestSupport
import Testing

@testable import Hashing

/// Checksums of other programs, against what these say.
@Suite struct ChecksumTests {
  private static let lengths = [0, 1, 3, 31, 32, 33, 63, 64, 127, 128, 129, 255, 256, 4064, 16_352]

  @Test func `BLAKE2b of 32 bytes is what Python says`() throws {
    guard areInstalled("python3") else { return }
    var random = Seed.ofThisRun.random
    for length in Self.lengths {
      let bytes = random.bytes(length)
      let expected = try output(
        of: "python3", "-c",
        "import hashlib, sys; "
          + "print(hashlib.blake2b(bytes.fromhex(sys.stdin.read()), digest_size=32).hexdigest())",
        input: hexadecimal(bytes.span.bytes))
      let found = "\(blake2b256(bytes.span.bytes))\n"
      #expect(found == expected, "\(length) bytes, \(Seed.ofThisRun)")
    }
  }

  @Test func `XXH64 is what xxhsum says of files of all lengths`() {
    // Of the bytes 0 to 250, again and again; `xxhsum -H1` 0.8.1.
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }
    let known: [Int: UInt64] = [
      0: 0xEF46_DB37_51D8_E999,
      1: 0xE934_A84A_DB05_2768,
      3: 0xE5C7_BB45_33BC_65DD,
      4: 0xFFCE_D860_4453_CC1E,
      8: 0x884A_1736_14B8_1B8D,
      31: 0xC346_D2B5_9B4D_8EE1,
      32: 0xCBF5_9C51_16FF_32B4,
      33: 0x0C53_5D1A_CAFB_8EAD,
      63: 0xE26A_A9E2_A95F_8E4F,
      64: 0xF7C6_7301_DB67_13F0,
      100: 0x6AC1_E580_3216_6597,
      4064: 0xF6B1_A070_D967_901C,
      16352: 0x7B67_62A0_5AA0_9F8E,
    ]
    for (length, hash) in known {
      #expect(xxHash64(bytes(length).span.bytes) == hash, "\(length) bytes")
    }
  }
}
