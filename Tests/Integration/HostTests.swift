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
