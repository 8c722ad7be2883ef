import Glibc
import Testing

/// What a person does with Kluis on an ordinary day.
@Suite struct EverydayTests {
  let kluis = Kluis()

  @Test func `a machine is backed up, changed, backed up again, and both days come back`() throws {
    var random = seededGenerator("everyday")
    let image = kluis.path("web01.img")
    makeImage(image, byteCount: 6 << 20, &random)
    let first = try kluis.backUp("web01", image)
    let monday = kluis.path("monday.img")
    run("cp", image, monday)

    ImageFile(image).writeNoise(at: 1 << 20, count: 1 << 20, &random)
    kluis("backup", "web01").expect(0, saying: "saved")

    kluis("points").expect(0, saying: first)
    kluis("show", "web01").expect(0, saying: "disk         root")
    kluis("stats").expect(0, saying: "1 machine, 2 points")
    kluis("verify").expect(0, saying: "2 points")
    kluis.expect("web01", restores: image)
    kluis.expect("web01@latest", restores: image)
    kluis.expect(first, restores: monday)
  }

  @Test func `what did not change is not stored again`() throws {
    var random = seededGenerator("unchanged")
    let image = kluis.path("web01.img")
    makeImage(image, byteCount: 4 << 20, &random)
    _ = try kluis.backUp("web01", image)
    let again = kluis("backup", "web01", "--json").expect(0)
    #expect(try JSONValue(again.output)["disks"][0]["newBytes"].number == 0)
    run("cp", image, kluis.path("copy.img"))
    let other = kluis("backup", "web02", "--disk", "root=copy.img", "--json").expect(0)
    #expect(try JSONValue(other.output)["disks"][0]["newBytes"].number == 0)
  }

