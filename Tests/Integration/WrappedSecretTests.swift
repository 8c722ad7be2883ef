import Glibc
import Testing

/// Secrets of disks that are wrapped by key-encryption keys, and machines that go over to them.
@Suite(.enabled(if: isInstalled("openssl"), "openssl is not installed"))
struct WrappedSecretTests {
  private let kluis: Kluis
  private let secretKey: String

  /// Where secrets are sealed by the vault's key, and where by one of their own.
  enum Sealing: String, CaseIterable { case byVault, byKeyFile }

  init() { (kluis, secretKey) = Self.make(.byVault) }

  private static func make(_ sealing: Sealing) -> (Kluis, String) {
    var kluis = sealing == .byVault ? Kluis(encrypted: []) : Kluis(inMemory: true)
    let key = kluis.path("secrets.key")
    kluis("key", "generate", key).expect(0)
    if sealing == .byKeyFile { kluis.variables["KLUIS_SECRETS_KEY_FILE"] = key }
    return (kluis, key)
  }

  private static func write(_ kluis: Kluis, _ secret: String, keys: String = "") {
    let text = """
      {"name": "safe",
       "disks": [{"name": "root", "path": "luks.img", "secrets": [\(secret)]}]\(keys)}
      """
    writeBytes(Array(text.utf8), to: kluis.path("safe.json"))
  }

