import Glibc
import Testing

/// Secrets of machines, such as the keys of their disks, that points keep.
@Suite struct SecretTests {
  private let kluis = Kluis(encrypted: [])

  private func makeImage() -> String {
    writeBytes([UInt8](repeating: 7, count: 50_000), to: kluis.path("a.img"))
    return kluis.path("a.img")
  }

  /// A file with random bytes.
  private func makeSecret(_ name: String, byteCount: Int) -> String {
    writeBytes((0..<byteCount).map { _ in .random(in: .min ... .max) }, to: kluis.path(name))
    return kluis.path(name)
  }

  @Test func `secrets come back bit for bit, and later backups take them along`() throws {
    let files = [1, 32, 4096, 64 << 10].map { makeSecret("secret-\($0)", byteCount: $0) }
    let names = ["one", "ein Schlüssel", "luks", "large"]
    var command = ["backup", "m", "--disk", "root=\(makeImage())", "--json"]
    for (name, file) in zip(names, files) { command += ["--secret", "\(name)=\(file)"] }
    let first = try #require(JSONValue(kluis.run(command).expect(0).output)["id"].text)
    // The second holds what the file holds then.
    let kept = readBytes(files[1])
    writeBytes([1, 2, 3], to: files[1])
    let second = try #require(
      JSONValue(kluis("backup", "m", "--json").expect(0).output)["id"].text)

    for (point, expected) in [(first, kept), (second, [1, 2, 3])] {
      let folder = kluis.path("secrets of \(point)")
      let restored = kluis("restore", "secrets", point, "--to", folder, "--json").expect(0)
      #expect(try JSONValue(restored.output).elements.compactMap(\.text) == names)
      for (name, file) in zip(names, files) {
        let wanted = name == names[1] ? expected : readBytes(file)
        #expect(readBytes("\(folder)/\(name)") == wanted)
        #expect(permissions(of: "\(folder)/\(name)") == 0o600)
      }
    }
  }

  @Test func `points show what secrets are called, and no more`() throws {
    let file = kluis.makePassphraseFile("secret.txt", "correct horse")
    let backup = kluis(
      "backup", "m", "--disk", "root=\(makeImage())", "--secret", "luks=\(file)", "--json")
    for outcome in [
      backup, kluis("show", "m"), kluis("show", "m", "--json"), kluis("points"),
      kluis("points", "--json"), kluis("stats", "--json"), kluis("verify"),
    ] {
      outcome.expect(0)
      #expect(!outcome.text.contains("horse"), "\(outcome)")
    }
    kluis("show", "m").expect(0, saying: "secret       luks")
    kluis("show", "m", "--json").expect(0, saying: "luks")
    let copy = kluis.path("shown")
    kluis("restore", "secrets", "m", "--to", copy).expect(0, saying: "\(copy)/luks")
    #expect(readBytes("\(copy)/luks") == readBytes(file))
  }

  @Test func `a file that is there is not replaced by a secret`() {
    let file = makeSecret("key", byteCount: 64)
    kluis("backup", "m", "--disk", "root=\(makeImage())", "--secret", "luks=\(file)").expect(0)
    let folder = kluis.scratch.directory("there")
    writeBytes([9], to: "\(folder)/luks")
    kluis("restore", "secrets", "m", "--to", folder).expect(1, saying: "it exists already")
    #expect(readBytes("\(folder)/luks") == [9])
  }

  @Test func `what cannot be a secret is refused, and makes no point`() throws {
    let (image, good) = (makeImage(), makeSecret("good", byteCount: 16))
    let large = makeSecret("large", byteCount: 64 << 10 | 1)
    let empty = makeSecret("empty", byteCount: 0)
    for (secret, status, message) in [
      ("luks=\(large)", 1, "more than 65536 bytes"), ("luks=\(empty)", 1, "the file is empty"),
      ("luks=\(kluis.path("none"))", 1, "none: No such file"), ("luks", 64, "luks"),
      ("../luks=\(good)", 64, "secret"), ("a/b=\(good)", 64, "secret"),
    ] as [(String, Int32, String)] {
      kluis("backup", "m", "--disk", "root=\(image)", "--secret", secret)
        .expect(status, saying: message)
    }
    let twice = ["--secret", "a=\(good)", "--secret", "a=\(good)"]
    kluis.run(["backup", "m", "--disk", "root=\(image)"] + twice)
      .expect(64, saying: "two secrets are called 'a'")
    kluis("points").expect(0, saying: "no recovery points")
  }

  @Test func `a vault that is not encrypted takes no secret, and says how it could`() {
    let plain = Kluis(inMemory: true)
    let file = makeSecret("key", byteCount: 64)
    plain("backup", "m", "--disk", "root=\(makeImage())", "--secret", "luks=\(file)")
      .expect(1, saying: "is not encrypted")
    plain("points").expect(0, saying: "no recovery points")
    plain("backup", "m", "--disk", "root=\(makeImage())").expect(0)
    plain("restore", "secrets", "m", "--to", plain.path("secrets"))
      .expect(1, saying: "keeps no secrets")
    #expect(access(plain.path("secrets"), F_OK) != 0)
  }

  @Test(.enabled(if: isInstalled("cryptsetup"), "cryptsetup is not installed"))
  func `an encrypted disk and its key come back together, and the key opens the disk`() throws {
    let (image, key) = (kluis.path("luks.img"), makeSecret("luks.key", byteCount: 512))
    ImageFile(image).resize(20 << 20)
    run(
      "cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2",
      "--pbkdf-force-iterations", "1000", "--key-file", key, image)
    kluis("backup", "safe", "--disk", "root=\(image)", "--secret", "luks=\(key)").expect(0)
    unlink(key)
    kluis("restore", "disk", "safe", "--to", "back.img").expect(0)
    kluis("restore", "secrets", "safe", "--to", "keys").expect(0)
    #expect(haveSameBytes(kluis.path("back.img"), image))
    let open = ["cryptsetup", "open", "--test-passphrase", kluis.path("back.img"), "--key-file"]
    RunningProgram(open + [kluis.path("keys/luks")]).wait().expect(0)
    RunningProgram(open + [kluis.keyFile]).wait().expect(2)
  }
}
