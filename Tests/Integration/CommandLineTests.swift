import Glibc
import Testing

/// Options, names and exit statuses.
@Suite struct CommandLineTests {
  let kluis = Kluis()

  private func makeSmallImage() -> String {
    let image = kluis.path("small.img")
    writeBytes([UInt8](repeating: 7, count: 10_000), to: image)
    return image
  }

  @Test(arguments: [
    ["frobnicate"], ["init"], ["backup"], ["show"], ["restore", "disk", "m"],
    ["backup", "m", "--disk"],
    ["backup", "m", "--disk", "root"], ["backup", "m", "--disk", "=x"], ["points", "--nonsense"],
    ["backup", "m", "--disk", "a=x", "--disk", "a=y"], ["backup", "new-machine"],
    ["init", "v2", "--redundancy", "single", "--chunk-size", "12345"],
    ["init", "v2", "--redundancy", "quadruple"], ["init", "v2", "--compression", "lzma"],
    ["restore", "disk", "m", "--to", "x", "--tier", "moon"], ["init", ""],
    ["init", "v2", "--redundancy", "single", "--snapshots", ""], ["add-copy", ""],
    ["restore", "disks", "m", "--to", ""], ["restore", "vm", "m", "--as", "n", "--to", ""],
    ["init", "v2", "--copy", "a"], ["backup", "m", "--disk", "a=x", "--tag", "a=b\nc"],
    ["backup", "m", "--disk", "a=x", "--tag", "k=1", "--tag", "k=2"],
  ])
  func `a wrong command line ends with status 64 and says what to look at`(
    arguments: [String]
  ) {
    let outcome = kluis.run(arguments).expect(64)
    #expect(outcome.output.isEmpty && outcome.errors.contains("help"), "\(outcome)")
  }

  @Test func `a command that is not there is told before its options are`() {
    kluis("bakcup", "m", "--disk", "root=x")
      .expect(64, saying: "no command 'kluis bakcup': did you mean 'kluis backup'?")
    kluis("--vault", "points", "-q", "pionts", "--json").expect(64, saying: "'kluis points'?")
    kluis("restore", "m", "--to", "x").expect(64, saying: "one of disk, vm, disks, files, secrets")
    kluis("key", "lsit", "--to", "x").expect(64, saying: "'kluis key list'?")
    kluis("frobnicate", "--to", "x").expect(64, saying: "no command 'kluis frobnicate'\n")
    kluis("points", "--to", "x").expect(64, saying: "Unknown option '--to'")
    kluis("--disk", "a=b", "backup", "m").expect(64, saying: "Unknown option '--disk'")
  }

  @Test func `a disk that is named without its image is shown how that is done`() {
    kluis("backup", "m", "--disk", "root").expect(64, saying: "root=/images/a.img")
  }

  @Test func `an option without its value does not take the command for one`() {
    kluis.run(["--vault=", "points"]).expect(64, saying: "'--vault=' is followed by no value")
    kluis.run(["points", "--vault="]).expect(64, saying: "no value")
    kluis("backup", "m", "--disk=", "root=x").expect(64, saying: "'--disk='")
    kluis("backup", "m", "--disk=root=").expect(64, saying: "root=/images/a.img")
  }

  @Test func `points of a point are not looked for`() {
    kluis("points", "m@2026-11-22").expect(64, saying: "`kluis show`")
  }

  @Test func `names that are not UTF-8 are refused, since another file could be called so`() throws
  {
    let image = makeSmallImage()
    _ = try kluis.backUp("m", image)
    func shell(_ command: String) -> Outcome {
      RunningProgram(
        ["bash", "-c", "kluis() { \(Kluis.program) \"$@\"; }; \(command)"],
        environment: ["KLUIS_VAULT": kluis.vault, "KLUIS_CACHE": kluis.path("cache")],
        directory: kluis.scratch.path
      ).wait()
    }
    let before = files(under: kluis.scratch.path)
    shell("kluis restore disk m --to $'caf\\xe9.img'")
      .expect(64, saying: "argument 5, 'caf\\xE9.img', is not UTF-8")
    shell("kluis backup $'caf\\xe9' --disk root=small.img").expect(64, saying: "argument 2")
    shell("KLUIS_VAULT=$'\\xe9' kluis points").expect(64, saying: "KLUIS_VAULT, '\\xE9'")
    #expect(files(under: kluis.scratch.path) == before)
    shell("mkdir $'caf\\xe9' && cd $'caf\\xe9' && kluis backup m2 --disk root=x.img")
      .expect(1, saying: "not UTF-8")
    shell("cd $'caf\\xe9' && kluis backup m2 --disk root=\(image)").expect(0)
    shell("kluis restore disk m --to café.img").expect(0)
  }

  @Test func `a mistake that shows late is explained for its own command`() {
    kluis("backup", "new").expect(64, saying: "See 'kluis backup --help'")
    kluis("init", "v2", "--chunk-size", "5K").expect(64, saying: "See 'kluis init --help'")
    kluis("backup", "m", "--disk", "a=x", "--disk", "a=y").expect(64, saying: "called 'a'")
  }

