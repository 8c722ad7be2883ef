import Glibc
import Testing

/// Whole machines: backed up by their definition, and made again.
@Suite struct MachineTests {
  private let kluis = Kluis()

  private func makeMachine(_ test: String) -> MachineFiles {
    var random = seededGenerator(test)
    return MachineFiles(kluis, &random)
  }

  @Test func `a libvirt machine is backed up by its XML, then by name, and shown`() throws {
    let machine = makeMachine("by XML")
    try machine.backUp("--definition", "home/db01.xml")
    let again = kluis("backup", "db01", "--json").expect(0)
    let report = try JSONValue(again.output)
    #expect(report["disks"].elements.compactMap { $0["name"].text } == ["vda", "vdb"])
    #expect(report["disks"][0]["newBytes"].number == 0)
    let listed = try JSONValue(kluis("points", "--json").expect(0).output)
    #expect(listed.elements.count == 2)
    for point in listed.elements {
      #expect(point["definition"]["uuid"].text == MachineFiles.uuid)
      #expect(point["definition"]["memoryBytes"].number == 536_870_912)
      #expect(point["definition"]["disks"][1]["path"].text == "vdb.img")
      #expect(point["excluded"].elements.isEmpty)
    }
    let shown = kluis("show", "db01").expect(0, saying: "2 processors, 512 MiB").output
    for line in ["52:54:00:aa:00:01 on default", "db01.xml (definition)", "vars.fd (nvram)"] {
      #expect(shown.contains(line), "\(shown)")
    }
    let json = try JSONValue(kluis("show", "db01", "--json").expect(0).output)
    #expect(json["definition"]["nics"][0]["network"].text == "default")
  }

  @Test func `a disk that the hypervisor encrypts is told with its secret until that is kept`()
    throws
  {
    let machine = makeMachine("encrypted by the hypervisor")
    let uuid = "f52a81b2-424e-490c-823d-6bd4235bc572"
    let secret = "<secret type='passphrase' uuid='\(uuid)'/>"
    let element = "<encryption format='luks'>\(secret)</encryption>"
    let domain = MachineFiles.domain.replacing(
      "<target dev='vdb'", with: "\(element)<target dev='vdb'", maxReplacements: 1)
    try #require(domain.contains(uuid))
    machine.write(domain, to: "db01.xml")
    let first = kluis("backup", "db01", "--definition", machine.path("db01.xml")).expect(0)
    #expect(first.errors.contains("disk vdb is encrypted by the hypervisor"), "\(first)")
    #expect(first.errors.contains("--secret \(uuid)=FILE"), "\(first)")
    let without = kluis("backup", "db01", "--exclude", "vdb").expect(0)
    #expect(!without.errors.contains("encrypted"), "\(without)")
    machine.write("passphrase", to: "secret")
    kluis("key", "generate", kluis.path("secrets.key")).expect(0)
    let kept = kluis(
      "backup", "db01", "--include", "vda", "--include", "vdb", "--secret",
      "\(uuid)=\(machine.path("secret"))", "--secrets-key-file", kluis.path("secrets.key")
    ).expect(0)
    #expect(!kept.errors.contains("encrypted"), "\(kept)")
  }

