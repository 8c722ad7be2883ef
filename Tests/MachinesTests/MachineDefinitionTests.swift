import TestSupport
import Testing

@testable import Machines

@Suite struct MachineDefinitionTests {
  private static let full = """
    {
      "name": "db01", "uuid": "8f0c5d5e-52b5-4a43-8f6c-6f1d7a0b9c11", "os": "linux", "cpus": 8,
      "memoryBytes": 17179869184, "firmware": "uefi", "nvram": "/nvram/db01.fd",
      "disks": [
        { "name": "root", "lun": 0, "role": "os", "format": "raw",
          "path": "/images/db01 & co.img" },
        { "name": "tables", "lun": 1, "path": "/dev/vg0/db01", "format": "device" },
        { "name": "archive" }
      ],
      "nics": [{ "mac": "52:54:00:aa:00:01", "network": "default" }, {}],
      "tags": { "owner": "Łukasz", "why": "" }, "licence": "one machine only",
      "files": ["notes.txt"]
    }
    """

  @Test("a definition with everything is read, written, and read again as the same")
  func roundTrip() throws {
    let read = try parse(Self.full)
    #expect(read.disks.map(\.name) == ["root", "tables", "archive"])
    #expect(read.disks.map(\.role) == [.os, .data, .data] && read.disks.map(\.lun) == [0, 1, nil])
    #expect(read.disks.map(\.path) == ["/images/db01 & co.img", "/dev/vg0/db01", nil])
    #expect(read.cpus == 8 && read.memoryBytes == 16 << 30 && read.firmware == .uefi)
    #expect(read.nics.map(\.mac) == ["52:54:00:aa:00:01", nil])
    #expect(read.tags == ["owner": "Łukasz", "why": ""] && read.licence == "one machine only")
    #expect(read.files == ["notes.txt"] && read.nvram == "/nvram/db01.fd")
    let written = read.json
    #expect(try MachineDefinition(written, source: "again") == read)
    #expect(try MachineDefinition(written, source: "again").json == written)
    let text = String(decoding: written, as: UTF8.self)
    #expect(text.hasSuffix("}\n") && text.contains("\"/images/db01 & co.img\""))
  }

