import Glibc
import Testing

/// Machines whose disks are qcow2 images, from the backup to the restore in their place.
@Suite(.enabled(if: isInstalled("qemu-io"), "qemu-io is not installed"))
struct ImageFormatTests {
  let kluis = Kluis(inMemory: true)

  /// A raw image and a qcow2 image of the same disk.
  private func makeImages(_ test: String, name: String = "web01") -> (raw: String, qcow2: String) {
    var random = seededGenerator(test)
    let (raw, qcow2) = (kluis.path("\(name).img"), kluis.path("\(name).qcow2"))
    makeImage(raw, byteCount: 3 << 20, &random)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2)
    return (raw, qcow2)
  }

  private func expectSame(
    _ qcow2: String, _ raw: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    RunningProgram(["qemu-img", "check", "-f", "qcow2", qcow2]).wait()
      .expect(0, sourceLocation: sourceLocation)
    RunningProgram(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow2, raw]).wait()
      .expect(0, sourceLocation: sourceLocation)
  }

  @Test func `a qcow2 image and a raw one of the same disk are one disk`() throws {
    let (raw, qcow2) = makeImages("one disk")
    let point = try kluis.backUp("web01", qcow2)
    kluis.expect(point, restores: raw)
    let other = try kluis.backUp("raw01", raw)
    let shown = try [point, other].map { try JSONValue(kluis("show", $0, "--json").output) }
    let disks = shown.map { $0["disks"].elements[0] }
    #expect(disks[0]["root"].text == disks[1]["root"].text)
    #expect(disks[0]["format"].text == "qcow2")
    kluis("show", point).expect(0, saying: "web01.qcow2 (qcow2)")
    let target = kluis.path("back.qcow2")
    kluis("restore", "disk", point, "--to", target, "--format", "qcow2").expect(0)
    expectSame(target, raw)
    kluis("restore", "disk", point, "--to", target, "--format", "qcow2").expect(1, saying: "exists")
  }

  @Test func `an overlay is backed up with what it is made over`() throws {
    let (raw, base) = makeImages("overlay")
    let overlay = kluis.path("overlay.qcow2")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "web01.qcow2", "-F", "qcow2", overlay)
    run("qemu-io", "-f", "qcow2", "-c", "write -P 7 4096 100k", overlay)
    let flat = kluis.path("flat.img")
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", overlay, flat)
    kluis.expect(try kluis.backUp("web01", overlay), restores: flat)
    #expect(!haveSameBytes(raw, flat))
    // Under a name that says nothing, it has to be told, which is remembered.
    let snapshot = kluis.path("web01.snap1")
    run("mv", overlay, snapshot)
    kluis("backup", "web02", "--disk", "root=\(snapshot)")
      .expect(1, saying: "say qcow2:\(snapshot)")
    kluis("backup", "web02", "--disk", "root=qcow2:\(snapshot)").expect(0)
    let again = try JSONValue(kluis("backup", "web02", "--json").expect(0).output)
    kluis.expect(try #require(again["id"].text), restores: flat)
    unlink(base)
    kluis("backup", "web02").expect(1, saying: "is not there")
  }

  @Test func `a raw disk whose machine made it look like an image is the file itself`() throws {
    let secret = kluis.path("secret")
    writeBytes([UInt8](repeating: 9, count: 65_536), to: secret)
    let home = kluis.scratch.directory("home")
    let image = "\(home)/disk.img"
    run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", secret, "-F", "raw", image, "64k")
    kluis("backup", "m", "--disk", "root=\(image)").expect(1, saying: "could have written")
    kluis("volumes", "--image", image).expect(1, saying: "could have written")
    let text = """
      <domain><name>m</name><devices><disk type='file'><driver name='qemu' type='raw'/>
      <source file='\(image)'/><target dev='vda'/></disk></devices></domain>
      """
    writeBytes(Array(text.utf8), to: "\(home)/m.xml")
    let outcome = kluis("backup", "m", "--definition", "\(home)/m.xml", "--json").expect(0)
    kluis.expect(try #require(JSONValue(outcome.output)["id"].text), restores: image)
    kluis("volumes", "--image", "raw:\(image)").expect(0)
  }

  @Test func `a libvirt domain's qcow2 disk is restored in place and elsewhere`() throws {
    let (raw, qcow2) = makeImages("domain")
    let text = """
      <domain type='test'><name>m</name><memory>1024</memory><os><type>hvm</type></os><devices>
      <disk type='file'><driver name='qemu' type='qcow2'/><source file='\(qcow2)'/>
      <target dev='vda'/></disk></devices></domain>
      """
    writeBytes(Array(text.utf8), to: kluis.path("m.xml"))
    kluis("backup", "m", "--definition", kluis.path("m.xml")).expect(0)
    run("qemu-io", "-f", "qcow2", "-c", "write -P 3 0 1M", qcow2)
    for options in [[], ["--delta"]] {
      let points = try JSONValue(kluis("points", "m", "--json").expect(0).output)
      let oldest = try #require(points.elements.compactMap { $0["id"].text }.min())
      let report = try JSONValue(
        kluis.run(["restore", "vm", oldest, "--in-place", "--json"] + options).expect(0).output)
      expectSame(qcow2, raw)
      let old = try #require(report["disks"].elements[0]["replaced"].text)
      run("qemu-io", "-f", "qcow2", "-r", "-c", "read -P 3 0 1M", old)
      run("qemu-io", "-f", "qcow2", "-c", "write -P 3 0 1M", qcow2)
    }
    let points = try JSONValue(kluis("points", "m", "--json").expect(0).output)
    let oldest = try #require(points.elements.compactMap { $0["id"].text }.min())
    let place = kluis.path("new")
    kluis("restore", "vm", oldest, "--as", "n", "--to", place, "--format", "qcow2").expect(0)
    expectSame("\(place)/n-vda.qcow2", raw)
    let domain = String(decoding: readBytes("\(place)/n.xml"), as: UTF8.self)
    #expect(domain.contains("type=\"qcow2\"") && domain.contains("\(place)/n-vda.qcow2"))
    kluis("backup", "n", "--definition", "\(place)/n.xml").expect(0)
    // In two steps as well.
    let disks = kluis.path("disks")
    kluis("restore", "disks", oldest, "--to", disks, "--format", "qcow2").expect(0)
    expectSame("\(disks)/vda.qcow2", raw)
    kluis("create", "--template", "\(disks)/template.json", "--to", disks, "--move-disks")
      .expect(0)
    expectSame("\(disks)/m-vda.qcow2", raw)
  }

  @Test(.enabled(if: isInstalled("mke2fs"), "mke2fs is not installed"))
  func `a VHDX image is read with what its log holds`() throws {
    let (raw, vhdx) = (kluis.path("pc01.img"), kluis.path("pc01.vhdx"))
    run("truncate", "-s", "24M", raw)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "top", raw)
    run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", "block_size=1M", raw, vhdx)
    // A write of the table of blocks that fails leaves a log.
    let options = """
      driver=vhdx,file.driver=blkdebug,file.image.driver=file,file.image.filename=\(vhdx),\
      file.inject-error.0.event=none,file.inject-error.0.iotype=write,\
      file.inject-error.0.sector=4096
      """
    _ = RunningProgram(["qemu-io", "--image-opts", "-c", "write -P 7 20M 64k", options]).wait()
    let before = readBytes(vhdx)
    let (copy, flat) = (kluis.path("copy.vhdx"), kluis.path("flat.img"))
    run("cp", vhdx, copy)
    run("qemu-img", "check", "-q", "-r", "all", copy)
    run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", copy, flat)
    #expect(!haveSameBytes(raw, flat), "there was a log")
    let point = try kluis.backUp("pc01", vhdx)
    kluis.expect(point, restores: flat)
    let shown = try JSONValue(kluis("show", point, "--json").output)
    #expect(shown["disks"].elements[0]["format"].text == "vhdx")
    let volumes = kluis("volumes", "--image", "root=\(vhdx)").expect(0, saying: "top")
    #expect(kluis("volumes", point).expect(0).output == volumes.output)
    kluis("ls", "--image", vhdx, "/").expect(0, saying: "lost+found")
    #expect(readBytes(vhdx) == before, "nothing was written to it")
  }

  @Test(arguments: ["vhdx", "vmdk", "vdi"])
  func `a disk of a format that is only read is restored elsewhere, and not in place`(
    format: String
  ) throws {
    let (raw, _) = makeImages("read only", name: "pc01")
    let image = kluis.path("pc01.\(format)")
    run("qemu-img", "convert", "-f", "raw", "-O", format, raw, image)
    let point = try kluis.backUp("pc01", image)
    kluis.expect(point, restores: raw)
    let before = readBytes(image)
    for options in [[], ["--delta"]] {
      kluis.run(["restore", "vm", point, "--in-place"] + options)
        .expect(1, saying: "is a \(format) image, which is read and not written")
    }
    #expect(readBytes(image) == before)
    let place = kluis.path("new")
    kluis("restore", "vm", point, "--as", "pc02", "--to", place).expect(0)
    #expect(haveSameBytes("\(place)/pc02-root.img", raw))
  }

  @Test func `what a definition says and an image is not, is refused`() {
    let (raw, _) = makeImages("mismatch")
    for (format, text) in [("qcow2", "is to be qcow2, and is not"), ("vdi2", "'vdi2'")] {
      let definition = """
        {"name": "m", "disks": [{"name": "a", "path": "\(raw)", "format": "\(format)"}]}
        """
      writeBytes(Array(definition.utf8), to: kluis.path("m.json"))
      kluis("backup", "m", "--definition", kluis.path("m.json")).expect(1, saying: text)
    }
  }
}
