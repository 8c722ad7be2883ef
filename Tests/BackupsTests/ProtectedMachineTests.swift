import DiskImages
import Files
import Machines
import Maps
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Backups

@Suite struct ProtectedMachineTests {
  private let bench: BackupBench
  private let home: FilePath

  init() throws {
    bench = try BackupBench()
    home = bench.directory.appending("machine")
    try makeDirectory(home.appending("disks"))
    for name in ["root", "data"] { try write(content(name), to: "disks/\(name).img") }
    try write(Array("variables".utf8), to: "vars.fd")
    try write(Array("notes".utf8), to: "notes.txt")
  }

  private let full = """
    {"name": "web01", "nvram": "vars.fd", "files": ["notes.txt"],
     "disks": [{"name": "root", "role": "os", "path": "disks/root.img"},
               {"name": "data", "path": "disks/data.img"}]}
    """

  @Test("paths count from the definition, and definition, NVRAM and files are kept as they are")
  func everything() throws {
    let point = try backUp(full)
    #expect(point.disks.map(\.name) == ["root", "data"] && point.excluded == nil)
    let disks = home.appending("disks")
    #expect(point.disks.map(\.source) == ["root", "data"].map { "\(disks)/\($0).img" })
    #expect(point.files?.map(\.kind) == [.definition, .nvram, .extra])
    #expect(point.files?.map(\.content.name) == ["web01.json", "vars.fd", "notes.txt"])
    for (disk, name) in zip(point.disks, ["root", "data"]) {
      expectSame(try bench.restore(disk), content(name))
    }
    let texts = try (point.files ?? []).map { file in
      String(decoding: try bench.restore(file.content), as: UTF8.self)
    }
    #expect(texts == [full, "variables", "notes"])
    #expect(point.definition == (try MachineDefinition(Array(full.utf8), source: "")))
    let listed = try bench.vault.points(notices: bench.notices).map(\.point)
    #expect(listed == [point] && bench.notices.all == [])
  }

  @Test("the vault remembers definition and choice for the backups to come")
  func remembered() throws {
    let choice = DiskSelection(exclude: ["data"])
    let point = try backUp(full, choice)
    #expect(point.disks.map(\.name) == ["root"] && point.excluded == ["data"])
    #expect(point.definition?.disks.count == 2)
    let known = try #require(try bench.vault.machine("web01", notices: bench.notices))
    #expect(known.definitionSource == home.appending("web01.json").string)
    #expect(known.selection == choice && known.definition == point.definition)
    _ = try backUp(full)
    #expect(try bench.vault.machine("web01", notices: bench.notices)?.selection == nil)
  }

