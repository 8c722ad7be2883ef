import Bytes
import Encryption
import TestSupport
import Testing

@Suite struct RecoverySheetTests {
  private let vault = "00112233445566778899aabbccddeeff"
  private let master = secret(
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")

  private func sheet(_ master: Secret? = nil, _ vault: String? = nil) -> String {
    RecoverySheet.text(
      master: master ?? self.master, vault: vault ?? self.vault, made: "2026-11-22T15:04:05Z")
  }

  /// The four lines of the key as they are printed.
  private var lines: [String] {
    sheet().split(separator: "\n").map(String.init).filter { line in
      (1...4).contains { line.hasPrefix("  \($0): ") }
    }
  }

  private func outcome(_ text: String, _ vault: String? = nil) -> Outcome {
    do throws(RecoverySheetError) {
      return .key(try RecoverySheet.masterKey(in: text, vault: vault ?? self.vault))
    } catch { return .refused(error) }
  }

  private enum Outcome {
    case key(Secret)
    case refused(RecoverySheetError)

    func isKey(_ master: Secret) -> Bool {
      if case .key(let key) = self { key.isEqual(to: master) } else { false }
    }

    var error: RecoverySheetError? { if case .refused(let error) = self { error } else { nil } }
  }

  /// Computed by Python from hashlib.sha256 and the 32 digits.
  @Test("the key is printed as another program prints it")
  func printed() {
    #expect(
      lines == [
        "  1: 0804 G1G0 5G1E 0ZXA", "  2: 882M G5G1 DG3Y 0JWF", "  3: G844 H9G2 NG5E 1A8N",
        "  4: R86M HDG3 XG7Y 15VM",
      ])
    for word in [vault, "2026-11-22T15:04:05Z", "kluis key import"] {
      #expect(sheet().contains(word))
    }
  }

  @Test("every key comes back from its sheet")
  func roundTrip() {
    var random = Seed.ofThisRun.random
    for round in 0..<300 {
      let bytes = random.bytes(32)
      let vault = hexadecimal(random.bytes(16).span.bytes)
      let key = Secret(copying: bytes.span.bytes)
      #expect(
        outcome(sheet(key, vault), vault).isKey(key), "round \(round) \(Seed.ofThisRun)")
    }
    for byte in [0, 0xFF] as [UInt8] {
      let bytes = [UInt8](repeating: byte, count: 32)
      let key = Secret(copying: bytes.span.bytes)
      #expect(outcome(sheet(key)).isKey(key))
    }
  }

  @Test("a sheet may be typed in lower case, with O, I and L, with dashes, spaces or without them")
  func typing() {
    func typed(_ change: (String) -> String) -> String {
      lines.map { "\($0.prefix(4))\(change(String($0.dropFirst(4))))" }.joined(separator: "\n")
    }
    let variants: [String] = [
      sheet(), sheet().lowercased(), typed { $0 },
      lines.joined(separator: "\r\n"), lines.reversed().joined(separator: "\n"),
      typed { $0.replacing("0", with: "O").replacing("1", with: "I") },
      typed { $0.replacing("0", with: "o").replacing("1", with: "l") },
      typed { $0.replacing(" ", with: "") }, typed { $0.replacing(" ", with: "-") },
      typed { "  \($0.replacing(" ", with: "  "))  \n" },
      "my vault: at home\n5: not a line of it\n0: nor this\n" + typed { $0 },
      lines[0] + "\n" + typed { $0 },
    ]
    for text in variants { #expect(outcome(text).isKey(master), "\(text)") }
  }

  @Test("a character that was mistyped is found, and its line is named")
  func mistyped() {
    var missed: [String] = []
    for number in lines.indices {
      let line = Array(lines[number])
      for place in 5..<line.count where line[place] != " " {
        for wrong in "0123456789ABCDEFGHJKMNPQRSTVWXYZU?" where wrong != line[place] {
          var typed = lines
          var changed = line
          changed[place] = wrong
          typed[number] = String(changed)
          let found = outcome(typed.joined(separator: "\n"))
          if found.error != .wrongLine(number + 1) { missed.append("\(typed[number])") }
          #expect(!found.isKey(master))
        }
      }
    }
    // 2,112 mistakes, of which one in 32,768 passes the check: this key has no such mistake.
    #expect(missed == [])
  }

  @Test("characters and groups that are left out, doubled or exchanged are found")
  func groups() {
    let texts = [
      "  1: 0804 G1G0 5G1E 0ZX", "  1: 0804 G1G0 5G1E 0ZXAA", "  1: 0804 G1G0 5G1E", "  1: -",
      "  1: G1G0 0804 5G1E 0ZXA", "  1: 8004 G1G0 5G1E 0ZXA", "  1: 0804 G1G0 5G1E 0XZA",
    ]
    for text in texts {
      let typed = [text] + lines.dropFirst()
      #expect(outcome(typed.joined(separator: "\n")).error == .wrongLine(1), "\(text)")
    }
    let exchanged = [lines[0].replacing("1:", with: "2:"), lines[1].replacing("2:", with: "1:")]
    #expect(outcome((exchanged + lines[2...]).joined(separator: "\n")).error == .wrongLine(2))
  }

  @Test("lines that are missing are named")
  func missing() {
    #expect(outcome("").error == .missingLines([1, 2, 3, 4]))
    #expect(outcome("what is this?").error == .missingLines([1, 2, 3, 4]))
    for number in lines.indices {
      var typed = lines
      typed.remove(at: number)
      #expect(outcome(typed.joined(separator: "\n")).error == .missingLines([number + 1]))
    }
    #expect(outcome(lines[1]).error == .missingLines([1, 3, 4]))
    #expect(
      "\(RecoverySheetError.missingLines([1, 3]))" == "the recovery sheet has no line 1, 3")
  }

  @Test("another vault's sheet is refused")
  func otherVault() {
    let other = String(vault.dropLast()) + "e"
    #expect(outcome(sheet(), other).error == .wrongLine(1))
    #expect("\(RecoverySheetError.wrongLine(1))".contains("another vault's"))
  }

  @Test(
    "characters of any script are mistakes and no more",
    arguments: ["ß", "ﬁ", "ŉ", "ı", "ſ", "É", "１", "٣", "👩‍💻", "e\u{301}", "\u{0}", "\u{FEFF}"])
  func scripts(text: String) {
    for line in ["1: \(text)804 G1G0 5G1E 0ZXA", "1: \(String(repeating: text, count: 16))"] {
      let typed = [line] + lines.dropFirst()
      #expect(outcome(typed.joined(separator: "\n")).error == .wrongLine(1))
    }
    #expect(outcome("\(text): \(text)").error == .missingLines([1, 2, 3, 4]))
  }

  @Test("no text does harm: it gives the key, or says what is wrong with it")
  func fuzz() {
    var random = Seed.ofThisRun.random
    let good = Array(sheet().utf8)
    let letters = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ:-\n\r 1234ßﬁé".unicodeScalars)
    var others = 0
    for _ in 0..<1500 {
      var text = String(decoding: mutated(good, &random), as: UTF8.self)
      if random.below(3) == 0 {
        text = ""
        for _ in 0..<random.below(200) {
          text.unicodeScalars.append(letters[random.below(letters.count)])
        }
      }
      let found = outcome(text)
      if found.error == nil, !found.isKey(master) { others += 1 }
    }
    // One mistake in 32,768 passes the check.
    #expect(others < 4, "\(Seed.ofThisRun)")
  }
}
