internal import Bytes

/// The hash of a name by which a directory's index is ordered
/// (Linux, Documentation/filesystems/ext4/directory.rst, "Hash Tree Directories").
struct ExtDirectoryHash {
  private enum Method {
    case legacy, halfMD4, tea
  }

  private let method: Method
  private let isSigned: Bool
  private let seed: (UInt32, UInt32, UInt32, UInt32)

  /// - Parameters:
  ///   - version: as a directory's index has it; nil comes back for one that is not known.
  ///   - areUnsigned: whether the file system takes characters of the older versions as unsigned.
  ///   - seed: the file system's; a usual one where it is all zeros.
  init?(version: UInt8, areUnsigned: Bool, seed: [UInt32]) {
    guard version <= 5 else { return nil }
    method = [.legacy, .halfMD4, .tea][Int(version % 3)]
    isSigned = version < 3 && !areUnsigned
    self.seed =
      seed.allSatisfy { $0 == 0 }
      ? (0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476)
      : (seed[0], seed[1], seed[2], seed[3])
  }

  /// An even number; the lowest bit of an index says something else.
  func value(of name: [UInt8]) -> UInt32 {
    let value: UInt32 =
      switch method {
      case .legacy: legacy(name)
      case .halfMD4: halfMD4(name)
      case .tea: tea(name)
      }
    let even = value & ~1
    return even == 0xFFFF_FFFE ? 0xFFFF_FFFC : even
  }

  private func number(_ byte: UInt8) -> UInt32 {
    isSigned ? UInt32(bitPattern: Int32(Int8(bitPattern: byte))) : UInt32(byte)
  }

  private func legacy(_ name: [UInt8]) -> UInt32 {
    var (last, previous): (UInt32, UInt32) = (0x12A3_FE2D, 0x37AB_E8F9)
    for byte in name {
      var value = previous &+ (last ^ number(byte) &* 7_152_373)
      if value & 0x8000_0000 != 0 { value &-= 0x7FFF_FFFF }
      (previous, last) = (last, value)
    }
    return last << 1
  }

  private func halfMD4(_ name: [UInt8]) -> UInt32 {
    var state = seed
    for start in stride(from: 0, to: name.count, by: 32) {
      mixHalfMD4(&state, words(of: name[start...], count: 8))
    }
    return state.1
  }

  private func tea(_ name: [UInt8]) -> UInt32 {
    var state = (seed.0, seed.1)
    for start in stride(from: 0, to: name.count, by: 16) {
      mixTEA(&state, words(of: name[start...], count: 4))
    }
    return state.0
  }

  /// Characters four to a word, and the number of those that are left in the place of what is not
  /// there.
  private func words(of name: ArraySlice<UInt8>, count: Int) -> [UInt32] {
    let left = UInt32(name.count)
    let filler = left | left << 8
    let padding = filler | filler << 16
    var words: [UInt32] = []
    var word = padding
    for (index, byte) in name.prefix(count * 4).enumerated() {
      word = number(byte) &+ word << 8
      if index % 4 == 3 {
        words.append(word)
        word = padding
      }
    }
    if words.count < count { words.append(word) }
    while words.count < count { words.append(padding) }
    return words
  }
}

private func mixHalfMD4(_ state: inout (UInt32, UInt32, UInt32, UInt32), _ words: [UInt32]) {
  var values = [state.0, state.1, state.2, state.3]
  let rounds: [(order: [Int], shifts: [UInt32], constant: UInt32)] = [
    ([0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19], 0),
    ([1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13], 0x5A82_7999),
    ([3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15], 0x6ED9_EBA1),
  ]
  for (round, rule) in rounds.enumerated() {
    for (step, word) in rule.order.enumerated() {
      // The first value changes first, then the last one, and so on backwards.
      let target = (4 - step % 4) % 4
      let x = values[(target + 1) % 4]
      let y = values[(target + 2) % 4]
      let z = values[(target + 3) % 4]
      let mixed: UInt32 =
        switch round {
        case 0: z ^ (x & (y ^ z))
        case 1: (x & y) &+ ((x ^ y) & z)
        default: x ^ y ^ z
        }
      let sum = values[target] &+ mixed &+ words[word] &+ rule.constant
      let shift = rule.shifts[step % 4]
      values[target] = sum << shift | sum >> (32 - shift)
    }
  }
  state = (
    state.0 &+ values[0], state.1 &+ values[1], state.2 &+ values[2], state.3 &+ values[3]
  )
}

private func mixTEA(_ state: inout (UInt32, UInt32), _ words: [UInt32]) {
  var (first, second) = state
  var sum: UInt32 = 0
  for _ in 0..<16 {
    sum &+= 0x9E37_79B9
    first &+=
      (second << 4 &+ words[0]) ^ (second &+ sum) ^ (second >> 5 &+ words[1])
    second &+= (first << 4 &+ words[2]) ^ (first &+ sum) ^ (first >> 5 &+ words[3])
  }
  state = (state.0 &+ first, state.1 &+ second)
}