  @Test("a disk that was left out and is gone from the definition is forgotten")
  func goneSince() throws {
    let file = home.appending("web01.json")
    try write(Array(full.utf8), to: "web01.json")
    let earlier = DiskSelection(exclude: ["data", "gone"])
    let machine = try ProtectedMachine(definedBy: file, earlier: earlier)
    let (taken, left) = try machine.disks()
    #expect(taken.map(\.name) == ["root"] && left == ["data"])
    var known = Machine(name: "web01", disks: [])
    machine.remember(in: &known)
    #expect(known.selection == DiskSelection(exclude: ["data"]))
    #expect(throws: DefinitionError.self) {
      try ProtectedMachine(definedBy: file, selection: earlier).disks()
    }
  }

  @Test("a disk without a file is refused with what to do, unless it is left out")
  func noFile() throws {
    let text =
      #"{"name": "web01", "disks": [{"name": "root", "path": "disks/root.img"}, "#
      + #"{"name": "ceph"}]}"#
    expectError("leave it out with --exclude ceph") { _ = try backUp(text) }
    let point = try backUp(text, DiskSelection(exclude: ["ceph"]))
    #expect(point.disks.map(\.name) == ["root"] && point.excluded == ["ceph"])
  }

  @Test(
    "what is missing or cannot be kept ends the backup, and no point is there",
    arguments: [
      ("\"files\": [\"a/x\", \"b/x\"]", "two of its files have the same name"),
      ("\"files\": [\"nowhere\"]", "nowhere"), ("\"nvram\": \"nowhere.fd\"", "nowhere.fd"),
      ("\"files\": [\"disks\"]", "disks"), ("\"files\": [\"a\\nb\"]", "control character"),
      ("\"nvram\": \"a\\nb\"", "control character"),
    ])
  func refusals(extra: String, reason: String) throws {
    for folder in ["a", "b"] {
      try makeDirectory(home.appending(folder))
      try write([1], to: "\(folder)/x")
    }
    try write([1], to: "a\nb")
    let disk = #""disks": [{"name": "root", "path": "disks/root.img"}]"#
    expectError(reason) { _ = try backUp("{\"name\": \"web01\", \(disk), \(extra)}") }
    #expect(try bench.vault.points(notices: bench.notices).isEmpty)
  }

  @Test(
    "a disk's name that no path can be made of is refused", arguments: ["a/b", "..", "a@b", "-"])
  func names(name: String) {
    let text = #"{"name": "web01", "disks": [{"name": "\#(name)", "path": "disks/root.img"}]}"#
    #expect(throws: NameError.self) { try backUp(text) }
  }

  @Test("NVRAM and a file may have one name, and an empty file is a file")
  func sameNames() throws {
    try makeDirectory(home.appending("other"))
    try write([], to: "other/vars.fd")
    let text =
      #"{"name": "web01", "nvram": "vars.fd", "files": ["other/vars.fd"], "#
      + #""disks": [{"name": "root", "path": "disks/root.img"}]}"#
    let point = try backUp(text)
    #expect(point.files?.map(\.content.size) == [UInt64(text.utf8.count), 9, 0])
  }

  @Test("a file that looks like an image is kept as it is")
  func plainFiles() throws {
    let bytes = Array("QFI".utf8) + [0xFB] + [UInt8](repeating: 9, count: 700)
    try write(bytes, to: "vars.fd")
    let point = try backUp(full)
    let nvram = try #require(point.files?.first { $0.kind == .nvram })
    expectSame(try bench.restore(nvram.content), bytes)
  }

  @Test("each point has the disks that the machine had: added, removed, and of another size")
  func changing() throws {
    var history: [(point: RecoveryPoint, disks: [String: [UInt8]])] = []
    func take(_ names: [String]) throws {
      let disks = names.map { #"{"name": "\#($0)", "path": "disks/\#($0).img"}"# }
      let text = #"{"name": "web01", "disks": [\#(disks.joined(separator: ", "))]}"#
      let point = try backUp(text)
      let held = try names.map { ($0, try readFile(home.appending("disks/\($0).img"))) }
      history.append((point, Dictionary(uniqueKeysWithValues: held)))
    }
    try take(["root", "data"])
    try write(content("logs"), to: "disks/logs.img")
    try take(["root", "data", "logs"])
    try write(content("data") + content("more"), to: "disks/data.img")
    try take(["logs", "data", "root"])
    try write(Array(content("root").prefix(5000)), to: "disks/root.img")
    try removeFile(home.appending("disks/data.img"))
    try take(["root"])
    for (point, disks) in history {
      #expect(Set(point.disks.map(\.name)) == Set(disks.keys))
      #expect(point.definition?.disks.map(\.name) == point.disks.map(\.name))
      for disk in point.disks { expectSame(try bench.restore(disk), disks[disk.name] ?? []) }
    }
    #expect(bench.notices.all == [])
  }

  private func backUp(
    _ definition: String, _ selection: DiskSelection = DiskSelection()
  ) throws -> RecoveryPoint {
    try write(Array(definition.utf8), to: "web01.json")
    let machine = try ProtectedMachine(
      definedBy: home.appending("web01.json"), selection: selection)
    return try Backup(machine: "web01", disks: .defined(machine)).run(
      vault: bench.vault, notices: bench.notices, progress: Progress(),
      cancellation: Cancellation())
  }

  /// The same bytes for the same name.
  private func content(_ name: String) -> [UInt8] {
    var random = SeededRandom(seed: name.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
    return random.bytes(100_000)
  }

  private func write(_ bytes: [UInt8], to name: String) throws {
    try writeFile(bytes, to: home.appending(name))
  }

  private func expectError(_ text: String, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("nothing was thrown, not \"\(text)\"")
    } catch { #expect("\(error)".contains(text), "\(error)") }
  }
}