  /// Wraps a file as a key service would.
  private static func wrap(_ kluis: Kluis, _ file: String, by key: String, as name: String) {
    let digits = readBytes(kluis.path(key)).map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0\(text)" : text
    }.joined()
    run(
      "openssl", "enc", "-id-aes256-wrap-pad", "-K", digits, "-iv", "A65959A6", "-in",
      kluis.path(file), "-out", kluis.path(name))
  }

  private static func backUp(_ kluis: Kluis) throws -> String {
    let outcome = kluis("backup", "safe", "--definition", kluis.path("safe.json"), "--json")
    return try #require(JSONValue(outcome.expect(0).output)["id"].text)
  }

  @Test(
    .enabled(if: isInstalled("cryptsetup"), "cryptsetup is not installed"),
    arguments: Sealing.allCases)
  func `a machine goes from a secret to a wrapped one and to another key, and all points open`(
    sealing: Sealing
  ) throws {
    let (kluis, _) = Self.make(sealing)
    func noise(_ name: String, _ count: Int) {
      writeBytes((0..<count).map { _ in .random(in: .min ... .max) }, to: kluis.path(name))
    }
    noise("luks.key", 100)
    for name in ["kek1", "kek2"] { noise(name, 32) }
    let image = kluis.path("luks.img")
    ImageFile(image).resize(20 << 20)
    let format = [
      "cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2",
      "--pbkdf-force-iterations", "1000", "--key-file", kluis.path("luks.key"), image,
    ]
    RunningProgram(format).wait().expect(0)
    var points: [String] = []
    Self.write(kluis, #"{"name": "luks", "kind": "luks-key-file", "file": "luks.key"}"#)
    points.append(try Self.backUp(kluis))
    // The new scheme: the disk is given another key, which only lies wrapped.
    noise("luks2.key", 64)
    let change = [
      "cryptsetup", "luksChangeKey", "--batch-mode", "--pbkdf", "pbkdf2",
      "--pbkdf-force-iterations", "1000", "--key-file", kluis.path("luks.key"), image,
      kluis.path("luks2.key"),
    ]
    RunningProgram(change).wait().expect(0)
    for kek in ["kek1", "kek2"] {
      Self.wrap(kluis, "luks2.key", by: kek, as: "luks.wrapped")
      Self.write(
        kluis,
        #"{"name": "luks", "kind": "luks-key-file", "file": "luks.wrapped", "wrappedBy": "kek"}"#,
        keys: #", "keys": [{"name": "kek", "file": "\#(kek)"}]"#)
      points.append(try Self.backUp(kluis))
    }
    for name in ["luks.key", "luks2.key", "luks.wrapped", "kek1", "kek2", "luks.img"] {
      rename(kluis.path(name), kluis.path("was-\(name)"))
    }
    for (number, point) in points.enumerated() {
      let (images, keys) = (kluis.path("images-\(number)"), kluis.path("keys-\(number)"))
      kluis("restore", "vm", point, "--as", "copy", "--to", images, "--with-secrets", keys)
        .expect(0)
      let disk = "\(images)/copy-root.img"
      let open = ["cryptsetup", "open", "--test-passphrase", disk, "--key-file"]
      RunningProgram(open + ["\(keys)/luks"]).wait().expect(0)
      let other = points.indices.first { ($0 == 0) != (number == 0) } ?? 0
      RunningProgram(open + [kluis.path(other == 0 ? "was-luks.key" : "was-luks2.key")])
        .wait().expect(2)
      let names = ["luks"] + (number == 0 ? [] : ["kek", "luks.wrapped"])
      #expect(files(under: keys) == names.sorted())
      for name in names { #expect(permissions(of: "\(keys)/\(name)") == 0o600) }
      // The new machine is protected by its own definition, with the secrets where they are now.
      kluis("backup", "copy", "--definition", "\(images)/copy.json").expect(0)
      if number > 0 {
        #expect(readBytes("\(keys)/kek") == readBytes(kluis.path("was-kek\(number)")))
        kluis("show", point).expect(0, saying: "wrapped by kek (aes-kwp)")
      }
    }
    for secret in ["was-luks.key", "was-luks2.key", "was-kek1", "was-kek2"] {
      let start = readBytes(kluis.path(secret)).prefix(16)
      #expect(!isFound(Array(start), under: kluis.vault), "\(secret) is in a store in the clear")
    }
  }

  /// Whether any file below a directory has these bytes.
  private func isFound(_ bytes: [UInt8], under directory: String) -> Bool {
    let script = """
      import pathlib, sys
      wanted = bytes.fromhex(sys.argv[2])
      files = [f for f in pathlib.Path(sys.argv[1]).rglob('*') if f.is_file()]
      sys.exit(0 if any(wanted in f.read_bytes() or sys.argv[2].encode() in f.read_bytes()
                        for f in files) else 1)
      """
    let digits = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    return RunningProgram(["python3", "-c", script, directory, digits]).wait().status == 0
  }

  @Test(arguments: ["rsa-oaep", "rsa-oaep-256"])
  func `a secret that a key service wrapped with RSA is opened`(method: String) throws {
    run(
      "openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
      kluis.path("kek.pem"))
    writeBytes(Array("a passphrase".utf8), to: kluis.path("plain"))
    let digest = method == "rsa-oaep" ? "sha1" : "sha256"
    run(
      "openssl", "pkeyutl", "-encrypt", "-inkey", kluis.path("kek.pem"), "-pkeyopt",
      "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:\(digest)", "-pkeyopt",
      "rsa_mgf1_md:\(digest)", "-in", kluis.path("plain"), "-out", kluis.path("wrapped"))
    ImageFile(kluis.path("luks.img")).resize(1 << 20)
    let secret =
      #"{"name": "luks", "file": "wrapped", "wrappedBy": "kek", "wrapping": "\#(method)"}"#
    Self.write(kluis, secret, keys: #", "keys": [{"name": "kek", "file": "kek.pem"}]"#)
    let point = try Self.backUp(kluis)
    kluis("restore", "secrets", point, "--to", "keys").expect(0)
    #expect(readBytes(kluis.path("keys/luks")) == Array("a passphrase".utf8))
    #expect(readBytes(kluis.path("keys/kek")) == readBytes(kluis.path("kek.pem")))
  }

  @Test func `a secret that its key does not open, or that is named wrongly, makes no point`() {
    ImageFile(kluis.path("luks.img")).resize(1 << 20)
    for name in ["kek", "other", "plain"] {
      writeBytes((0..<32).map { _ in .random(in: .min ... .max) }, to: kluis.path(name))
    }
    Self.wrap(kluis, "plain", by: "other", as: "wrapped")
    let wrapped = #"{"name": "luks", "file": "wrapped", "wrappedBy": "kek"}"#
    let key = #", "keys": [{"name": "kek", "file": "kek"}]"#
    for (secret, keys, message) in [
      (wrapped, key, "does not open with key kek by aes-kwp"),
      (wrapped, "", "there is no such key"),
      (#"{"name": "luks", "file": "plain"}"#, key, "wraps no secret"),
      (#"{"name": "kek", "file": "wrapped", "wrappedBy": "kek"}"#, key, "have the same name"),
      (#"{"name": "luks", "file": "plain", "wrapping": "aes-kw"}"#, "", "nothing says by which"),
      (#"{"name": "a.wrapped", "file": "plain"}"#, "", "ends with .wrapped"),
      (#"{"name": "luks", "file": "none"}"#, "", "No such file"),
      (#"{"name": "luks", "file": "plain", "wrapping": "rot13"}"#, "", "disks[0].secrets[0]"),
      (#"{"name": "luks", "path": "plain"}"#, "", "there is no such key"),
      (#"{"name": "../luks", "file": "plain"}"#, "", "secret"),
    ] {
      Self.write(kluis, secret, keys: keys)
      kluis("backup", "safe", "--definition", kluis.path("safe.json")).expect(1, saying: message)
    }
    kluis("points").expect(0, saying: "no recovery points")
  }

  @Test func `without encryption secrets need a key file of their own, and no other opens them`()
    throws
  {
    let (kluis, key) = Self.make(.byKeyFile)
    var bare = kluis
    bare.variables = [:]
    ImageFile(kluis.path("luks.img")).resize(1 << 20)
    writeBytes(Array("correct horse".utf8), to: kluis.path("pass"))
    Self.write(kluis, #"{"name": "luks", "kind": "luks-passphrase", "file": "pass"}"#)
    let backup = ["backup", "safe", "--definition", kluis.path("safe.json")]
    bare.run(backup).expect(1, saying: "--secrets-key-file")
    bare.run(backup + ["--secrets-key-file", key]).expect(0)
    bare("backup", "safe").expect(1, saying: "--secrets-key-file")
    bare("restore", "secrets", "safe", "--to", "k1").expect(1, saying: "--secrets-key-file")
    bare("key", "generate", kluis.path("wrong.key")).expect(0)
    let wrong = ["--secrets-key-file", kluis.path("wrong.key")]
    bare.run(["restore", "secrets", "safe", "--to", "k2"] + wrong).expect(1, saying: "another key")
    #expect(access(kluis.path("k1"), F_OK) != 0 && access(kluis.path("k2"), F_OK) != 0)
    kluis("restore", "secrets", "safe", "--to", "k3").expect(0)
    #expect(readBytes(kluis.path("k3/luks")) == readBytes(kluis.path("pass")))
    // A safety point takes the secrets along as well.
    bare("restore", "vm", "safe", "--in-place").expect(1, saying: "--secrets-key-file")
    kluis("restore", "vm", "safe", "--in-place", "--delta").expect(0)
    // And so does a copy in another vault, where the vault's own key seals them.
    let sealed = Kluis(encrypted: [])
    let to = ["--to-vault", sealed.vault, "--to-key-file", sealed.keyFile]
    kluis.run(["copy", "safe"] + to).expect(0)
    sealed("restore", "secrets", "safe", "--to", "k4").expect(0)
    #expect(readBytes(sealed.path("k4/luks")) == readBytes(kluis.path("pass")))
    sealed("backup", "x", "--disk", "a=\(kluis.path("luks.img"))", "--secrets-key-file", key)
      .expect(64, saying: "is for a vault that is not encrypted")
  }
}
