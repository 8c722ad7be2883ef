import Glibc
import Testing

/// Where keys and passphrases must never be seen.
@Suite struct KeyLeakTests {
  private static let passphrase = "Vq8 planted passphrase Jx2"
  private static let secret = "Hn4 planted secret Kz9"

  /// An encrypted vault with a slot of each kind, and what was said while it was made and used.
  private func useVault() throws -> (kluis: Kluis, said: [Outcome]) {
    var random = seededGenerator("leaks")
    var kluis = Kluis(in: Scratch(inMemory: true))
    kluis.giveKey()
    let typed = kluis.makePassphraseFile("pass.txt", Self.passphrase)
    let second = kluis.makeKeyFile("second.key")
    let secret = kluis.makePassphraseFile("secret.txt", Self.secret)
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 500_000, &random)
    let make = ["init", kluis.vault, "--redundancy", "lrs", "--encrypt"]
    let disk = ["--disk", "root=\(image)", "--secret", "luks=\(secret)"]
    var said: [Outcome] = []
    for command in [
      make, ["key", "add", "--new-passphrase-file", typed], ["key", "list"],
      ["key", "add", "--new-key-file", second, "--json"], ["backup", "m"] + disk,
      ["backup", "m", "--json"], ["points", "--json"], ["show", "m", "--json"],
      ["stats", "--json"], ["verify", "--json"], ["scrub", "--json"],
      ["key", "list", "--json"], ["key", "check"],
      ["key", "check", "--json"], ["restore", "secrets", "m", "--to", "out"],
      ["restore", "secrets", "m", "--to", "out2", "--json"],
      ["restore", "disk", "m", "--to", "out.img", "--json"],
      ["key", "export", "--to", kluis.path("sheet.txt")],
    ] { said.append(kluis.run(command).expect(0)) }
    let other = kluis.with(passphraseFile: typed)
    for command in [
      ["points"], ["backup", "m"], ["key", "check", "--json"],
      ["key", "rotate", "--new-passphrase-file", typed],
      ["key", "import", kluis.path("sheet.txt"), "--new-passphrase-file", typed],
    ] { said.append(other.run(command).expect(0)) }
    for wrong in [typed, secret] { said.append(kluis("points", "--key-file", wrong).expect(1)) }
    said.append(kluis("points", "--passphrase-file", secret).expect(64, 1))
    said.append(kluis("key", "import", secret, "--new-key-file", second).expect(1))
    return (kluis, said)
  }

  @Test func `no command but the export says anything of a key, and no store holds it`() throws {
    let (kluis, said) = try useVault()
    let sheet = String(decoding: readBytes(kluis.path("sheet.txt")), as: UTF8.self)
    let lines = sheet.split(separator: "\n").filter { $0.contains(/^ *[1-4]:/) }
      .map { String($0.split(separator: ":")[1].drop { $0 == " " }) }
    #expect(lines.count == 4)
    var hidden = [Self.passphrase, Self.secret] + lines + lines.map { $0.filter { $0 != " " } }
    for file in [kluis.keyFile, kluis.path("second.key")] {
      let hex = readBytes(file).map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0\(digits)" : digits
      }.joined()
      hidden += [hex, hex.uppercased(), String(run("base64", file).prefix(40))]
    }
    for text in hidden {
      for outcome in said { #expect(!outcome.text.contains(text), "\(text)\n\(outcome)") }
      #expect(!isFound(text, under: kluis.vault), "\(text)")
    }
    for file in [kluis.keyFile, kluis.path("second.key")] { expectNowhere(file, in: kluis.vault) }
  }

  /// Expects that no file under a directory holds the bytes of another.
  private func expectNowhere(_ secret: String, in directory: String) {
    let bytes = readBytes(secret)
    for file in files(under: directory) {
      let found = readBytes("\(directory)/\(file)")
      let isThere = found.withUnsafeBytes { all in
        (0..<max(0, all.count - bytes.count)).contains { place in
          all[place] == bytes[0] && memcmp(all.baseAddress! + place, bytes, bytes.count) == 0
        }
      }
      #expect(!isThere, "\(file) holds \(secret)")
    }
  }

  /// An encrypted vault that a passphrase opens and in which nothing goes fast; anybody may use it.
  private func makeVault() -> Kluis {
    let kluis = Kluis(in: Scratch(inMemory: true))
    var random = seededGenerator("running backup")
    makeImage(kluis.path("large.img"), byteCount: 48 << 20, &random)
    let typed = kluis.makePassphraseFile("pass.txt", Self.passphrase)
    let owner = kluis.with(passphraseFile: typed)
    owner(
      "init", kluis.vault, "--redundancy", "single", "--encrypt", "--compression", "zstd:19"
    ).expect(0)
    run("chmod", "-R", "a+rwX", kluis.scratch.path)
    return owner
  }

  /// As far as the system lets it, a program leaves a core file.
  private static let withCores = ["bash", "-c", "ulimit -c $(ulimit -H -c); exec \"$@\"", "bash"]

  /// Starts a backup, stops it when it has read its key, and kills it in the end.
  private func withRunningBackup(
    of kluis: Kluis, by person: [String] = [], _ body: (RunningProgram) -> Void
  ) {
    let disk = ["--disk", "root=\(kluis.path("large.img"))"]
    let backup = RunningProgram(
      Self.withCores + person + [Kluis.program, "backup", "m"] + disk,
      environment: kluis.variables.merging(["KLUIS_VAULT": kluis.vault]) { $1 },
      directory: kluis.scratch.path)
    let isHidden = backup.wait { name(of: backup) == "kluis" && coreLimit(of: backup) == "1" }
    #expect(isHidden, "core files are forbidden as soon as the key is read")
    backup.send(SIGSTOP)
    #expect(backup.isRunning, "the backup was too fast to be looked at")
    body(backup)
    backup.send(SIGKILL)
    _ = backup.wait()
  }

  private func name(of program: RunningProgram) -> String {
    let name = RunningProgram(["cat", "/proc/\(program.process)/comm"]).wait().output
    return String(name.dropLast())
  }

  private func coreLimit(of program: RunningProgram) -> String? {
    let limits = RunningProgram(["cat", "/proc/\(program.process)/limits"]).wait().output
    let line = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
    return line?.split(separator: " ").dropFirst(4).first.map(String.init)
  }

  @Test func `who lists the processes sees no key`() throws {
    let kluis = makeVault()
    withRunningBackup(of: kluis) { backup in
      for (file, wanted) in [("environ", "pass.txt"), ("cmdline", "backup")] {
        let shown = RunningProgram(["cat", "/proc/\(backup.process)/\(file)"]).wait()
        // Its environment is hidden from everybody but root.
        #expect(shown.status != 0 || shown.output.contains(wanted), "\(shown)")
        #expect(!shown.output.contains(Self.passphrase))
      }
    }
  }

  @Test(.enabled(if: canDropRights, "needs root and setpriv"))
  func `another process of the same user cannot look into its memory`() {
    let kluis = makeVault()
    withRunningBackup(of: kluis, by: asNobody) { backup in
      for file in ["environ", "maps", "mem", "fd"] {
        let place = "/proc/\(backup.process)/\(file)"
        RunningProgram(asNobody + [file == "fd" ? "ls" : "cat", place]).wait()
          .expect(1, 2, saying: "denied")
      }
    }
  }

  @Test(arguments: [SIGABRT, SIGQUIT, SIGSEGV])
  func `a backup that crashes leaves no core file`(signal: Int32) {
    let kluis = makeVault()
    let other = RunningProgram(Self.withCores + ["sleep", "9"], directory: kluis.scratch.path)
    #expect(other.wait { name(of: other) == "sleep" })
    other.send(signal)
    #expect(other.wait().signal == signal)
    let found = cores(in: kluis.scratch.path)
    print("a program that hides nothing leaves \(found.isEmpty ? "no" : "a") core file here")
    for core in found { unlink(core) }
    withRunningBackup(of: kluis) { backup in
      backup.send(signal)
      backup.send(SIGCONT)
      #expect(!backup.wait { false } && cores(in: kluis.scratch.path).isEmpty)
    }
  }

  private func cores(in directory: String) -> [String] {
    run("find", directory, "-maxdepth", "1", "-name", "*core*").split(separator: "\n")
      .map(String.init)
  }
}
