import Files
import Hashing
import Machines
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Restores

/// Disks with a template, and what a person makes of them.
@Suite struct MachineCreationTests {
  // MARK: disks and a template

  @Test("disks come with a template and the configuration as it was", arguments: [true, false])
  func template(fromLibvirt: Bool) throws {
    let bench = try MachineBench(definition: fromLibvirt ? nil : MachineBench.json)
    let template = try bench.restoreDisks()
    let stored = fromLibvirt ? ["stored/domain.xml"] : ["stored/files/notes.txt"]
    #expect(
      try bench.files()
        == (stored + [
          "stored/machine.json", "stored/nvram.fd", "template.json", "vda.img", "vdb.img",
        ]).sorted())
    for disk in ["vda", "vdb"] {
      try bench.expectDisk(disk, at: bench.target.appending("\(disk).img"))
    }
    #expect(try bench.definition("template.json") == template)
    #expect(template.uuid == nil && template.nics.allSatisfy { $0.mac == nil })
    #expect(try bench.definition("stored/machine.json") == bench.point.definition)
    #expect(try bench.text("stored/nvram.fd") == "variables")
    if fromLibvirt { #expect(try bench.text("stored/domain.xml") == MachineBench.domain) }
  }

  @Test("some disks are restored alone, as VHDs if that is asked for, and others are not known")
  func someDisks() throws {
    let bench = try MachineBench()
    try bench.expectNothing(of: "vda, vdb") { _ = try bench.restoreDisks { $0.disks = ["swap"] } }
    let template = try bench.restoreDisks {
      $0.disks = ["vdb"]
      $0.format = .fixedVHD
    }
    #expect(template.disks.map(\.name) == ["vdb"] && template.disks[0].format == "vhd-fixed")
    try bench.expectDisk("vdb", at: bench.target.appending("vdb.vhd"))
    #expect(try bench.files().contains("vda.img") == false)
  }

  @Test(
    "what is there already is kept, and nothing is written beside it",
    arguments: ["vdb.img", "template.json", "stored/domain.xml", "stored/nvram.fd"])
  func existing(name: String) throws {
    let bench = try MachineBench()
    try makeDirectory(bench.target.appending("stored"))
    try writeFile([7], to: bench.target.appending(name))
    try bench.expectNothing(of: "\(name) exists already") { _ = try bench.restoreDisks() }
    #expect(try readFile(bench.target.appending(name)) == [7])
  }

  @Test("a restore that fails leaves nothing that is in the way of the next", arguments: 0..<3)
  func failing(number: Int) throws {
    let bench = try MachineBench()
    var lost = bench.point
    switch number {
    case 0: lost.disks[1].root = digest(9).description
    case 1: lost.files?[0].content.root = digest(9).description
    default: lost.files?[1].content.root = digest(9).description
    }
    let broken = TemplateRestore(lost, in: bench.target)
    try bench.expectNothing(of: "") {
      _ = try broken.run(from: bench.open(), progress: Progress(), cancellation: Cancellation())
    }
    _ = try bench.restoreDisks()
    #expect(try bench.files().count == 6)
  }

  // MARK: a machine of them

  @Test("an edited template becomes a machine with what was edited, and ids of its own")
  func edited() throws {
    let bench = try MachineBench()
    try edit(bench) {
      $0.name = "db02"
      $0.cpus = 4
      $0.disks.removeLast()
    }
    let made = try create(bench)
    #expect(made.name == "db02" && made.cpus == 4 && made.uuid != nil)
    #expect(made.nics[0].mac != nil && made.disks.map(\.name) == ["vda"])
    #expect(made.disks[0].path == bench.target.appending("vda.img").string)
    #expect(try bench.definition("db02.json") == made)
    let domain = try bench.definition("db02.xml")
    #expect(domain.name == "db02" && domain.cpus == 4 && domain.uuid == made.uuid)
    #expect(domain.disks.map(\.path) == made.disks.map(\.path) && domain.nics == made.nics)
    #expect(domain.nvram == bench.target.appending("stored/nvram.fd").string)
    try bench.expectDisk("vda", at: bench.target.appending("vda.img"))
  }

  @Test("ids that the template says are kept")
  func ids() throws {
    let bench = try MachineBench()
    try edit(bench) {
      $0.uuid = MachineBench.uuid
      $0.nics[0].mac = "52:54:00:aa:00:01"
    }
    let made = try create(bench)
    #expect(made.uuid == MachineBench.uuid && made.nics[0].mac == "52:54:00:aa:00:01")
  }

