import Glibc
import Testing

/// Passphrases that are asked for on a terminal.
@Suite(.enabled(if: isInstalled("setsid"), "setsid is not installed")) struct PromptTests {
  private static let passphrase = "Kätzchen über 7 Dächern"
  private let kluis = Kluis(in: Scratch(inMemory: true))

  /// Makes a vault as a person does who types a passphrase.
  private func makeVault(_ passphrase: String = passphrase) {
    let program = kluis.startOnTerminal(
      "init", kluis.vault, "--redundancy", "single", "--encrypt")
    program.expect("passphrase of the new vault: ")
    program.type(passphrase)
    program.expect("passphrase of the new vault, once more: ")
    program.type(passphrase)
    program.expect("made encrypted vault")
    #expect(program.wait() == 0)
    #expect(!program.screen.contains(passphrase))
  }

  @Test func `a new passphrase is asked for twice, shown never, and opens the vault`() throws {
    makeVault()
    let typed = kluis.makePassphraseFile("pass.txt", Self.passphrase)
    kluis.with(passphraseFile: typed)("key", "check").expect(0, saying: "(passphrase)")
    let points = kluis.startOnTerminal("points")
    points.expect("passphrase: ")
    points.type(Self.passphrase)
    points.expect("no recovery points")
    #expect(points.wait() == 0)
    #expect(!points.screen.contains(Self.passphrase))
  }

  @Test(arguments: [
    ("one", "other", "the two passphrases differ"), ("", nil, "no passphrase was typed"),
  ])
  func `what differs or is empty makes no vault`(
    first: String, second: String?, message: String
  ) {
    let program = kluis.startOnTerminal("init", kluis.vault, "--encrypt")
    program.expect("passphrase of the new vault: ")
    program.type(first)
    if let second {
      program.expect("once more: ")
      program.type(second)
    }
    program.expect(message)
    #expect(program.wait() == 64)
    #expect(program.waitForEcho(true))
    #expect(access(kluis.vault, F_OK) != 0)
  }

  @Test func `a wrong passphrase may be typed twice, and not three times`() {
    makeVault()
    for wrongCount in [2, 3] {
      let program = kluis.startOnTerminal("points")
      for number in 1...wrongCount {
        program.expect("passphrase: ")
        program.type("wrong")
        if number < 3 { program.expect("that is not it; try again") }
      }
      if wrongCount == 2 {
        program.expect("passphrase: ")
        program.type(Self.passphrase)
        program.expect("no recovery points")
        #expect(program.wait() == 0)
      } else {
        program.expect("opens none of the vault's 1 key slots")
        #expect(program.wait() == 1)
      }
      #expect(!program.screen.contains("wrong\r") && program.waitForEcho(true))
    }
  }

  @Test func `Ctrl-C at a question stops the program and shows again what is typed`() {
    makeVault()
    let questions = [
      (["points"], "passphrase: "), (["key", "check"], "passphrase: "),
      (["init", kluis.path("other"), "--encrypt"], "passphrase of the new vault: "),
    ]
    for (command, question) in questions {
      let program = TerminalProgram(
        [Kluis.program] + command, environment: ["KLUIS_VAULT": kluis.vault],
        directory: kluis.scratch.path)
      program.expect(question)
      #expect(program.waitForEcho(false))
      program.interrupt()
      program.expect("stopped.")
      #expect(program.wait() == 130)
      #expect(program.waitForEcho(true))
    }
    #expect(access(kluis.path("other"), F_OK) != 0)
  }

  @Test func `what needs no key asks for none`() {
    makeVault()
    for (command, wanted) in [("scrub", "all good"), ("rebuild-index", "0 records")] {
      let program = kluis.startOnTerminal(command)
      program.expect(wanted)
      #expect(program.wait() == 0)
      #expect(!program.screen.contains("passphrase"))
    }
  }

  @Test func `a slot is rotated with passphrases that are typed`() throws {
    makeVault("first")
    let rotation = kluis.startOnTerminal("key", "rotate")
    for (question, answer) in [
      ("passphrase: ", "first"), ("new passphrase: ", "second"),
      ("new passphrase, once more: ", "second"),
    ] {
      rotation.expect(question)
      rotation.type(answer)
    }
    rotation.expect("the old one opens nothing")
    #expect(rotation.wait() == 0)
    for (passphrase, status) in [("first", 1), ("second", 0)] as [(String, Int32)] {
      let typed = kluis.makePassphraseFile("pass.txt", passphrase)
      kluis.with(passphraseFile: typed)("points").expect(status)
    }
  }

  @Test func `the other vault of a copy asks for its own passphrase`() throws {
    makeVault("of the target")
    var source = Kluis(in: kluis.scratch)
    source.variables["KLUIS_VAULT"] = kluis.path("source")
    source("init", kluis.path("source"), "--redundancy", "single").expect(0)
    let image = kluis.path("a.img")
    writeBytes([UInt8](repeating: 7, count: 50_000), to: image)
    let point = try source.backUp("m", image)
    let copy = source.startOnTerminal("copy", "m", "--to-vault", kluis.vault)
    copy.expect("passphrase of \(kluis.vault): ")
    copy.type("of the target")
    copy.expect("copied \(point)")
    #expect(copy.wait() == 0)
    let typed = kluis.makePassphraseFile("pass.txt", "of the target")
    kluis.with(passphraseFile: typed).expect(point, restores: image)
  }
}
