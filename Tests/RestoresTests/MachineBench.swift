import Backups
import DiskImages
import Files
import Machines
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Restores

/// A machine that libvirt defined, its point in a vault, and an empty place to restore it to.
struct MachineBench {
  let directory: TemporaryDirectory
  let vault: Vault
  let point: RecoveryPoint
  let disks: [String: [UInt8]]
  let notices = Notices()

  var target: FilePath { directory.appending("out") }

  /// - Parameters:
  ///   - definition: with disks `vda` and `vdb` at `DIR/NAME.img`; as libvirt's XML without it.
  ///   - rootByteCount: the size of disk `vda`.
  init(
    definition: String? = nil, exclude: [String] = [], rootByteCount: Int = 300_032,
    disksOnly: Bool = false
  ) throws {
    var random = Seed.ofThisRun.random
    directory = try TemporaryDirectory()
    vault = try Vault.create(Vault.Plan(path: directory.appending("vault")), now: .now)
    let home = directory.appending("home")
    try makeDirectory(home)
    disks = [
      "vda": DiskModel(byteCount: rootByteCount, runs: 6, random: &random).bytes,
      "vdb": DiskModel(byteCount: 1_000_448, runs: 6, random: &random).bytes,
    ]
    for (name, bytes) in disks { try writeFile(bytes, to: home.appending("\(name).img")) }
    try writeFile(Array("variables".utf8), to: home.appending("vars.fd"))
    try writeFile(Array("notes".utf8), to: home.appending("notes.txt"))
    let file = home.appending(definition == nil ? "db01.xml" : "db01.json")
    try writeFile(Array((definition ?? Self.domain).utf8), to: file)
    let sources = ["vda", "vdb"].map {
      Backup.Source(name: $0, path: home.appending("\($0).img"))
    }
    let machine = try ProtectedMachine(
      definedBy: file, selection: DiskSelection(exclude: exclude))
    point = try Backup(machine: "db01", disks: disksOnly ? .named(sources) : .defined(machine)).run(
      vault: vault, notices: notices, progress: Progress(), cancellation: Cancellation())
  }

  static let uuid = "8f0c5d5e-52b5-4a43-8f6c-6f1d7a0b9c11"

  static let domain = """
    <domain type='kvm'>
      <name>db01</name>
      <uuid>\(uuid)</uuid>
      <memory unit='MiB'>512</memory>
      <vcpu>2</vcpu>
      <!-- kept -->
      <os><type>hvm</type><nvram>vars.fd</nvram></os>
      <devices>
        <disk type='file' device='disk'>
          <driver name='qemu' type='raw'/>
          <source file='vda.img'/>
          <target dev='vda' bus='virtio'/>
        </disk>
        <disk type='file' device='disk'>
          <driver name='qemu' type='raw'/>
          <source file='vdb.img'/>
          <target dev='vdb' bus='virtio'/>
        </disk>
        <interface type='network'>
          <mac address='52:54:00:aa:00:01'/>
          <source network='default'/>
        </interface>
      </devices>
    </domain>
    """

  static let json = """
    {"name": "db01", "uuid": "\(uuid)", "nvram": "vars.fd", "files": ["notes.txt"],
     "nics": [{"mac": "52:54:00:aa:00:01", "network": "default"}, {"network": "br0"}],
     "disks": [{"name": "vda", "role": "os", "path": "vda.img", "lun": 0},
               {"name": "vdb", "path": "vdb.img", "lun": 1}]}
    """

  func restore(
    _ name: String = "db02", to target: FilePath? = nil,
    cancellation: Cancellation = Cancellation(),
    changing change: (inout MachineRestore) -> Void = { _ in }
  ) throws -> MachineDefinition {
    var restore = MachineRestore(point, as: name, in: target ?? self.target)
    change(&restore)
    return try restore.run(from: open(), progress: Progress(), cancellation: cancellation)
  }

  func restoreDisks(
    to target: FilePath? = nil, changing change: (inout TemplateRestore) -> Void = { _ in }
  ) throws -> MachineDefinition {
    var restore = TemplateRestore(point, in: target ?? self.target)
    change(&restore)
    return try restore.run(from: open(), progress: Progress(), cancellation: Cancellation())
  }

  func open() throws -> OpenTier { try OpenTier(vault.firstTier, notices: notices) }

  /// All files below a directory of ours, relative to it, in order.
  func files(_ folder: String = "out") throws -> [String] {
    func list(_ path: FilePath, _ prefix: String) throws -> [String] {
      try ((try directoryEntries(path)) ?? []).flatMap { name in
        try fileStatus(path.appending(name))?.kind == .directory
          ? list(path.appending(name), "\(prefix)\(name)/") : ["\(prefix)\(name)"]
      }
    }
    return try list(directory.appending(folder), "").sorted()
  }

  func text(_ name: String) throws -> String {
    String(decoding: try readFile(target.appending(name)), as: UTF8.self)
  }

  func definition(_ name: String) throws -> MachineDefinition {
    try MachineDefinition(readFile(target.appending(name)), source: name)
  }

  func expectDisk(_ disk: String, at path: FilePath) throws {
    let image = try DiskImage(opening: path)
    var bytes = [UInt8](repeating: 0, count: Int(image.byteCount))
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try image.read(at: 0, into: &target)
    expectSame(bytes, disks[disk] ?? [], "\(Seed.ofThisRun)")
  }

  func expectNothing(of error: String, _ body: () throws -> Void) throws {
    let before = try files()
    expectError(error, body)
    #expect(try files() == before)
  }
}

func expectError(_ text: String, _ body: () throws -> Void) {
  do {
    try body()
    Issue.record("nothing was thrown, not \"\(text)\"")
  } catch { #expect("\(error)".contains(text), "\(error)") }
}