  @Test("a name and a disk are enough, and the rest is nothing")
  func defaults() throws {
    let read = try parse(#" {"name": "m", "disks": [{"name": "root"}]}"#)
    #expect(read == MachineDefinition(name: "m", disks: [.init(name: "root", path: nil)]))
    #expect(read.firmware == nil && read.nics.isEmpty && read.tags.isEmpty && read.files.isEmpty)
  }

  private static let mistakes: [(text: String, reason: String)] = [
    (#"{"disks": [{"name": "root"}]}"#, "name is missing"),
    (#"{"name": "m"}"#, "disks is missing"),
    (#"{"name": "m", "disks": [{"name": "a"}, {"lun": 1}]}"#, "disks[1].name is missing"),
    (#"{"name": "m", "disks": [{"name": "a"}], "memory": 5}"#, "memory: there is no such key"),
    (#"{"name": "m", "disks": [{"name": "a"}], "CPUs": 5}"#, "known are cpus, disks, files"),
    (
      #"{"name": "m", "disks": [{"name": "a", "pathh": "/x"}]}"#,
      "disks[0].pathh: there is no such key; known are format, lun, name, path, role"
    ),
    (
      #"{"name": "m", "disks": [{"name": "a"}], "nics": [{}, {"macc": ""}]}"#,
      "nics[1].macc: there is no such key; known are mac, network"
    ),
    (#"{"name": 5, "disks": [{"name": "a"}]}"#, "name is no String"),
    (#"{"name": null, "disks": [{"name": "a"}]}"#, "name is"),
    (#"{"name": "m", "disks": {"name": "a"}}"#, "disks is no Array"),
    (#"{"name": "m", "disks": ["root"]}"#, "disks[0] is no"),
    (#"{"name": "m", "disks": [{"name": "a", "lun": "0"}]}"#, "disks[0].lun is no Int"),
    (#"{"name": "m", "disks": [{"name": "a", "lun": 1.5}]}"#, "disks[0].lun: it is no"),
    (#"{"name": "m", "disks": [{"name": "a", "role": "boot"}]}"#, "disks[0].role"),
    (#"{"name": "m", "disks": [{"name": "a"}], "firmware": "efi"}"#, "firmware"),
    (#"{"name": "m", "disks": [{"name": "a"}], "memoryBytes": -1}"#, "memoryBytes: it is no"),
    (#"{"name": "m", "disks": [{"name": "a"}], "memoryBytes": 1e40}"#, "memoryBytes: it is no"),
    (#"{"name": "m", "disks": [{"name": "a"}], "memoryBytes": 36893488147419103232}"#, "memoryB"),
    (#"{"name": "m", "disks": [{"name": "a"}], "cpus": 1.5}"#, "cpus: it is no whole number"),
    (#"{"name": "m", "disks": [{"name": "a"}], "tags": {"a": 1}}"#, "tags.a is no String"),
    (#"{"name": "m", "disks": [{"name": "a"}], "files": [[]]}"#, "files[0] is no String"),
    (#"[{"name": "m"}]"#, "is no"), (#""m""#, "is no"), ("5", "is no"),
    ("", "neither JSON nor a libvirt domain"), ("{", "neither JSON nor a libvirt domain"),
    ("name: m", "neither JSON nor a libvirt domain"),
    (#"{"name": "m", "disks": [{"name": "a"}],,}"#, "neither JSON nor a libvirt domain"),
  ]

  @Test("a mistake in JSON is refused with its place", arguments: mistakes)
  func mistake(text: String, reason: String) {
    expectRefusal(text, saying: reason)
  }

  private static let impossible: [(change: @Sendable (inout MachineDefinition) -> Void, String)] = [
    ({ $0.name = "" }, "the machine has no name"),
    ({ $0.disks = [] }, "it names no disks"),
    ({ $0.disks[1].name = "root" }, "two disks have the same name"),
    ({ $0.disks[1].name = "" }, "a disk has no name"),
    ({ $0.disks[1].lun = 0 }, "two disks have the same LUN"),
    ({ $0.disks[0].path = "" }, "disk root: no path"),
    ({ $0.disks[0].path = "/images/a\0b" }, "disk root"),
    ({ $0.uuid = "8f0c5d5e52b54a438f6c6f1d7a0b9c11" }, "uuid '8f0c5d5e52b5"),
    ({ $0.uuid = "8f0c5d5e-52b5-4a43-8f6c-6f1d7a0b9c1g" }, "is none"),
    ({ $0.uuid = "8f0c5d5e-52b5-4a43-8f6c-６f1d7a0b9c11" }, "is none"),
    ({ $0.uuid = "" }, "is none"), ({ $0.uuid = "----" }, "is none"),
    ({ $0.cpus = 0 }, "0 processors"), ({ $0.cpus = -1 }, "-1 processors"),
    ({ $0.cpus = 4097 }, "4097 processors"), ({ $0.cpus = .max }, "processors cannot be"),
    ({ $0.memoryBytes = (1 << 50) + 1 }, "bytes of memory"),
    ({ $0.memoryBytes = .max }, "bytes of memory"),
    ({ $0.nics[0].mac = "52:54:00:aa:00" }, "MAC '52:54:00:aa:00' is none"),
    ({ $0.nics[0].mac = "52-54-00-aa-00-01" }, "is none"),
    ({ $0.nics[0].mac = "52:54:00:aa:00:0" }, "is none"),
    ({ $0.nics[1].mac = "" }, "MAC '' is none"),
    ({ $0.nvram = "" }, "nvram"), ({ $0.nvram = "/a\0" }, "nvram"),
    ({ $0.files = [""] }, "files"), ({ $0.files = ["a", "\0"] }, "files"),
  ]

  @Test("what no machine can be is refused", arguments: impossible.indices)
  func rule(number: Int) throws {
    var definition = try parse(Self.full)
    Self.impossible[number].change(&definition)
    let changed = definition
    let error = #expect(throws: DefinitionError.self) {
      try MachineDefinition(changed.json, source: "db01.json")
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("db01.json: ") && text.contains(Self.impossible[number].1), "\(text)")
  }

  @Test("what a machine can just be is taken")
  func edges() throws {
    var definition = try parse(Self.full)
    definition.cpus = 4096
    definition.memoryBytes = 1 << 50
    definition.uuid = definition.uuid?.uppercased()
    definition.nics[0].mac = "52:54:00:AA:00:01"
    definition.disks[2].lun = -1
    #expect(try MachineDefinition(definition.json, source: "edges") == definition)
  }

  @Test("what is large or deep is refused, and quickly")
  func hostileSizes() {
    let space = [UInt8](repeating: UInt8(ascii: " "), count: MachineDefinition.byteLimit)
    expectRefusal(space + Array(Self.full.utf8), saying: "more than 1048576 bytes")
    expectRefusal(space, saying: "neither JSON nor a libvirt domain")
    for (open, close) in [("[", "]"), (#"{"disks":"#, "}")] {
      let deep = String(repeating: open, count: 100_000) + String(repeating: close, count: 100_000)
      expectRefusal(Array(deep.utf8.prefix(MachineDefinition.byteLimit)), saying: "hostile")
    }
  }

  @Test("whatever is done to JSON, it is refused with a reason or a machine that can be")
  func fuzz() throws {
    var random = Seed.ofThisRun.random
    let good = try parse(Self.full).json
    for round in 0..<3000 {
      let bytes = mutated(good, &random)
      do {
        let read = try MachineDefinition(bytes, source: "hostile")
        let again = try MachineDefinition(read.json, source: "again")
        #expect(again == read && !read.disks.isEmpty, "round \(round) \(Seed.ofThisRun)")
      } catch {
        #expect(error.description.hasPrefix("hostile: "), "round \(round) \(Seed.ofThisRun)")
      }
    }
  }

  private func parse(_ text: String) throws -> MachineDefinition {
    try MachineDefinition(Array(text.utf8), source: "test.json")
  }

  private func expectRefusal(_ text: String, saying reason: String) {
    expectRefusal(Array(text.utf8), saying: reason)
  }

  private func expectRefusal(_ bytes: [UInt8], saying reason: String) {
    let error = #expect(throws: DefinitionError.self) {
      try MachineDefinition(bytes, source: "hostile.json")
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("hostile.json: ") && text.contains(reason), "\(text)")
    #expect(!text.contains("\n"))
  }
}