  @Test func `a disk that was made larger or smaller is backed up as it is now`() throws {
    var random = seededGenerator("resized")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 2 << 20, &random)
    _ = try kluis.backUp("m", image)
    for byteCount in [65 << 20, 3 << 20, 1_000_000, 200 << 20] {
      ImageFile(image).resize(byteCount)
      kluis.expect(try kluis.backUp("m", image), restores: image)
    }
    kluis("verify").expect(0)
  }

  @Test func `a machine with several disks asks which one to restore`() throws {
    var random = seededGenerator("several disks")
    let (root, data) = (kluis.path("root.img"), kluis.path("data.img"))
    makeImage(root, byteCount: 1 << 20, &random)
    makeImage(data, byteCount: 2 << 20, &random)
    kluis("backup", "db01", "--disk", "root=\(root)", "--disk", "data=\(data)").expect(0)
    let target = kluis.path("target.img")
    kluis("restore", "disk", "db01", "--to", target).expect(64, saying: "root, data")
    kluis("restore", "disk", "db01", "--disk", "swap", "--to", target)
      .expect(1, saying: "root, data")
    kluis("restore", "disk", "db01", "--disk", "data", "--to", target).expect(0)
    #expect(haveSameBytes(target, data))
  }

  @Test func `who names a file after a format that it will not be is told`() throws {
    let image = kluis.path("a.img")
    writeBytes([UInt8](repeating: 5, count: 4096), to: image)
    _ = try kluis.backUp("a", image)
    for (name, advice) in [
      ("a.VHD", "--format vhd-fixed"), ("a.qcow2", "--format qcow2"),
      ("a.vmdk", "qemu-img convert"),
    ] {
      let outcome = kluis("restore", "disk", "a", "--to", kluis.path(name)).expect(0)
      #expect(outcome.errors.contains("note: ") && outcome.errors.contains(advice), "\(outcome)")
      #expect(haveSameBytes(kluis.path(name), image))
    }
    for arguments in [["b.img"], ["b.vhd", "--format", "vhd-fixed"], ["b"]] {
      let outcome = kluis.run(["restore", "disk", "a", "--to"] + arguments).expect(0)
      #expect(outcome.errors.isEmpty, "\(outcome)")
    }
  }

  @Test func `an existing image is replaced only with --force`() throws {
    var random = seededGenerator("force")
    let (image, target) = (kluis.path("a.img"), kluis.path("target.img"))
    makeImage(image, byteCount: 1 << 20, &random)
    makeImage(target, byteCount: 3 << 20, &random)
    _ = try kluis.backUp("a", image)
    kluis("restore", "disk", "a", "--to", target).expect(1, saying: "--force")
    #expect(readBytes(target).count == 3 << 20)
    kluis("restore", "disk", "a", "--to", target, "--force").expect(0)
    #expect(haveSameBytes(target, image))
    let nowhere = kluis.path("no/such/place")
    kluis("restore", "disk", "a", "--to", nowhere).expect(1, saying: "make it")
    kluis("restore", "disk", "a", "--to", kluis.scratch.path, "--force")
      .expect(1, saying: "is a directory: give the name of the image")
  }

  @Test(arguments: [0, 1, 4095, 4096, 4097, (64 << 20) - 1, 64 << 20, (64 << 20) + 1])
  func `a disk of any size comes back with that size`(byteCount: Int) throws {
    var random = seededGenerator("size \(byteCount)")
    let image = kluis.path("odd.img")
    let file = ImageFile(image, byteCount: byteCount)
    for start in [0, max(0, byteCount - 5000)] {
      file.writeNoise(at: start, count: min(5000, byteCount - start), &random)
    }
    let outcome = kluis("backup", "odd", "--disk", "root=\(image)").expect(0)
    #expect(outcome.errors.contains("is empty") == (byteCount == 0), "\(outcome)")
    kluis.expect("odd", restores: image)
    kluis("verify").expect(0)
  }

  @Test func `ten tebibytes of mostly nothing take seconds and little memory`() throws {
    var random = seededGenerator("sparse")
    let image = kluis.path("huge.img")
    let file = ImageFile(image, byteCount: 10 << 40)
    for _ in 0..<8 {
      let place = Int.random(in: 0..<(10 << 40) / 4096 - 256, using: &random)
      file.writeNoise(at: place * 4096, count: 1 << 20, &random)
    }
    file.writeNoise(at: (10 << 40) - 4096, count: 4096, &random)
    let target = kluis.path("restored.img")
    for command in [
      ["backup", "huge", "--disk", "root=\(image)"], ["backup", "huge"], ["verify"],
      ["restore", "disk", "huge", "--to", target],
    ] {
      let outcome = kluis.run(command).expect(0)
      #expect(outcome.peakBytes < 256 << 20, "\(outcome.peakBytes) bytes: \(outcome)")
      #expect(outcome.cpuSeconds < 10, "\(outcome.cpuSeconds) s: \(outcome)")
    }
    #expect(haveSameBytes(image, target))
  }

  @Test func `holes stay holes`() throws {
    let image = kluis.path("holes.img")
    let file = ImageFile(image, byteCount: 256 << 20)
    file.write([1], at: 128 << 20)
    kluis("backup", "holes", "--disk", "root=\(image)").expect(0)
    let target = kluis.path("restored.img")
    kluis("restore", "disk", "holes", "--to", target).expect(0)
    #expect(haveSameBytes(image, target))
    let blocks = Int(run("stat", "-c", "%b", target).prefix { $0 != "\n" }) ?? .max
    #expect(blocks * 512 < 1 << 20)
  }

  @Test(.enabled(if: isInstalled("qemu-img"), "qemu-img is not installed"))
  func `a fixed VHD is backed up without its footer`() throws {
    var random = seededGenerator("vhd")
    let (raw, vhd) = (kluis.path("disk.img"), kluis.path("disk.vhd"))
    makeImage(raw, byteCount: 8 << 20, &random)
    run(
      "qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", raw,
      vhd)
    let point = try kluis.backUp("hyperv", vhd)
    kluis.expect(point, restores: raw)
  }
}
