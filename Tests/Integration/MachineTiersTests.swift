import Glibc
import Testing

/// Definitions and files of machines in other tiers and vaults, and machines made of templates.
@Suite struct MachineTiersTests {
  @Test func `transfer and replication carry a machine along, and the other region alone has it`()
    throws
  {
    var vault = RedundantVault(
      "grs", snapshots: true, secondaries: 1, seededFor: "machine in another region")
    let kluis = vault.kluis
    let machine = MachineFiles(kluis, &vault.random)
    try machine.backUp("--definition", machine.path("db01.json"), "--snapshot-only")
    kluis("transfer").expect(0)
    kluis("replicate").expect(0)
    kluis("verify").expect(0)
    for path in vault.copies + [kluis.vault, try #require(vault.snapshots)] { destroy(path) }
    let far = vault.secondaries[0]
    let place = kluis.path("rescued")
    kluis("restore", "vm", "db01", "--as", "db01", "--to", place, "--vault", far, "--keep-ids")
      .expect(3)
    machine.expectRestored("db01", in: place)
    #expect(haveSameBytes("\(place)/db01-files/notes.txt", machine.path("notes.txt")))
    kluis(
      "restore", "disks", "db01", "--to", kluis.path("disks"), "--vault", far, "--tier",
      "secondary"
    ).expect(3)
    kluis("show", "db01", "--vault", far).expect(3, saying: "notes.txt (extra)")
  }

  @Test func `scrub and verify cover a machine's files`() throws {
    var vault = RedundantVault("lrs", seededFor: "scrubbed machine")
    let kluis = vault.kluis
    let machine = MachineFiles(kluis, &vault.random)
    try machine.backUp("--definition", machine.path("db01.json"), "--exclude", "vda")
    // All that the second point stores is the new notes.
    let known = Set(packs(in: vault.copies[0]))
    var notes = [UInt8](repeating: 0, count: 5000)
    for place in notes.indices { notes[place] = UInt8.random(in: 1 ... .max, using: &vault.random) }
    writeBytes(notes, to: machine.path("notes.txt"))
    let point = try machine.backUp()
    let fresh = packs(in: vault.copies[0]).filter { !known.contains($0) }
    #expect(!fresh.isEmpty)
    for pack in fresh {
      for copy in vault.copies { flipBit(in: pack.replacing(vault.copies[0], with: copy), at: 100) }
    }
    kluis("verify", point).expect(1)
    let report = try vault.scrub("--repair", statuses: [1])
    #expect(report.lostPoints == [point])
    let place = kluis.path("out")
    kluis("restore", "vm", point, "--as", "x", "--to", place).expect(1)
    #expect(access(place, F_OK) != 0 || files(under: place).isEmpty)
  }

  @Test func `an encrypted vault shows nothing of a machine and gives back all, with its secrets`()
    throws
  {
    var random = seededGenerator("sealed machine")
    let kluis = Kluis(withoutVault: ())
    writeBytes(Array("a very long passphrase".utf8), to: kluis.path("pass"))
    writeBytes(Array("another long passphrase".utf8), to: kluis.path("pass2"))
    kluis("init", kluis.vault, "--redundancy", "single", "--encrypt", "--passphrase-file", "pass")
      .expect(0)
    let key: [String: String?] = ["KLUIS_PASSPHRASE_FILE": kluis.path("pass")]
    let machine = MachineFiles(kluis, &random)
    writeBytes(Array("disk key".utf8), to: kluis.path("luks.key"))
    kluis.run(
      ["backup", "db01", "--definition", "home/db01.xml", "--secret", "luks=luks.key"],
      environment: key
    ).expect(0)
    let place = kluis.path("out")
    kluis.run(
      ["restore", "vm", "db01", "--as", "db02", "--to", place, "--with-secrets", "keys"],
      environment: key
    ).expect(0)
    machine.expectRestored("db02", in: place)
    #expect(readBytes(kluis.path("keys/luks")) == Array("disk key".utf8))
    for file in kluis.vaultFiles() {
      let bytes = readBytes("\(kluis.vault)/\(file)")
      for word in ["db01", "variables", "52:54:00"] where bytes.count < 1 << 16 {
        #expect(!String(decoding: bytes, as: UTF8.self).contains(word), "\(file) says \(word)")
      }
    }
    let other = kluis.path("other")
    kluis(
      "init", other, "--redundancy", "single", "--encrypt", "--passphrase-file", "pass2"
    ).expect(0)
    kluis.run(
      ["copy", "db01", "--to-vault", other, "--to-passphrase-file", "pass2"], environment: key
    ).expect(0)
    destroy(kluis.vault)
    let copied = kluis.path("copied")
    kluis.run(
      ["restore", "vm", "db01", "--as", "db03", "--to", copied, "--vault", other],
      environment: ["KLUIS_PASSPHRASE_FILE": kluis.path("pass2")]
    ).expect(0)
    machine.expectRestored("db03", in: copied)
    #expect(files(under: copied).contains("db03.xml"))
  }

  @Test func `disks and an edited template become a machine`() throws {
    var random = seededGenerator("template")
    let kluis = Kluis()
    let machine = MachineFiles(kluis, &random)
    try machine.backUp("--definition", "home/db01.xml")
    let place = kluis.path("disks")
    kluis("restore", "disks", "db01", "--to", place).expect(0)
    #expect(
      files(under: place) == [
        "stored/domain.xml", "stored/machine.json", "stored/nvram.fd", "template.json", "vda.img",
        "vdb.img",
      ])
    let template = "\(place)/template.json"
    let text = String(decoding: readBytes(template), as: UTF8.self)
    func edit(_ from: String, _ to: String) {
      writeBytes(Array(text.replacing(from, with: to).utf8), to: template)
    }
    func expectRefusal(_ reason: String, sourceLocation: SourceLocation = #_sourceLocation) {
      let before = files(under: place)
      kluis("create", "--template", template, "--move-disks", "--to", kluis.path("vm"))
        .expect(1, saying: reason, sourceLocation: sourceLocation)
      #expect(files(under: place) == before, sourceLocation: sourceLocation)
      #expect(access(kluis.path("vm"), F_OK) != 0, sourceLocation: sourceLocation)
    }
    edit("\"cpus\"", "\"cpu\"")
    expectRefusal("cpu: there is no such key")
    edit("\"cpus\" : 2,", "\"cpus\" : 2")
    expectRefusal("neither JSON nor a libvirt domain")
    edit("vdb.img", "vdc.img")
    expectRefusal("vdc.img")
    edit("\"cpus\" : 2,", "\"cpus\" : 2, \"licence\" : \"sold once\",")
    expectRefusal("sold once")
    kluis("create", "--template", kluis.path("gone.json")).expect(1, saying: "gone.json")
    kluis("create").expect(64, saying: "--template")

    edit("\"db01\"", "\"db02\"")
    kluis("create", "--template", template, "--move-disks", "--to", kluis.path("vm"))
      .expect(0, saying: "made machine db02")
    for disk in ["vda", "vdb"] {
      #expect(
        haveSameBytes(kluis.path("vm/db02-\(disk).img"), machine.path("\(disk).img")))
    }
    machine.expectDefined(kluis.path("vm/db02.xml"))
    kluis("backup", "db02", "--definition", kluis.path("vm/db02.json")).expect(0)
    kluis("restore", "disks", "db01", "--to", place).expect(1, saying: "exists already")
    kluis("restore", "disks", "db01", "--to", kluis.path("one"), "--disk", "swap")
      .expect(1, saying: "vda, vdb")
  }
}
