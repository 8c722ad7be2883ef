import Testing

/// A machine's definition in a directory of its own, with disks `vda` and `vdb`, NVRAM and notes.
struct MachineFiles {
  let kluis: Kluis
  let directory: String

  init(_ kluis: Kluis, _ random: inout SeededGenerator) {
    self.kluis = kluis
    directory = kluis.scratch.directory("home")
    makeImage("\(directory)/vda.img", byteCount: 2 << 20, &random)
    makeImage("\(directory)/vdb.img", byteCount: 3 << 20, &random)
    write("variables", to: "vars.fd")
    write("notes", to: "notes.txt")
    write(Self.domain, to: "db01.xml")
    write(Self.json, to: "db01.json")
  }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  func write(_ text: String, to name: String) { writeBytes(Array(text.utf8), to: path(name)) }

  /// Takes a point of machine `db01`.
  @discardableResult
  func backUp(_ options: String..., sourceLocation: SourceLocation = #_sourceLocation) throws
    -> String
  {
    let outcome = kluis.run(["backup", "db01", "--json"] + options)
    outcome.expect(0, sourceLocation: sourceLocation)
    return try #require(JSONValue(outcome.output)["id"].text, sourceLocation: sourceLocation)
  }

  /// Expects that a machine was restored whole under this name.
  func expectRestored(
    _ name: String, in place: String, fileExtension: String = "img",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for disk in ["vda", "vdb"] {
      var image = "\(place)/\(name)-\(disk).\(fileExtension)"
      if fileExtension == "vhd" {
        let disk = "\(image).disk"
        run("cp", image, disk)
        ImageFile(disk).resize(fileSize(image) - 512)
        run("mv", disk, kluis.path("disk.img"))
        image = kluis.path("disk.img")
      }
      #expect(
        haveSameBytes(image, path("\(disk).img")), "\(image)", sourceLocation: sourceLocation)
    }
    #expect(
      haveSameBytes("\(place)/\(name)-nvram.fd", path("vars.fd")), sourceLocation: sourceLocation)
  }

  /// Expects that libvirt takes a domain, where it is installed.
  func expectDefined(_ file: String, sourceLocation: SourceLocation = #_sourceLocation) {
    guard isInstalled("virsh") else { return }
    RunningProgram(["virsh", "-q", "-c", "test:///default", "define", file]).wait()
      .expect(0, sourceLocation: sourceLocation)
  }

  static let uuid = "8f0c5d5e-52b5-4a43-8f6c-6f1d7a0b9c11"

  static let domain = """
    <domain type='test'>
      <name>db01</name>
      <uuid>\(uuid)</uuid>
      <memory unit='MiB'>512</memory>
      <vcpu>2</vcpu>
      <os>
        <type arch='x86_64'>hvm</type>
        <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
        <nvram>vars.fd</nvram>
      </os>
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
        <disk type='file' device='cdrom'>
          <source file='/isos/none.iso'/>
          <target dev='sda' bus='sata'/>
        </disk>
        <interface type='network'>
          <mac address='52:54:00:aa:00:01'/>
          <source network='default'/>
        </interface>
      </devices>
    </domain>

    """

  static let json = """
    {
      "name": "db01", "uuid": "\(uuid)", "cpus": 2, "memoryBytes": 536870912,
      "nvram": "vars.fd", "files": ["notes.txt"],
      "nics": [{"mac": "52:54:00:aa:00:01", "network": "default"}],
      "disks": [{"name": "vda", "role": "os", "path": "vda.img"},
                {"name": "vdb", "path": "vdb.img"}]
    }

    """
}
