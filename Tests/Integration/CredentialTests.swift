import Glibc
import Testing

/// A key that is missing, wrong, or not wanted.
@Suite struct CredentialTests {
  /// A small encrypted vault with one point.
  private func makeVault() throws -> (Kluis, image: String) {
    var random = seededGenerator("credentials")
    let kluis = Kluis(encrypted: [])
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 100_000, &random)
    _ = try kluis.backUp("m", image)
    return (kluis, image)
  }

  /// Every command that reads or writes what is sealed.
  private func commandsThatNeedTheKey(_ kluis: Kluis, _ image: String) -> [[String]] {
    [
      ["points"], ["points", "m"], ["show", "m"], ["stats"], ["verify"], ["verify", "m"],
      ["backup", "m"], ["backup", "n", "--disk", "root=\(image)"],
      ["restore", "disk", "m", "--to", kluis.path("target.img")],
      ["restore", "secrets", "m", "--to", kluis.path("secrets")],
      ["transfer", "m"], ["copy", "m", "--to-vault", kluis.vault],
      ["add-copy", kluis.path("second")],
      ["replace-copy", kluis.vault, kluis.path("second")],
      ["convert", "--redundancy", "lrs", "--copy", "b", "--copy", "c"],
      ["key", "add", "--new-key-file", kluis.keyFile], ["key", "remove", "00000000"],
      ["key", "rotate", "--new-key-file", kluis.keyFile], ["key", "check"], ["key", "export"],
      ["key", "export", "--to", kluis.path("sheet.txt")],
    ]
  }

  @Test func `without the key a command says what is missing, and changes nothing`() throws {
    let (kluis, image) = try makeVault()
    let before = state(of: kluis.scratch.path)
    for command in commandsThatNeedTheKey(kluis, image) {
      let outcome = kluis.withoutKey.run(command).expect(1, saying: needsKey)
      #expect(outcome.output.isEmpty, "\(outcome)")
      #expect(state(of: kluis.scratch.path) == before, "\(outcome)")
    }
    kluis.expect("m", restores: image)
  }

  @Test func `with another vault's key every command says so, and changes nothing`() throws {
    let (kluis, image) = try makeVault()
    let other = kluis.with(keyFile: kluis.makeKeyFile("other.key"))
    let before = state(of: kluis.scratch.path)
    let commands = commandsThatNeedTheKey(kluis, image)
    for command in commands + [["scrub"], ["scrub", "--repair"], ["rebuild-index"]] {
      let outcome = other.run(command)
      outcome.expect(1, saying: "the key file opens none of the vault's 1 key slots")
      #expect(outcome.output.isEmpty, "\(outcome)")
      #expect(state(of: kluis.scratch.path) == before, "\(outcome)")
    }
    let typed = kluis.makePassphraseFile("pass.txt", "anything")
    kluis.with(passphraseFile: typed)("points")
      .expect(1, saying: "no key slot for a passphrase: see `kluis key list`")
    kluis.with(passphraseFile: typed)("key", "list").expect(0, saying: "key-file")
    kluis("key", "add", "--new-passphrase-file", typed).expect(0)
    let wrong = kluis.makePassphraseFile("wrong.txt", "anything else")
    kluis.with(passphraseFile: wrong)("points")
      .expect(1, saying: "the passphrase opens none of the vault's 1 key slots of its kind")
    kluis.with(passphraseFile: typed)("points").expect(0)
  }

  @Test func `a file that is no key file or passphrase is named, with what is wrong`() throws {
    let (kluis, _) = try makeVault()
    let files: [(name: String, byteCount: Int?, key: String, passphrase: String)] = [
      ("missing", nil, "no key file: No such file or directory", "No such file or directory"),
      ("empty", 0, "no key file: the file is empty", "the file is empty"),
      ("short", 31, "a key file has 32 bytes, this has 31", "no key slot for a passphrase"),
      (
        "long", 33, "no key file: the file has more than 32 bytes", "no key slot for a passphrase"
      ),
      (
        "huge", 4097, "no key file: the file has more than 32 bytes",
        "the file has more than 4096 bytes"
      ),
    ]
    for (name, byteCount, key, passphrase) in files {
      let file = kluis.path(name)
      if let byteCount { writeBytes([UInt8](repeating: 65, count: byteCount), to: file) }
      for (option, wanted) in [("--key-file", key), ("--passphrase-file", passphrase)] {
        let isPassphrase = wanted.hasPrefix("no key slot")
        let outcome = kluis.withoutKey("points", option, file)
          .expect(1, saying: isPassphrase ? wanted : "\(file): \(wanted)")
        #expect(outcome.output.isEmpty, "\(outcome)")
      }
    }
    let line = kluis.makePassphraseFile("line", "")
    kluis.withoutKey("points", "--passphrase-file", line)
      .expect(1, saying: "\(line): its first line is empty")
    kluis.withoutKey("points", "--key-file", kluis.scratch.path).expect(1, saying: "directory")
  }

  @Test func `a passphrase is the first line of its file, however the line ends`() throws {
    let (kluis, _) = try makeVault()
    let first = kluis.makePassphraseFile("first", "gehëim  ")
    kluis("key", "add", "--new-passphrase-file", first).expect(0)
    for (text, status) in [
      ("gehëim  ", 0), ("gehëim  \r\n", 0), ("gehëim  \nmore\n", 0), ("gehëim\n", 1),
      ("\ngehëim  \n", 1), ("Gehëim  \n", 1),
    ] as [(String, Int32)] {
      writeBytes(Array(text.utf8), to: kluis.path("typed"))
      kluis.with(passphraseFile: kluis.path("typed"))("key", "check").expect(status)
    }
  }

  @Test func `two keys at once are refused, and an option counts before the environment`() throws {
    let (kluis, _) = try makeVault()
    let typed = kluis.makePassphraseFile("pass.txt", "anything")
    let two = "a passphrase file and a key file are named"
    kluis("points", "--passphrase-file", typed, "--key-file", kluis.keyFile)
      .expect(64, saying: two)
    kluis("--passphrase-file", typed, "points", "--key-file", kluis.keyFile)
      .expect(64, saying: two)
    let both = ["KLUIS_PASSPHRASE_FILE": typed]
    kluis.run(["points"], environment: both).expect(64, saying: two)
    kluis.run(["points", "--key-file", kluis.keyFile], environment: both).expect(0)
    kluis.run(["points"], environment: ["KLUIS_KEY_FILE": ""]).expect(1, saying: needsKey)
    kluis("points", "--key-file", kluis.path("none")).expect(1, saying: "none: no key file")
  }

  @Test func `a key for a vault that is not encrypted is refused`() throws {
    let kluis = Kluis(inMemory: true)
    let key = kluis.makeKeyFile("a.key")
    let before = state(of: kluis.vault)
    for command in [["points"], ["scrub"], ["backup", "m", "--disk", "root=\(key)"]] {
      kluis.run(command + ["--key-file", key]).expect(1, saying: "says that it is not encrypted")
    }
    for command in [["add", "--new-key-file", key], ["remove", "x"], ["check"], ["export"]] {
      kluis.run(["key"] + command).expect(1, saying: "is not encrypted, and stays so")
    }
    kluis("key", "import", key, "--new-key-file", key).expect(64, saying: "not encrypted")
    kluis("key", "list").expect(0, saying: "the vault is not encrypted")
    #expect(state(of: kluis.vault) == before)
  }

  @Test func `a vault is made encrypted with a key, or not at all`() {
    let kluis = Kluis(in: Scratch(inMemory: true))
    let key = kluis.makeKeyFile("a.key")
    let make = ["init", kluis.vault, "--redundancy", "single"]
    kluis.run(make + ["--key-file", key]).expect(64, saying: "--encrypt is not")
    kluis.run(make, environment: ["KLUIS_KEY_FILE": key]).expect(64, saying: "KLUIS_KEY_FILE")
    kluis.run(make + ["--encrypt"]).expect(64, saying: "--passphrase-file FILE or --key-file FILE")
    kluis.run(make + ["--encrypt", "--key-file", kluis.path("no.key")]).expect(1, saying: "no.key")
    #expect(access(kluis.vault, F_OK) != 0)
    kluis.run(make + ["--encrypt", "--key-file", key]).expect(0, saying: "made encrypted vault")
    kluis.run(make + ["--encrypt", "--key-file", key]).expect(1)
  }
}
