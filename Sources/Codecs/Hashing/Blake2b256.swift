internal import Bytes

/// BLAKE2b of 32 bytes, without a key (RFC 7693), by which btrfs may check what it stores.
///
/// libcrypto has only that of 64 bytes, which is another function. Nothing that Kluis keeps is
/// named or sealed by it.
package func blake2b256(_ bytes: RawSpan) -> Digest {
  // The parameter block: a digest of 32 bytes, no key, fan-out 1, depth 1.
  var state = initial
  state[0] ^= 0x0101_0020
  let last = bytes.byteCount == 0 ? 0 : (bytes.byteCount - 1) / 128 * 128
  bytes.withUnsafeBytes { bytes in
    var block = [UInt64](repeating: 0, count: 16)
    for start in stride(from: 0, through: last, by: 128) {
      let end = min(start + 128, bytes.count)
      block.withUnsafeMutableBytes { block in
        for index in 0..<128 { block[index] = start + index < end ? bytes[start + index] : 0 }
      }
      compress(&state, block, counter: UInt64(end), isLast: start == last)
    }
  }
  let words = state[0..<4].map(\.littleEndian)
  return Digest(words.span.bytes)
}

private func compress(
  _ state: inout [UInt64], _ block: [UInt64], counter: UInt64, isLast: Bool
) {
  var words = state + initial
  words[12] ^= counter
  if isLast { words[14] = ~words[14] }
  words.withUnsafeMutableBufferPointer { v in
    block.withUnsafeBufferPointer { m in
      schedule.withUnsafeBufferPointer { s in
        for round in 0..<12 {
          let r = round % 10 * 16
          mix(v, 0, 4, 8, 12, word(m, s, r), word(m, s, r + 1))
          mix(v, 1, 5, 9, 13, word(m, s, r + 2), word(m, s, r + 3))
          mix(v, 2, 6, 10, 14, word(m, s, r + 4), word(m, s, r + 5))
          mix(v, 3, 7, 11, 15, word(m, s, r + 6), word(m, s, r + 7))
          mix(v, 0, 5, 10, 15, word(m, s, r + 8), word(m, s, r + 9))
          mix(v, 1, 6, 11, 12, word(m, s, r + 10), word(m, s, r + 11))
          mix(v, 2, 7, 8, 13, word(m, s, r + 12), word(m, s, r + 13))
          mix(v, 3, 4, 9, 14, word(m, s, r + 14), word(m, s, r + 15))
        }
      }
    }
  }
  for index in 0..<8 { state[index] ^= words[index] ^ words[index + 8] }
}

@inline(__always)
private func word(
  _ block: UnsafeBufferPointer<UInt64>, _ schedule: UnsafeBufferPointer<UInt8>, _ index: Int
) -> UInt64 {
  UInt64(littleEndian: block[Int(schedule[index])])
}

@inline(__always)
private func mix(
  _ v: UnsafeMutableBufferPointer<UInt64>, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt64,
  _ y: UInt64
) {
  v[a] = v[a] &+ v[b] &+ x
  v[d] = rotated(v[d] ^ v[a], 32)
  v[c] = v[c] &+ v[d]
  v[b] = rotated(v[b] ^ v[c], 24)
  v[a] = v[a] &+ v[b] &+ y
  v[d] = rotated(v[d] ^ v[a], 16)
  v[c] = v[c] &+ v[d]
  v[b] = rotated(v[b] ^ v[c], 63)
}

@inline(__always)
private func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
  value >> count | value << (64 - count)
}

private let initial: [UInt64] = [
  0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B, 0xA54F_F53A_5F1D_36F1,
  0x510E_527F_ADE6_82D1, 0x9B05_688C_2B3E_6C1F, 0x1F83_D9AB_FB41_BD6B, 0x5BE0_CD19_137E_2179,
]

/// The order of a block's words in each round (RFC 7693, 2.7).
private let schedule: [UInt8] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
  11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
  7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
  9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
  2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
  12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
  13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
  6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
  10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
]
