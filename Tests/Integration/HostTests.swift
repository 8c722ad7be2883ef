import Glibc
import Testing

/// What the system around the program refuses it: room for files and memory, an output, a device.
@Suite struct HostTests {
  let kluis = Kluis(inMemory: true)

  /// Runs `kluis` as a shell's last command, after what the shell does to itself.
  private func shell(_ preparation: String, _ arguments: String) -> Outcome {
    return RunningProgram(
      ["bash", "-c", "\(preparation); exec \(Kluis.program) \(arguments)"],
      environment: ["KLUIS_VAULT": kluis.vault, "KLUIS_CACHE": kluis.path("cache")],
      directory: kluis.scratch.path
    ).wait()
  }

  private func noise(_ byteCount: Int) -> String {
    var random = seededGenerator("host")
    let image = kluis.path("disk.img")
    makeImage(image, byteCount: byteCount, &random)
    return image
  }

  @Test func `a vault of many points is used by a process that may open few files`() throws {
    let image = noise(100_000)
    for _ in 0..<24 { _ = try kluis.backUp("m", image) }
    for command in ["verify", "points", "backup m"] {
      shell("ulimit -n 24", command).expect(0)
    }
  }

  @Test func `where memory runs out the message says so, and nothing is harmed`() throws {
    let image = noise(1 << 20)
    let point = try kluis.backUp("m", image)
    shell("ulimit -v 300000", "backup m --rehash").expect(0, 1)
    let large = noise(160 << 20)
    shell("ulimit -v 300000", "backup large --disk root=\(large)")
      .expect(1, saying: "the system gives this process no more")
    kluis("verify").expect(0)
    kluis("points", "m").expect(0, saying: point)
  }

  @Test(arguments: ["points", "points --json", "stats", "show m", "ls m:root:/"])
  func `output that cannot be written is an error`(command: String) throws {
    let image = kluis.path("disk.img")
    makeFileSystem(image)
    _ = try kluis.backUp("m", image)
    shell("exec >/dev/full", command)
      .expect(1, saying: "cannot write to standard output: no space left on device")
    shell("exec >&-", command)
      .expect(1, saying: "cannot write to standard output: bad file descriptor")
  }

  private func makeFileSystem(_ image: String) {
    _ = ImageFile(image, byteCount: 4 << 20)
    run("mke2fs", "-q", "-t", "ext4", image)
  }

  @Test func `nohup keeps the end of the terminal from a backup`() throws {
    let image = noise(96 << 20)
    let backup = RunningProgram(
      ["nohup", Kluis.program, "backup", "m", "--disk", "root=\(image)"],
      environment: ["KLUIS_VAULT": kluis.vault, "KLUIS_CACHE": kluis.path("cache")])
    _ = backup.wait { kluis.vaultFiles().contains { $0.hasSuffix(".pack") } }
    backup.send(SIGHUP)
    backup.wait().expect(0)
    kluis.expect("m", restores: image)
  }

  @Test(arguments: [60, 40, 20, 8])
  func `on a narrow terminal progress keeps to a line and says how far it is`(columns: Int) throws {
    _ = try kluis.backUp("m", noise(12 << 20))
    let terminal = TerminalProgram(
      [
        "bash", "-c", "stty cols \(columns); exec \(Kluis.program) scrub --limit-rate 8M --restart",
      ], environment: ["KLUIS_VAULT": kluis.vault], directory: kluis.scratch.path)
    #expect(terminal.wait() == 0)
    let end = "\u{1B}[K"
    let lines = terminal.screen.split(separator: "\r").filter { $0.hasSuffix(end) && $0 != end }
      .map { $0.dropLast(end.count) }
    #expect(!lines.isEmpty && lines.allSatisfy { $0.contains(" %") }, "\(terminal.screen)")
    #expect(lines.allSatisfy { $0.count < columns }, "\(terminal.screen)")
  }

  @Test(.enabled(if: canAttach && canMount, "needs the right to make block devices"))
  func `a block device that is mounted is not overwritten, and one of no bytes is no disk`()
    throws
  {
    let image = kluis.path("disk.img")
    makeFileSystem(image)
    _ = try kluis.backUp("m", image)
    let device = kluis.scratch.attach(image)
    let place = kluis.scratch.directory("mounted")
    run("mount", device, place)
    let outcome = kluis("restore", "disk", "m", "--to", device, "--force")
    run("umount", place)
    outcome.expect(1, saying: "\(device) is in use")
    kluis("restore", "disk", "m", "--to", device, "--force").expect(0)

    let empty = kluis.path("empty.img")
    writeBytes([], to: empty)
    let nothing = kluis.scratch.attach(empty)
    kluis("backup", "n", "--disk", "root=\(nothing)")
      .expect(1, saying: "\(nothing) is a block device of 0 bytes")
  }

  @Test(.enabled(if: canMountExFAT, "exfat-fuse cannot be used here"))
  func `a file system without links and without renames that refuse takes images`() throws {
    let image = noise(3 << 20)
    _ = try kluis.backUp("m", image)
    let place = kluis.scratch.mountExFAT("slow")
    let target = "\(place)/disk.img"
    kluis("restore", "disk", "m", "--to", target).expect(0)
    #expect(haveSameBytes(target, image))
    kluis("restore", "disk", "m", "--to", target).expect(1, saying: "exists already")
    kluis("restore", "vm", "m", "--as", "n", "--to", place).expect(0)
    #expect(haveSameBytes("\(place)/n-root.img", image))
    #expect(!files(under: place).contains { $0.contains("partial") })
  }
}