  @Test func `a change of the definition is read by the next backup`() throws {
    let machine = makeMachine("changed definition")
    let first = try machine.backUp("--definition", "home/db01.json")
    let smaller = MachineFiles.json.replacing(
      #","# + "\n" + #"            {"name": "vdb", "path": "vdb.img"}"#, with: "")
    machine.write(smaller, to: "db01.json")
    try machine.backUp()
    kluis("restore", "vm", "db01", "--as", "small", "--to", kluis.path("small")).expect(0)
    #expect(files(under: kluis.path("small")).contains("small-vdb.img") == false)
    kluis("restore", "vm", first, "--as", "whole", "--to", kluis.path("whole")).expect(0)
    machine.expectRestored("whole", in: kluis.path("whole"))
  }

  @Test func `the choice of disks holds until another is made`() throws {
    let machine = makeMachine("choice")
    func expectTaken(
      _ names: [String], left: [String], _ options: String...,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let outcome = kluis.run(["backup", "db01", "--json"] + options)
      outcome.expect(0, sourceLocation: sourceLocation)
      let report = try JSONValue(outcome.output)
      #expect(
        report["disks"].elements.compactMap { $0["name"].text } == names,
        sourceLocation: sourceLocation)
      #expect(
        report["excluded"].elements.compactMap(\.text) == left, sourceLocation: sourceLocation)
    }
    try expectTaken(
      ["vda"], left: ["vdb"], "--definition", machine.path("db01.xml"), "--exclude", "vdb")
    try expectTaken(["vda"], left: ["vdb"])
    kluis("show", "db01").expect(0, saying: "left out     disk vdb")
    try expectTaken(["vdb"], left: ["vda"], "--include", "vdb")
    try expectTaken(["vdb"], left: ["vda"])
    try expectTaken(["vda"], left: ["vdb"], "--only-os")
    try expectTaken(["vda", "vdb"], left: [], "--all-disks")
    try expectTaken(["vda", "vdb"], left: [])
    kluis("backup", "db01", "--exclude", "vdz").expect(1, saying: "it has vda, vdb")
    kluis("backup", "db01", "--exclude", "vda", "--exclude", "vdb").expect(1, saying: "nothing")
    kluis("backup", "db01", "--all-disks", "--only-os").expect(64, saying: "stands alone")
    try expectTaken(["vda", "vdb"], left: [])
  }

  @Test func `hooks run around a backup, and points are listed by their consistency`() throws {
    let machine = makeMachine("hooks")
    let log = kluis.path("log")
    let hooks = ["--pre-freeze", "echo freeze >>\(log)", "--post-thaw", "echo thaw >>\(log)"]
    let crash = try machine.backUp("--definition", machine.path("db01.json"))
    kluis.run(["backup", "db01"] + hooks).expect(0)
    #expect(readBytes(log) == Array("freeze\nthaw\n".utf8))
    for (consistency, isCrash) in [
      ("crash-consistent", true), ("application-consistent", false),
    ] {
      let outcome = kluis("points", "db01", "--json", "--consistency", consistency).expect(0)
      let points = try JSONValue(outcome.output).elements
      #expect(points.count == 1 && (points[0]["id"].text == crash) == isCrash)
      #expect(points.first?["consistency"].text == consistency)
    }
    kluis("points", "--consistency", "hopeful").expect(64)
    kluis("backup", "db01", "--pre-freeze", "false", "--post-thaw", "echo thaw >>\(log)")
      .expect(1, saying: "'false' failed: it ended with status 1")
    #expect(readBytes(log) == Array("freeze\nthaw\nthaw\n".utf8))
    kluis("backup", "db01", "--pre-freeze", "true", "--post-thaw", "false").expect(3)
    kluis(
      "backup", "db01", "--pre-freeze", "sleep 600", "--post-thaw", "true", "--hook-timeout", "1"
    ).expect(1, saying: "longer than 1 s")
    kluis("backup", "db01", "--pre-freeze", "true").expect(64, saying: "belong together")
    #expect(try JSONValue(kluis("points", "--json").output).elements.count == 3)
  }

  @Test(arguments: ["raw", "vhd-fixed"])
  func `a machine is restored elsewhere under a new name`(format: String) throws {
    let machine = makeMachine("restore \(format)")
    try machine.backUp("--definition", machine.path("db01.xml"))
    let place = kluis.path("new/place")
    let outcome = kluis(
      "restore", "vm", "db01", "--as", "db02", "--to", place, "--format", format)
    outcome.expect(0, saying: "every chunk verified")
    let suffix = format == "raw" ? "img" : "vhd"
    machine.expectRestored("db02", in: place, fileExtension: suffix)
    #expect(
      files(under: place) == [
        "db02-nvram.fd", "db02-vda.\(suffix)", "db02-vdb.\(suffix)", "db02.json", "db02.xml",
      ])
    let made = try JSONValue(String(decoding: readBytes("\(place)/db02.json"), as: UTF8.self))
    #expect(made["name"].text == "db02" && made["uuid"].text != MachineFiles.uuid)
    let domain = String(decoding: readBytes("\(place)/db02.xml"), as: UTF8.self)
    #expect(domain.contains(made["uuid"].text ?? "?") && domain.contains("/isos/none.iso"))
    machine.expectDefined("\(place)/db02.xml")
    kluis("restore", "vm", "db01", "--as", "db01", "--to", kluis.path("same"), "--keep-ids")
      .expect(0)
    let same = try JSONValue(
      String(decoding: readBytes("\(kluis.path("same"))/db01.json"), as: UTF8.self))
    #expect(same["uuid"].text == MachineFiles.uuid)
    // What was made is a machine that can be protected in turn.
    kluis("backup", "db02", "--definition", "\(place)/db02.json").expect(0)
  }

  @Test func `mistakes in restoring a machine are told, and harm nothing`() throws {
    let machine = makeMachine("mistakes")
    try machine.backUp("--definition", machine.path("db01.xml"))
    let place = kluis.path("out")
    kluis("restore", "vm", "db0", "--as", "x", "--to", place).expect(1, saying: "recovery point")
    kluis("restore", "vm", "db01", "--as", "a/b", "--to", place).expect(64, saying: "holds a /")
    kluis("restore", "vm", "db01", "--to", place).expect(64, saying: "--as")
    kluis("restore", "vm", "db01", "--as", "x", "--to", place, "--format", "vmdk").expect(64)
    kluis("restore", "vm", "db01", "--as", "x", "--to", machine.path("vda.img")).expect(1)
    #expect(access(place, F_OK) != 0)
    kluis("restore", "vm", "db01", "--as", "x", "--to", place).expect(0)
    let before = files(under: place)
    kluis("restore", "vm", "db01", "--as", "x", "--to", place).expect(1, saying: "exists already")
    #expect(files(under: place) == before)
    let sealed = kluis.path("secrets")
    kluis("restore", "vm", "db01", "--as", "y", "--to", place, "--with-secrets", sealed)
      .expect(1, saying: "keeps no secrets")
    #expect(files(under: place) == before)
    machine.expectRestored("x", in: place)
  }

  @Test func `mistakes in backing a machine up are told, and leave no point`() throws {
    let machine = makeMachine("backup mistakes")
    machine.write("{\"name\": \"db01\", \"disk\": []}", to: "typo.json")
    machine.write("<network/>", to: "network.xml")
    for (arguments, status, reason) in [
      (["--definition", "home/gone.xml"], 1, "gone.xml"),
      (["--definition", "home/typo.json"], 1, "disk: there is no such key"),
      (["--definition", "home/network.xml"], 1, "its root is <network>"),
      (["--definition", "home/vda.img"], 1, "vda.img"),
      (["--definition", "home/db01.xml", "--disk", "a=home/vda.img"], 64, "a whole machine"),
      (["--disk", "a=home/vda.img", "--exclude", "a"], 64, "a whole machine"),
      ([], 64, "not protected yet"),
    ] as [([String], Int32, String)] {
      kluis.run(["backup", "db01"] + arguments).expect(status, saying: reason)
    }
    kluis("points").expect(0, saying: "no recovery points")
    kluis("backup", "db01", "--disk", "a=home/vda.img").expect(0)
    kluis("backup", "db01", "--only-os").expect(64, saying: "--definition FILE")
  }
}
