import TestSupport

/// What is compressed in tests as Windows does it.
enum WindowsTexts {
  /// A text of `count` bytes of a kind, from 0 on.
  static func text(kind: Int, count: Int, _ random: inout SeededRandom) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(count + 4096)
    while text.count < count {
      switch kind % 5 {
      case 0: text += words(&random)
      case 1: text += calls(&random)
      case 2:
        text += [UInt8](repeating: UInt8(random.below(256)), count: 1 + random.below(3000))
      case 3:
        text += random.bytes(1 + random.below(200))
        text += again(text, &random)
      default:
        text += random.below(2) == 0 ? calls(&random) : words(&random)
        text += again(text, &random)
      }
    }
    return Array(text.prefix(count))
  }

  private static func words(_ random: inout SeededRandom) -> [UInt8] {
    let words = ["the ", "vault ", "keeps ", "what ", "a ", "machine ", "had, ", "and ", "gives\n"]
    return (0..<20).flatMap { _ in Array(words[random.below(words.count)].utf8) }
  }

  /// What looks like calls of x86, with distances of all kinds.
  private static func calls(_ random: inout SeededRandom) -> [UInt8] {
    let edges: [UInt32] = [
      0, 100, 12_000_000, 11_999_999, 11_990_000, .max, .max - 20_000, 1 << 31,
    ]
    return (0..<20).flatMap { _ -> [UInt8] in
      let distance = edges[random.below(edges.count)] &+ UInt32(random.below(40_000)) &- 20_000
      let bytes = (0..<4).map { UInt8(truncatingIfNeeded: distance >> UInt32(8 * $0)) }
      let between: [UInt8] = [0x55, 0x48, 0x89, 0xE5, 0xE8, 0x90, 0x5D, 0xC3]
      return [0xE8] + bytes + between.prefix(random.below(9))
    }
  }

  private static func again(_ text: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    let start = random.below(text.count)
    return Array(text[start...].prefix(1 + random.below(400)))
  }
}

/// A text compressed to LZNT1 by a simple writer: matches wherever the last place that had the same
/// three bytes gives one, of as many bytes as `random` allows.
func compressLZNT1(_ text: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
  stride(from: 0, to: text.count, by: 4096).flatMap { start -> [UInt8] in
    let plain = Array(text[start..<min(start + 4096, text.count)])
    let packed = compressChunk(plain, &random)
    let isSmaller = packed.count < plain.count
    let bytes = isSmaller ? packed : plain
    let header = (isSmaller ? 0xB000 : 0x3000) | (bytes.count - 1)
    return [UInt8(header & 0xFF), UInt8(header >> 8)] + bytes
  }
}

private func compressChunk(_ plain: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
  var last: [[UInt8]: Int] = [:]
  var packed: [UInt8] = []
  var place = 0
  var element = 0
  var flags = 0
  while place < plain.count {
    if element % 8 == 0 {
      flags = packed.count
      packed.append(0)
    }
    var distanceBits = 4
    while 1 << distanceBits < place { distanceBits += 1 }
    let longest = min(3 + (1 << (16 - distanceBits)) - 1, plain.count - place)
    let key = Array(plain[place...].prefix(3))
    let from = last[key]
    last[key] = place
    var count = 0
    if let from {
      while count < longest, plain[from + count] == plain[place + count] { count += 1 }
    }
    if let from, count >= 3, random.below(20) > 0 {
      count = 3 + random.below(count - 2)
      let match = (place - from - 1) << (16 - distanceBits) | (count - 3)
      packed += [UInt8(match & 0xFF), UInt8(match >> 8)]
      packed[flags] |= 1 << UInt8(element % 8)
      place += count
    } else {
      packed.append(plain[place])
      place += 1
    }
    element += 1
  }
  return packed
}
