/// What a disk should hold, in memory: a mix of what disks are made of, and random changes to it.
package struct DiskModel: Sendable {
  package private(set) var bytes: [UInt8]

  /// - Parameter runs: pieces of data that are strewn over a disk of zeros. With any the disk is
  ///   not all zeros.
  package init(byteCount: Int, runs: Int, random: inout SeededRandom) {
    bytes = [UInt8](repeating: 0, count: byteCount)
    for _ in 0..<runs { mutate(&random) }
    if runs > 0, byteCount > 0 {
      bytes[random.below(byteCount)] = 1 + UInt8(random.below(255))
    }
  }

  /// One change: random bytes, compressible ones, zeros, or a copy of another place; at block
  /// boundaries or not.
  package mutating func mutate(_ random: inout SeededRandom) {
    guard !bytes.isEmpty else { return }
    var start = random.below(bytes.count)
    if random.below(4) > 0 { start -= start % 4096 }
    let largest = random.below(8) == 0 ? 600_000 : 40_000
    let count = min(1 + random.below(largest), bytes.count - start)
    replace(at: start, with: content(count, &random))
  }

  package mutating func replace(at start: Int, with content: [UInt8]) {
    bytes.replaceSubrange(start..<start + content.count, with: content)
  }

  package mutating func resize(to byteCount: Int) {
    if byteCount < bytes.count {
      bytes.removeLast(bytes.count - byteCount)
    } else {
      bytes += [UInt8](repeating: 0, count: byteCount - bytes.count)
    }
  }

  private func content(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
    switch random.below(5) {
    case 0, 1: return random.bytes(count)
    case 2: return repeated(random.bytes(1 + random.below(300)), count)
    case 3: return [UInt8](repeating: 0, count: count)
    default:
      let from = random.below(bytes.count - count + 1)
      return Array(bytes[from..<from + count])
    }
  }
}

/// `count` bytes that say `pattern` again and again.
package func repeated(_ pattern: [UInt8], _ count: Int) -> [UInt8] {
  var bytes = pattern
  bytes.reserveCapacity(count * 2)
  while bytes.count < count { bytes += bytes }
  bytes.removeLast(bytes.count - count)
  return bytes
}
