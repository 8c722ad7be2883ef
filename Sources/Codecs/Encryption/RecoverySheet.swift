internal import Bytes
internal import Hashing

/// A vault's master key on paper: for the day when every passphrase and key file is lost.
///
///     line := number ":" group{4}          4 lines, 4 characters a group
///
/// Each line holds 8 bytes of the key in 13 characters of Crockford's base 32, and 3 that check
/// them: the first 15 bits of SHA-256 over the vault's id, the line's number and the 8 bytes. So a
/// line that was mistyped is named, and O, I and L may be typed for 0 and 1.
package enum RecoverySheet {
  /// The sheet as text to print.
  package static func text(master: Secret, vault: String, made: String) -> String {
    let lines = (0..<lineCount).map { number in
      let characters = encode(bytes(of: master, line: number), number, vault)
      let groups = stride(from: 0, to: characters.count, by: 4).map {
        String(characters[$0..<$0 + 4])
      }
      return "  \(number + 1): \(groups.joined(separator: " "))"
    }
    return """
      KLUIS RECOVERY SHEET

      vault  \(vault)
      made   \(made)

      \(lines.joined(separator: "\n"))

      Whoever has this sheet and a store of the vault can read all that is in it. Keep it on paper,
      away from both. To use it, type the lines above into a file and run
      kluis key import FILE, which makes a new key slot.

      """
  }

  /// The key on a sheet that was typed in; whatever else is in the text is passed over.
  ///
  /// - Throws: ``RecoverySheetError``.
  package static func masterKey(
    in text: String, vault: String
  ) throws(RecoverySheetError) -> Secret {
    var parts: [Int: Secret] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      guard let (number, characters) = split(line) else { continue }
      guard let bytes = decode(characters, number, vault) else {
        throw .wrongLine(number + 1)
      }
      parts[number] = bytes
    }
    let missing = (0..<lineCount).filter { parts[$0] == nil }.map { $0 + 1 }
    guard missing.isEmpty else { throw .missingLines(missing) }
    return Secret(byteCount: Secret.keyByteCount) { target in
      for number in 0..<lineCount {
        var place = target._mutatingExtracting(
          number * bytesPerLine..<(number + 1) * bytesPerLine)
        parts[number]!.withBytes { $0.copy(into: &place) }
      }
    }
  }

  private static let lineCount = 4
  private static let bytesPerLine = 8
  private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

  /// The number and the sixteen characters of a line of the key; nil for any other line.
  private static func split(_ line: Substring) -> (number: Int, characters: [Character])? {
    let parts = line.split(separator: ":", maxSplits: 1)
    guard parts.count == 2,
      let number = Int(parts[0].filter { !$0.isWhitespace }), (1...lineCount).contains(number)
    else { return nil }
    return (number - 1, parts[1].filter { !$0.isWhitespace && $0 != "-" }.map { $0 })
  }

  private static func bytes(of master: Secret, line: Int) -> Secret {
    master.withBytes { bytes in
      Secret(copying: bytes.extracting(line * bytesPerLine..<(line + 1) * bytesPerLine))
    }
  }

  private static func encode(_ bytes: Secret, _ number: Int, _ vault: String) -> [Character] {
    var rest = word(of: bytes)
    var characters: [Character] = []
    // 64 bits are 12 characters of 5 bits and a last one of 4.
    for _ in 0..<13 {
      characters.append(digits[Int(rest & 31)])
      rest >>= 5
    }
    let check = check(bytes, number, vault)
    return characters + [check >> 10, check >> 5, check].map { digits[$0 & 31] }
  }

  private static func decode(
    _ characters: [Character], _ number: Int, _ vault: String
  ) -> Secret? {
    let values = characters.map { value(of: $0) }
    guard values.count == 16, !values.contains(nil), values[12]! < 16 else { return nil }
    var word: UInt64 = 0
    for place in 0..<13 { word |= UInt64(values[place]!) << UInt64(5 * place) }
    let bytes = Secret(byteCount: bytesPerLine) { target in
      for place in 0..<bytesPerLine {
        target.storeBytes(
          of: UInt8(truncatingIfNeeded: word >> UInt64(8 * place)), toByteOffset: place,
          as: UInt8.self)
      }
    }
    let found = values[13]! << 10 | values[14]! << 5 | values[15]!
    return check(bytes, number, vault) == found ? bytes : nil
  }

  private static func word(of bytes: Secret) -> UInt64 {
    bytes.withBytes { UInt64(littleEndian: $0.unsafeLoadUnaligned(as: UInt64.self)) }
  }

  /// 15 bits.
  private static func check(_ bytes: Secret, _ number: Int, _ vault: String) -> Int {
    var digester = Digester()
    let prefix = Array("\(vault) \(number + 1) ".utf8)
    digester.start()
    digester.update(prefix.span.bytes)
    bytes.withBytes { digester.update($0) }
    return Int(digester.finish().words.0 >> 49)
  }

  private static func value(of character: Character) -> Int? {
    // In upper case some characters become two, such as the sharp s.
    switch character.uppercased() {
    case "O": 0
    case "I", "L": 1
    case let text: text.count == 1 ? digits.firstIndex(of: text[text.startIndex]) : nil
    }
  }
}

/// A recovery sheet that was not typed in as it is printed.
package enum RecoverySheetError: Error, Equatable, CustomStringConvertible {
  case wrongLine(Int)
  case missingLines([Int])

  package var description: String {
    switch self {
    case .wrongLine(let line):
      "line \(line) of the recovery sheet is mistyped, or the sheet is another vault's"
    case .missingLines(let lines):
      "the recovery sheet has no line \(lines.map(String.init).joined(separator: ", "))"
    }
  }
}
