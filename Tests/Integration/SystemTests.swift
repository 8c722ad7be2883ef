import Glibc
import Testing

/// Full disks, read-only places and block devices; most of it needs root.
@Suite struct SystemTests {
  let kluis = Kluis(withoutVault: ())

  private func makeNoise(_ name: String, _ byteCount: Int, _ random: inout SeededGenerator)
    -> String
  {
    let image = kluis.path(name)
    makeImage(image, byteCount: byteCount, &random)
    return image
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `a full vault refuses, keeps its points, and goes on when there is room`() throws {
    var random = seededGenerator("full vault")
    _ = kluis.scratch.mountMemory("vault", byteCount: 40 << 20)
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    let small = makeNoise("small.img", 2 << 20, &random)
    let large = makeNoise("large.img", 96 << 20, &random)
    let point = try kluis.backUp("small", small)
    kluis("backup", "large", "--disk", "root=\(large)").expect(1, saying: "full")
    kluis("points").expect(0, saying: point)
    kluis("verify").expect(0)
    kluis.expect(point, restores: small)

    run("mount", "-o", "remount,size=\(200 << 20)", kluis.vault)
    let next = try kluis.backUp("large", large)
    kluis.expect(next, restores: large)
    kluis("verify").expect(0)
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `a disk that fills up at any byte harms no point`() throws {
    var random = seededGenerator("full at any byte")
    _ = kluis.scratch.mountMemory("vault", byteCount: 64 << 20)
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    let image = makeNoise("a.img", 2 << 20, &random)
    let point = try kluis.backUp("m", image)
    run("cp", image, kluis.path("first.img"))
    for _ in 0..<16 {
      ImageFile(image).writeNoise(at: 0, count: 1 << 20, &random)
      let free = Int.random(in: 0..<330, using: &random) << 12
      fill("\(kluis.vault)/ballast", leaving: free)
      let outcome = kluis("backup", "m", "--disk", "root=\(image)").expect(0, 1)
      if outcome.status == 1 { outcome.expect(1, saying: "full") }
      kluis("points").expect(0, saying: point)
      kluis.expect(point, restores: kluis.path("first.img"))
      unlink("\(kluis.vault)/ballast")
    }
    kluis("verify").expect(0)
    kluis.expect(try kluis.backUp("m", image), restores: image)
  }

  /// Takes all room of a file system but so many bytes.
  private func fill(_ path: String, leaving byteCount: Int) {
    let file = ImageFile(path, byteCount: 0)
    let free = Int(run("stat", "--file-system", "-c", "%f", kluis.vault).prefix { $0 != "\n" })!
    let piece = [UInt8](repeating: 1, count: 4096)
    for block in 0..<max(0, free - byteCount / 4096) { file.write(piece, at: block * 4096) }
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `a restore to a full disk says so and leaves nothing behind`() throws {
    var random = seededGenerator("full target")
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    let image = makeNoise("a.img", 24 << 20, &random)
    let point = try kluis.backUp("m", image)
    let place = kluis.scratch.mountMemory("small", byteCount: 8 << 20)
    kluis("restore", "disk", point, "--to", "\(place)/a.img").expect(1, saying: "no space left")
    #expect(files(under: place).isEmpty)
    kluis.expect(point, restores: image)
  }

  @Test(
    .enabled(
      if: canMount && isInstalled("mke2fs"), "needs mke2fs and the right to mount a file system"))
  func `a restore of files stops where the disk is full, and leaves no half file`() throws {
    var random = seededGenerator("files to a full target")
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    let tree = kluis.scratch.directory("tree")
    for number in 0..<40 { _ = makeNoise("tree/\(number)", 1 << 20, &random) }
    let image = kluis.path("files.img")
    run("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "64M")
    _ = try kluis.backUp("m", image)
    let place = kluis.scratch.mountMemory("small", byteCount: 8 << 20)
    let outcome = kluis("restore", "files", "m", "root:/", "--to", "\(place)/files")
      .expect(1, saying: "no space left on device; what is whole stays")
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
    let restored = files(under: "\(place)/files")
    #expect(!restored.isEmpty && restored.count < 9, "\(restored)")
    for name in restored {
      #expect(haveSameBytes("\(place)/files/\(name)", "\(tree)/\(name)"), "\(name)")
    }
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `a read-only vault is read and not written`() throws {
    var random = seededGenerator("read-only")
    _ = kluis.scratch.mountMemory("vault", byteCount: 32 << 20)
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    let image = makeNoise("a.img", 4 << 20, &random)
    let point = try kluis.backUp("m", image)
    run("mount", "-o", "remount,ro", kluis.vault)
    for command in ["points", "stats", "verify"] { kluis(command).expect(0) }
    kluis.expect(point, restores: image)
    ImageFile(image).writeNoise(at: 0, count: 1 << 20, &random)
    kluis("backup", "m").expect(1, saying: "read-only")
    kluis("rebuild-index").expect(1, saying: "read-only")
    kluis("points").expect(0, saying: point)
  }

  @Test(.enabled(if: canDropRights, "only root can run a program with fewer rights"))
  func `a vault of somebody else is refused with a reason`() {
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    writeBytes([1, 2, 3], to: kluis.path("a.img"))
    let place: [String: String?] = ["KLUIS_VAULT": kluis.vault]
    func asAnother(_ arguments: String...) -> Outcome {
      RunningProgram(asNobody + [Kluis.program] + arguments, environment: place).wait()
    }
    asAnother("points").expect(0)
    asAnother("backup", "m", "--disk", "root=\(kluis.path("a.img"))")
      .expect(1, saying: "permission denied")
    chmod("\(kluis.vault)/points", 0o700)
    asAnother("points").expect(1, saying: "permission denied")
    chmod("\(kluis.vault)/vault.json", 0o600)
    asAnother("points").expect(1, saying: "permission denied")
  }

  @Test(.enabled(if: canAttach, "needs the right to make loop devices"))
  func `a block device is a source like an image`() throws {
    var random = seededGenerator("device source")
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    let image = makeNoise("a.img", (9 << 20) + 512, &random)
    let device = kluis.scratch.attach(image)
    let point = try kluis.backUp("m", device)
    kluis.expect(point, restores: image)
    kluis("show", point).expect(0, saying: device)
  }

  @Test(.enabled(if: canAttach, "needs the right to make loop devices"))
  func `a block device is a target only with --force and with room`() throws {
    var random = seededGenerator("device target")
    kluis("init", kluis.vault, "--redundancy", "single").expect(0)
    let image = kluis.path("a.img")
    let file = ImageFile(image, byteCount: 130 << 20)
    file.writeNoise(at: 3 << 20, count: 5 << 20, &random)
    file.writeNoise(at: 129 << 20, count: 1 << 20, &random)
    let point = try kluis.backUp("m", image)
    let old = makeNoise("old.img", 132 << 20, &random)
    let device = kluis.scratch.attach(old)
    kluis("restore", "disk", point, "--to", device).expect(1, saying: "--force")
    kluis("restore", "disk", point, "--to", device, "--force").expect(0)
    ImageFile(old).resize(130 << 20)
    #expect(haveSameBytes(old, image))

    let tiny = kluis.scratch.attach(makeNoise("tiny.img", 1 << 20, &random))
    kluis("restore", "disk", point, "--to", tiny, "--force").expect(1, saying: "needs")
  }
}
