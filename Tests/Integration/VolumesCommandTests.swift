import Testing

/// `kluis volumes` on images and on recovery points.
@Suite(
  .enabled(
    if: ["sfdisk", "mke2fs", "mkfs.fat", "mkswap"].allSatisfy(isInstalled),
    "tools that make file systems are not installed"))
struct VolumesCommandTests {
  let kluis = Kluis()

  /// GPT with a boot partition, a root and swap, 10 MiB each from 1 MiB on.
  private func makeImage() -> String {
    let image = kluis.path("disk.img")
    run("truncate", "-s", "48M", image)
    let script = """
      label: gpt
      size=10M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=ESP
      size=10M
      size=10M, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
      """
    run("sh", "-c", "echo '\(script)' | sfdisk --quiet '\(image)'")
    run("mkfs.fat", "-F", "16", "-n", "BOOT", "--offset", "2048", image, "10240")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "top", "-E", "offset=11534336", image, "10M")
    let swap = kluis.path("swap")
    run("truncate", "-s", "10M", swap)
    run("mkswap", "-q", swap)
    run("dd", "status=none", "conv=notrunc", "bs=1M", "seek=21", "if=\(swap)", "of=\(image)")
    return image
  }

  @Test func `volumes of an image and of a point of it are the same`() throws {
    let image = makeImage()
    let listed = kluis("volumes", "--image", "root=\(image)").expect(0)
    let lines = listed.output.split(separator: "\n").map { line in
      line.split(separator: " ").joined(separator: " ")
    }
    #expect(lines.count == 5)
    #expect(lines[1].hasPrefix("root disk 48.0 MiB gpt "))
    #expect(
      lines[2].hasPrefix("root/1 EFI System 10.0 MiB vfat BOOT ") && lines[2].hasSuffix(" clean"))
    #expect(lines[3].hasPrefix("root/2 Linux 10.0 MiB ext4 top ") && lines[3].hasSuffix(" clean"))
    #expect(lines[4].hasPrefix("root/3 Linux swap 10.0 MiB swap "))
    let point = try kluis.backUp("web01", image)
    #expect(kluis("volumes", point).expect(0).output == listed.output)
    let json = kluis("volumes", point, "--json").expect(0)
    #expect(json.output == kluis("volumes", "--image", "root=\(image)", "--json").output)
    let value = try JSONValue(json.output)
    #expect(value.keys == ["groups", "problems", "volumes"])
    let root = value["volumes"][2]
    #expect(root["name"].text == "root/2" && root["kind"].text == "partition")
    #expect(root["content"]["type"].text == "ext4" && root["state"].text == "clean")
    #expect(root["size"].number == 10_485_760 && root["partition"]["offset"].number == 11_534_336)
  }

  @Test func `a damaged table is told, and what is there twice or nowhere is refused`() {
    let image = makeImage()
    ImageFile(image).write([0], at: 512)
    let outcome = kluis("volumes", "--image", image).expect(
      3, saying: "the backup at the end is used")
    #expect(outcome.output.contains("disk/2"))
    kluis("volumes", "--image", image, "--image", image).expect(64, saying: "NAME=FILE")
    kluis("volumes", "web01", "--image", image).expect(64)
    kluis("volumes", "--image", kluis.path("none.img")).expect(1, saying: "none.img")
    kluis("volumes", "web02").expect(1, saying: "web02")
    kluis("volumes").expect(64)
  }
}