  @Test("paths count from the template, wherever the machine goes")
  func relative() throws {
    let bench = try MachineBench(definition: MachineBench.json)
    try edit(bench) {
      $0.disks[0].path = "vda.img"
      $0.disks[1].path = "../out/vdb.img"
      $0.nvram = "stored/nvram.fd"
      $0.files = ["stored/files/notes.txt"]
    }
    let made = try create(bench) { $0.directory = bench.directory.appending("new/place") }
    let paths = made.disks.compactMap(\.path) + [made.nvram ?? ""] + made.files
    #expect(paths.allSatisfy { $0.hasPrefix("/") }, "\(paths)")
    for path in paths { #expect(try fileStatus(FilePath(path)) != nil, "\(path)") }
    #expect(try bench.files("new/place") == ["db01.json"])
  }

  private static let mistakes: [(change: @Sendable (inout MachineDefinition) -> Void, String)] = [
    ({ $0.licence = "one machine" }, "may not be made again: one machine; its disks can be"),
    ({ $0.name = "a/b" }, "it holds a /"), ({ $0.name = "" }, "has no name"),
    ({ $0.disks[0].path = "gone.img" }, "gone.img"),
    ({ $0.disks[0].path = nil }, "disk vda has no path"),
    ({ $0.disks[0].path = "/dev/null" }, "neither a file nor a block device"),
    ({ $0.disks[0].path = "stored" }, "neither a file nor a block device"),
    ({ $0.disks[0].format = "vhd-fixed" }, "disk vda is to be vhd-fixed, and"),
    ({ $0.disks[0].format = "qcow2" }, "disk vda is to be qcow2, and"),
    ({ $0.disks[0].path = $0.disks[1].path }, "two disks are one file"),
    ({ $0.disks[0].path = "./stored/../vdb.img" }, "two disks are one file"),
    ({ $0.disks[0].path = "link.img" }, "two disks are one file"),
    ({ $0.disks[0].name = "../../vda" }, "it begins with ."),
    ({ $0.disks[1].name = "data" }, "libvirt's domain has no disk data; it has vda, vdb"),
    ({ $0.nics = [] }, "it has 0 network cards, and libvirt's domain 1"),
    ({ $0.disks[1].name = "vda" }, "two disks have the same name"),
    ({ $0.nics[0].mac = "5" }, "MAC '5' is none"), ({ $0.disks = [] }, "it names no disks"),
  ]

  @Test(
    "a template that makes no sense is refused before anything moves", arguments: mistakes.indices)
  func mistake(number: Int) throws {
    let bench = try MachineBench()
    try edit(bench, Self.mistakes[number].change)
    try run(
      FilePath("/usr/bin/env"),
      ["ln", "-s", "vdb.img", bench.target.appending("link.img").string])
    try bench.expectNothing(of: Self.mistakes[number].1) {
      _ = try create(bench) { $0.movesDisks = true }
    }
    for disk in ["vda", "vdb"] {
      try bench.expectDisk(disk, at: bench.target.appending("\(disk).img"))
    }
  }

  @Test("a typing error in the template is refused with its place")
  func typingError() throws {
    let bench = try MachineBench()
    _ = try bench.restoreDisks()
    let text = try bench.text("template.json").replacing("\"memoryBytes\"", with: "\"memory\"")
    try writeFile(Array(text.utf8), to: bench.target.appending("template.json"))
    try bench.expectNothing(of: "template.json: memory: there is no such key") {
      _ = try create(bench)
    }
    try bench.expectNothing(of: "gone.json") {
      _ = try MachineCreation(template: bench.target.appending("gone.json")).run()
    }
  }

  @Test(
    "a definition that is there already is kept, and the disks are where they were",
    arguments: ["db01.json", "db01.xml"])
  func taken(name: String) throws {
    let bench = try MachineBench()
    _ = try bench.restoreDisks()
    try writeFile([7], to: bench.target.appending(name))
    try bench.expectNothing(of: "\(name) exists already") {
      _ = try create(bench) { $0.movesDisks = true }
    }
    #expect(try readFile(bench.target.appending(name)) == [7])
  }

  @Test("disks are moved to the machine's place under its name")
  func moved() throws {
    let bench = try MachineBench()
    try edit(bench) { $0.name = "db02" }
    let place = bench.directory.appending("new")
    let made = try create(bench) {
      $0.directory = place
      $0.movesDisks = true
    }
    #expect(
      try bench.files("new") == ["db02-vda.img", "db02-vdb.img", "db02.json", "db02.xml"])
    for disk in ["vda", "vdb"] {
      try bench.expectDisk(disk, at: place.appending("db02-\(disk).img"))
    }
    #expect(made.disks.map(\.path) == ["vda", "vdb"].map { "\(place)/db02-\($0).img" })
    #expect(try bench.files().contains { $0.hasSuffix(".img") } == false)
  }

  @Test("disks are moved back where the machine cannot be made", arguments: [true, false])
  func movedBack(isTaken: Bool) throws {
    let bench = try MachineBench()
    _ = try bench.restoreDisks()
    let place = bench.directory.appending("new")
    let far = FilePath("/dev/shm/kluis-test-\(UInt32.random(in: .min ... .max))")
    try makeDirectory(place)
    try makeDirectory(far)
    defer { do { try removeTree(far) } catch {} }
    if isTaken {
      try writeFile([7], to: place.appending("db01-vdb.img"))
    } else {
      // A file is not moved to another file system, which only moving it finds out.
      try writeFile(bench.disks["vdb"] ?? [], to: far.appending("vdb.img"))
      try edit(bench, restoring: false) { $0.disks[1].path = far.appending("vdb.img").string }
    }
    try bench.expectNothing(of: "") {
      _ = try create(bench) {
        $0.directory = place
        $0.movesDisks = true
      }
    }
    #expect(try bench.files("new") == (isTaken ? ["db01-vdb.img"] : []))
    #expect(try directoryEntries(far) == (isTaken ? [] : ["vdb.img"]))
    for disk in ["vda", "vdb"] {
      try bench.expectDisk(disk, at: bench.target.appending("\(disk).img"))
    }
  }

  /// Restores the disks and changes the template.
  private func edit(
    _ bench: MachineBench, restoring: Bool = true, _ change: (inout MachineDefinition) -> Void
  ) throws {
    if restoring { _ = try bench.restoreDisks() }
    var template = try bench.definition("template.json")
    change(&template)
    try writeFile(template.json, to: bench.target.appending("template.json"))
  }

  private func create(
    _ bench: MachineBench, _ change: (inout MachineCreation) -> Void = { _ in }
  ) throws -> MachineDefinition {
    var creation = MachineCreation(
      template: bench.target.appending(TemplateRestore.templateName))
    change(&creation)
    return try creation.run()
  }
}