  @Test func `every example of every help is one line of 80 columns`() {
    var waiting = [[String]()]
    var examples = 0
    while let command = waiting.popLast() {
      let help = kluis.run(command + ["--help"]).expect(0).output
      var section = ""
      for line in help.split(separator: "\n", omittingEmptySubsequences: false) {
        if line.hasSuffix(":") || line.isEmpty { section = String(line) }
        if section == "EXAMPLES:", line != "EXAMPLES:" {
          #expect(line.hasPrefix("  ") && line.count <= 80, "\(command): \(line)")
          examples += 1
        }
        if section == "SUBCOMMANDS:", line.hasPrefix("  "), !line.hasPrefix("   ") {
          waiting.append(command + [String(line.split(separator: " ")[0])])
        }
      }
    }
    #expect(examples > 60)
  }

  @Test func `a machine whose disks are named anew is told which it loses`() throws {
    let image = makeSmallImage()
    kluis("backup", "m", "--disk", "root=\(image)", "--disk", "data=\(image)").expect(0)
    let outcome = kluis("backup", "m", "--disk", "data=\(image)").expect(0)
    #expect(outcome.errors.contains("without") && outcome.errors.contains("root"), "\(outcome)")
    #expect(kluis("backup", "m").expect(0).errors.isEmpty)
  }

  @Test(arguments: [[], ["help"], ["--help"], ["backup", "--help"], ["--version"]])
  func `help and version end with status 0`(arguments: [String]) {
    #expect(kluis.run(arguments).expect(0).output.contains("kluis"))
  }

  @Test(arguments: ["", "a/b", "..", "a\nb", "a\u{7F}b", "-", "a@b", "a:b", "/", "a\\b"])
  func `a machine's name that cannot be a file's is refused`(name: String) {
    let image = makeSmallImage()
    kluis("backup", "--disk", "root=\(image)", "--", name).expect(1, 64)
    kluis("points").expect(0, saying: "no recovery points")
    #expect(!kluis.vaultFiles().contains { $0.hasPrefix("machines/") })
  }

  @Test(arguments: ["a/b", "..", "a\nb", "a:b", "-"])
  func `a disk's name that cannot be part of a path is refused`(name: String) {
    let image = makeSmallImage()
    kluis("backup", "m", "--disk", "\(name)=\(image)").expect(1, 64)
    kluis("points").expect(0, saying: "no recovery points")
  }

  @Test(arguments: ["", "a/b", "m\n", "m@", "m@2026", "@", "m@../../vault"])
  func `a point that cannot be is not found`(point: String) throws {
    _ = try kluis.backUp("machine", makeSmallImage())
    for command in [["show", point], ["verify", point], ["restore", "disk", point, "--to", "x"]] {
      kluis.run(command).expect(1, saying: "recovery point")
    }
  }

  @Test func `names with spaces, accents and a leading digit work`() throws {
    let image = makeSmallImage()
    for name in ["web 01", "2nd", "Übung", "数据库"] {
      kluis.expect(try kluis.backUp(name, image), restores: image)
      kluis.expect(name, restores: image)
    }
  }

  @Test func `the vault is named before or after the command, or by the environment`() {
    let without: [String: String?] = ["KLUIS_VAULT": nil]
    kluis.run(["--vault", kluis.vault, "points"], environment: without).expect(0)
    kluis.run(["points", "--vault", kluis.vault], environment: without).expect(0)
    kluis.run(["points", "--vault=\(kluis.vault)"], environment: without).expect(0)
    kluis.run(["points"]).expect(0)
    kluis.run(["points"], environment: without).expect(64, saying: "KLUIS_VAULT")
    kluis.run(["points"], environment: ["KLUIS_VAULT": ""]).expect(64, saying: "KLUIS_VAULT")
    let wrong: [String: String?] = ["KLUIS_VAULT": "/nowhere"]
    kluis.run(["points", "--vault", kluis.vault], environment: wrong).expect(0)
    kluis.run(["--vault", kluis.vault, "points"], environment: wrong).expect(0)
    kluis.run(["points"], environment: wrong).expect(1, saying: "/nowhere is not a vault")
  }

  @Test func `--quiet prints nothing when all is well`() throws {
    let image = makeSmallImage()
    for command in [
      ["backup", "m", "--disk", "root=\(image)", "--quiet"], ["-q", "verify"],
      ["restore", "disk", "m", "--to", kluis.path("r.img"), "-q"], ["rebuild-index", "--quiet"],
      ["init", kluis.path("v2"), "--redundancy", "single", "--quiet"],
    ] {
      let outcome = kluis.run(command).expect(0)
      #expect(outcome.text.isEmpty, "\(outcome)")
    }
    let failed = kluis("backup", "m", "--disk", "root=/nowhere", "--quiet").expect(1)
    #expect(!failed.errors.isEmpty)
  }

  @Test func `completion scripts are made for every shell`() {
    for shell in ["bash", "zsh", "fish"] {
      kluis("--generate-completion-script", shell).expect(0, saying: "rebuild-index")
    }
  }

  @Test func `output to a program that stopped reading does not crash`() throws {
    _ = try kluis.backUp("m", makeSmallImage())
    let command = "\(Kluis.program) points --json --vault \(kluis.vault) | true"
    RunningProgram(["bash", "-c", command]).wait().expect(0)
  }
}
