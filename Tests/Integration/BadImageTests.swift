import Glibc
import Testing

/// Images that are no disks, and disks that change under the reader.
@Suite struct BadImageTests {
  let kluis = Kluis()

  /// A backup that fails names its image and leaves no point.
  private func expectRefusal(
    _ image: String, saying wanted: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let outcome = kluis("backup", "m", "--disk", "root=\(image)")
    outcome.expect(1, saying: wanted, sourceLocation: sourceLocation)
    outcome.expect(1, saying: image, sourceLocation: sourceLocation)
    kluis("points").expect(0, saying: "no recovery points", sourceLocation: sourceLocation)
  }

  @Test func `an image that is not there is named`() {
    expectRefusal(kluis.path("missing.img"), saying: "no such file")
    symlink(kluis.path("nowhere"), kluis.path("dangling"))
    expectRefusal(kluis.path("dangling"), saying: "no such file")
    symlink(kluis.path("loop"), kluis.path("loop"))
    expectRefusal(kluis.path("loop"), saying: "symbolic links")
  }

  @Test func `what is no disk is refused, and a pipe is not waited for`() {
    expectRefusal(kluis.scratch.directory("folder"), saying: "neither a file nor a block device")
    mkfifo(kluis.path("pipe"), 0o644)
    expectRefusal(kluis.path("pipe"), saying: "neither a file nor a block device")
    expectRefusal("/dev/zero", saying: "neither a file nor a block device")
  }

  @Test(arguments: [
    ("QFI\u{FB}", "qcow2"), ("vhdxfile", "vhdx"), ("KDMV", "vmdk"), ("conectix", "vhd"),
    ("WithoutFreeSpace", "Parallels"), ("WithouFreSpacExt", "Parallels"),
  ])
  func `an image in a format that is not read is called by its name`(
    magic: String, name: String
  ) {
    let image = kluis.path("disk.img")
    let start = magic.unicodeScalars.map { UInt8($0.value) }
    writeBytes(start + [UInt8](repeating: 0, count: 4096), to: image)
    expectRefusal(image, saying: name)
  }

  @Test(.enabled(if: isInstalled("qemu-img"), "qemu-img is not installed"))
  func `a fixed VHD whose footer is damaged is refused`() {
    let image = kluis.path("a.vhd")
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed", image, "8M")
    let file = ImageFile(image)
    file.write([0x55], at: readBytes(image).count - 512 + 40)
    expectRefusal(image, saying: "footer")
  }

  @Test(.enabled(if: isInstalled("qemu-img"), "qemu-img is not installed"))
  func `a VHD whose footer is cut off or unknown is not taken for a raw image`() {
    let image = kluis.path("a.VHD")
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed", image, "8M")
    let byteCount = readBytes(image).count
    ImageFile(image).resize(byteCount - 1)
    expectRefusal(image, saying: "footer")
    ImageFile(image).resize(byteCount - 512)
    expectRefusal(image, saying: "footer")
    rename(image, kluis.path("a.img"))
    kluis("backup", "m", "--disk", "root=\(kluis.path("a.img"))").expect(0)
  }

  @Test(arguments: [
    (["gzip", "-k"], "gz", "gzip"), (["bzip2", "-k"], "bz2", "bzip2"), (["xz", "-k"], "xz", "xz"),
    (["zstd", "-q"], "zst", "zstd"),
  ])
  func `a compressed image is stored as it is, and that is told`(
    command: [String], ending: String, name: String
  ) throws {
    guard isInstalled(command[0]) else { return }
    let disk = kluis.path("disk.img")
    writeBytes([UInt8](repeating: 7, count: 100_000), to: disk)
    RunningProgram(command + [disk]).wait().expect(0)
    let image = "\(disk).\(ending)"
    let outcome = kluis("backup", "m", "--disk", "root=\(image)").expect(0)
    #expect(
      outcome.errors.hasPrefix("note: \(image) is a file that \(name) compressed"), "\(outcome)")
    kluis.expect("m", restores: image)
    #expect(kluis("backup", "m", "--quiet").expect(0).errors.isEmpty)
    #expect(kluis("backup", "m", "--disk", "root=raw:\(image)").expect(0).errors.isEmpty)
    #expect(kluis("backup", "m").expect(0).errors.isEmpty, "what was said is remembered")
    #expect(kluis("backup", "m", "--disk", "root=\(disk)").expect(0).errors.isEmpty)
  }

  @Test func `a name with a newline in it is shown on one line`() throws {
    let image = kluis.path("two\nlines.img")
    writeBytes([1, 2, 3], to: image)
    kluis.expect(try kluis.backUp("m", image), restores: image)
    kluis("show", "m").expect(0, saying: "two\\nlines.img'")
  }

  @Test(.enabled(if: canDropRights, "only root can run a program with fewer rights"))
  func `an image that may not be read is named`() {
    let image = kluis.path("secret.img")
    writeBytes([1, 2, 3], to: image)
    chmod(image, 0o600)
    run("chown", "-R", "65534:65534", kluis.vault)
    let command = asNobody + [Kluis.program, "backup", "m", "--disk", "root=\(image)"]
    RunningProgram(command, environment: ["KLUIS_VAULT": kluis.vault]).wait()
      .expect(1, saying: "cannot open \(image): permission denied")
  }

  @Test(arguments: [("shrank", -1), ("grew", 1)])
  func `an image that changes its size while it is read makes no point`(
    word: String, direction: Int
  ) throws {
    var random = seededGenerator(word)
    let image = kluis.path("live.img")
    let byteCount = 160 << 20
    for attempt in 0..<10 {
      let machine = "m\(attempt)"
      makeImage(image, byteCount: byteCount, &random)
      let packs = packCount()
      let backup = kluis.start(["backup", machine, "--disk", "root=\(image)"])
      _ = backup.wait { packCount() > packs }
      ImageFile(image).resize(byteCount / 2 * (2 + direction))
      let outcome = backup.wait()
      if outcome.status == 0 { continue }
      outcome.expect(1, saying: word)
      outcome.expect(1, saying: image)
      kluis("points", machine).expect(0, saying: "no recovery points")
      kluis.expect(try kluis.backUp(machine, image), restores: image)
      return
    }
    Issue.record("the backup was never slow enough to be disturbed")
  }

  private func packCount() -> Int { kluis.vaultFiles().count { $0.hasSuffix(".pack") } }
}
