/// `bytes` after one or a few changes such as a bad disk or a bad person makes: flipped bits,
/// numbers at the edge, cut off, made longer, pieces moved.
package func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
  var bytes = bytes
  for _ in 0...random.below(3) { mutateOnce(&bytes, &random) }
  return bytes
}

private func mutateOnce(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
  guard !bytes.isEmpty else { return bytes.append(contentsOf: random.bytes(random.below(64))) }
  let place = random.below(bytes.count)
  switch random.below(8) {
  case 0, 1: bytes[place] ^= 1 << UInt8(random.below(8))
  case 2: bytes[place] = UInt8(random.below(256))
  case 3, 4:
    let edges: [UInt32] = [0, 1, .max, .max - 1, 1 << 31, (1 << 31) - 1, 1 << 16, 0xFFFF]
    let number = edges[random.below(edges.count)]
    let aligned = random.below(2) == 0 ? place / 4 * 4 : place
    for byte in 0..<4 where aligned + byte < bytes.count {
      bytes[aligned + byte] = UInt8(truncatingIfNeeded: number >> UInt32(8 * byte))
    }
  case 5: bytes.removeLast(random.below(bytes.count))
  case 6: bytes += random.bytes(1 + random.below(100))
  default:
    let count = min(1 + random.below(64), bytes.count - place)
    let from = random.below(bytes.count - count + 1)
    bytes.replaceSubrange(place..<place + count, with: Array(bytes[from..<from + count]))
  }
}
