internal import Bytes

/// XXH64 of `bytes` with seed 0 (Yann Collet, xxhash_spec.md): no protection from anybody, only
/// from accidents.
package func xxHash64(_ bytes: RawSpan) -> UInt64 {
  bytes.withUnsafeBytes { bytes in
    var place = 0
    var hash: UInt64
    if bytes.count >= 32 {
      var lanes = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
      while bytes.count - place >= 32 {
        lanes.0 = round(lanes.0, word(bytes, place))
        lanes.1 = round(lanes.1, word(bytes, place + 8))
        lanes.2 = round(lanes.2, word(bytes, place + 16))
        lanes.3 = round(lanes.3, word(bytes, place + 24))
        place += 32
      }
      hash =
        rotated(lanes.0, 1) &+ rotated(lanes.1, 7) &+ rotated(lanes.2, 12) &+ rotated(lanes.3, 18)
      hash = (hash ^ round(0, lanes.0)) &* prime1 &+ prime4
      hash = (hash ^ round(0, lanes.1)) &* prime1 &+ prime4
      hash = (hash ^ round(0, lanes.2)) &* prime1 &+ prime4
      hash = (hash ^ round(0, lanes.3)) &* prime1 &+ prime4
    } else {
      hash = prime5
    }
    hash &+= UInt64(bytes.count)
    while bytes.count - place >= 8 {
      hash = rotated(hash ^ round(0, word(bytes, place)), 27) &* prime1 &+ prime4
      place += 8
    }
    if bytes.count - place >= 4 {
      let half = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
      hash ^= UInt64(UInt32(littleEndian: half)) &* prime1
      hash = rotated(hash, 23) &* prime2 &+ prime3
      place += 4
    }
    while place < bytes.count {
      hash = rotated(hash ^ UInt64(bytes[place]) &* prime5, 11) &* prime1
      place += 1
    }
    hash = (hash ^ hash >> 33) &* prime2
    hash = (hash ^ hash >> 29) &* prime3
    return hash ^ hash >> 32
  }
}

private let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
private let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
private let prime3: UInt64 = 0x1656_67B1_9E37_79F9
private let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
private let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

@inline(__always)
private func word(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
  UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
}

@inline(__always)
private func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
  value << count | value >> (64 - count)
}

@inline(__always)
private func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
  rotated(lane &+ word &* prime2, 31) &* prime1
}
