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

  private func makeFileSystem(_ image: String) {
    _ = ImageFile(image, byteCount: 4 << 20)
    run("mke2fs", "-q", "-t", "ext4", image)
  }
}
