import TestSupport
import Testing

@testable import Machines

@Suite struct LibvirtDomainTests {
  @Test("what libvirt's test driver prints is read")
  func virshTest() throws {
    let machine = try read("virsh-test.xml")
    #expect(machine.name == "test" && machine.uuid == "6695eb01-f6a4-8304-79aa-97f2502e193f")
    #expect(machine.memoryBytes == 8 << 30 && machine.cpus == 2)
    #expect(machine.firmware == .bios && machine.nvram == nil)
    #expect(
      machine.disks == [
        .init(name: "vda", lun: 0, role: .os, path: "/guest/diskimage1", format: "raw")
      ])
    #expect(machine.nics == [.init(mac: "aa:bb:cc:dd:ee:ff", network: "default")])
  }

  @Test("disks that the hypervisor encrypts are named with their secrets")
  func encrypted() throws {
    let uuid = "f52a81b2-424e-490c-823d-6bd4235bc572"
    let domain = try LibvirtDomain(
      Array(
        """
        <domain><name>m</name><devices>
        <disk type='file'><source file='/a'><encryption format='luks'>
          <secret type='passphrase' uuid='\(uuid)'/></encryption></source><target dev='vda'/></disk>
        <disk type='file'><source file='/b'/><target dev='vdb'/><encryption format='luks'>
          <secret type='passphrase' usage='/b'/></encryption></disk>
        <disk type='file'><source file='/c'/><target dev='vdc'/></disk>
        <disk type='file'><source file='/d'/><target dev='vdd'/>
          <encryption format='default'/></disk>
        </devices></domain>
        """.utf8))
    #expect(
      domain.encryptedDisks == [
        EncryptedDisk(name: "vda", secrets: [uuid]), EncryptedDisk(name: "vdb", secrets: ["/b"]),
        EncryptedDisk(name: "vdd", secrets: []),
      ])
  }

  @Test("what virt-install prints is read, with a network of each kind")
  func virtInstall() throws {
    let machine = try read("virt-install.xml")
    #expect(machine.name == "web02" && machine.memoryBytes == 2 << 30 && machine.cpus == 2)
    // No NVRAM file yet: libvirt makes it of its template at the first start.
    #expect(machine.firmware == .uefi && machine.nvram == nil)
    #expect(machine.disks.map(\.path) == ["/images/web02-root.img"])
    #expect(machine.nics.map(\.network) == ["default", "br0", "eth0"])
    #expect(machine.nics.map(\.mac) == (6...8).map { "52:54:00:12:34:5\($0)" })
  }

  @Test("a server with disks of every kind is read, and the first in boot order is its system's")
  func kvmServer() throws {
    let machine = try read("kvm-server.xml")
    #expect(machine.name == "db01" && machine.cpus == 8 && machine.memoryBytes == 16 << 30)
    #expect(machine.firmware == .uefi)
    #expect(machine.nvram == "/var/lib/libvirt/qemu/nvram/db01_VARS.fd")
    #expect(
      machine.disks == [
        .init(
          name: "vdb", lun: 0, role: .data, path: "/dev/vg0/db01-tables", format: "device"),
        .init(
          name: "vda", lun: 1, role: .os, path: "/var/lib/libvirt/images/db01 & co.img",
          format: "raw"),
        .init(name: "vdc", lun: 2, role: .data, path: nil, format: "raw"),
        .init(
          name: "sda", lun: 3, role: .data, path: "/dev/disk/by-id/scsi-36005076",
          format: "device"),
      ])
    #expect(machine.nics.map(\.network) == ["default", "br0", "eth1", nil])
    #expect(machine.nics.map(\.mac) == (1...4).map { "52:54:00:aa:00:0\($0)" })
  }

  @Test("a byte order mark before a definition does no harm")
  func byteOrderMark() throws {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    for name in ["virsh-test.xml", "kvm-server.xml"] {
      let bytes = try machineFixture(name)
      #expect(try MachineDefinition(mark + bytes, source: name) == read(name))
    }
    let json = try read("virsh-test.xml").json
    #expect(try MachineDefinition(mark + json, source: "marked") == read("virsh-test.xml"))
  }

  @Test(
    "memory is counted as libvirt counts it",
    arguments: [
      ("<memory>1</memory>", 1024), ("<memory unit='b'>5</memory>", 5),
      ("<memory unit='bytes'>5</memory>", 5), ("<memory unit='KB'>3</memory>", 3000),
      ("<memory unit='k'>3</memory>", 3072), ("<memory unit='KiB'> 3 </memory>", 3072),
      ("<memory unit='MB'>2</memory>", 2_000_000), ("<memory unit='M'>2</memory>", 2 << 20),
      ("<memory unit='MiB'>2</memory>", 2 << 20), ("<memory unit='GB'>1</memory>", 1_000_000_000),
      ("<memory unit='g'>1</memory>", 1 << 30), ("<memory unit='G'>1</memory>", 1 << 30),
      ("<memory unit='TB'>1</memory>", 1_000_000_000_000),
      ("<memory unit='TiB'>1</memory>", 1 << 40), ("", nil),
    ] as [(String, UInt64?)])
  func memory(element: String, byteCount: UInt64?) throws {
    #expect(try parse(domain(element)).memoryBytes == byteCount)
  }

  @Test(
    "what is no machine is refused with what is wrong",
    arguments: [
      (domain("<memory unit='XB'>1</memory>"), "<memory> says '1' XB"),
      (domain("<memory>-1</memory>"), "<memory> says '-1' KiB"),
      (domain("<memory>a lot</memory>"), "<memory> says 'a lot' KiB"),
      (domain("<memory unit='TiB'>999999999999</memory>"), "of memory cannot be"),
      (domain("<memory unit='TiB'>2000</memory>"), "bytes of memory"),
      (domain("<uuid>5</uuid>"), "uuid '5' is none"),
      (domain("<vcpu>0</vcpu>"), "0 processors cannot be"),
      (domain("", disks: ""), "it names no disks"),
      (domain("", disks: "<disk type='file'/>"), "a disk has no name"),
      (
        domain("", disks: #"<disk type="file"><target dev="a"/><source file=""/></disk>"#),
        "disk a: no path"
      ),
      (
        domain("", disks: "<disk><target dev='a'/></disk><disk><target dev='a'/></disk>"),
        "two disks have the same name"
      ),
      ("<domain/>", "the machine has no name"),
      ("<network><name>default</name></network>", "its root is <network>"),
      ("<domain>", "not well-formed"), ("<", "not well-formed"), ("<a/><b/>", "not well-formed"),
      ("<domain>\u{1}</domain>", "not well-formed"), ("<?xml version='1.0'?>", "not well-formed"),
    ])
  func refused(text: String, reason: String) {
    let error = #expect(throws: DefinitionError.self) { try parse(text) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test(
    "documents with entities or a document type are refused, whatever they would become",
    arguments: [
      "<!DOCTYPE domain>" + domain(""),
      "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>" + domain(""),
      "<!DOCTYPE domain SYSTEM 'http://192.0.2.1/never'>" + domain(""),
      "<!DOCTYPE domain [<!ENTITY a 'b'>]>" + domain("<title>&a;</title>"),
      "<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + domain("<title>&a;</title>"),
      "<!DOCTYPE d [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]>" + domain(""),
      domain("<title>&unknown;</title>"), laughs("<title>&z;</title>"),
      laughs("<title t='&z;'/>"),
    ])
  func entities(text: String) {
    #expect(throws: DefinitionError.self) { try parse(text) }
  }

  @Test("what is deep or cut off anywhere is refused or survived")
  func deepAndCut() throws {
    let names = ["a", "domain", "disk"]
    for name in names {
      for depth in [200, 300, 100_000] {
        let open = String(repeating: "<\(name)>", count: depth)
        let close = String(repeating: "</\(name)>", count: depth)
        for text in [domain(open + close), open + close, open] {
          do { _ = try LibvirtDomain(Array(text.utf8)).definition } catch {
            #expect(!error.reason.isEmpty)
          }
        }
      }
    }
    let whole = try machineFixture("kvm-server.xml")
    for count in stride(from: 0, to: whole.count - 10, by: 7) {
      #expect(throws: DefinitionError.self, "cut at \(count)") {
        try MachineDefinition(Array(whole.prefix(count)), source: "cut")
      }
    }
  }

  @Test("whatever is done to XML, it is refused with a reason or a machine that can be")
  func fuzz() throws {
    var random = Seed.ofThisRun.random
    for name in ["virsh-test.xml", "virt-install.xml", "kvm-server.xml"] {
      let good = try machineFixture(name)
      for round in 0..<700 {
        let bytes = mutated(good, &random)
        do {
          var machine = try MachineDefinition(bytes, source: "hostile")
          machine.name = "other"
          machine.disks[0].path = "/new <place> & \"more\""
          machine.disks[0].format = "raw"
          let domain = try LibvirtDomain(bytes)
          domain.apply(machine)
          let again = try LibvirtDomain(domain.bytes).definition
          #expect(again.disks.count == machine.disks.count, "\(round) \(Seed.ofThisRun)")
        } catch {
          #expect(!error.reason.isEmpty, "\(name) round \(round) \(Seed.ofThisRun)")
        }
      }
    }
  }

  private func read(_ name: String) throws -> MachineDefinition {
    try MachineDefinition(machineFixture(name), source: name)
  }

  private func parse(_ text: String) throws -> MachineDefinition {
    try MachineDefinition(Array(text.utf8), source: "test.xml")
  }
}

private func domain(
  _ elements: String, disks: String = "<disk type='file'><target dev='vda'/></disk>"
) -> String {
  "<domain><name>m</name>\(elements)<devices>\(disks)</devices></domain>"
}

/// Entities of entities of entities: a few bytes that become billions.
private func laughs(_ element: String) -> String {
  var entities = "<!ENTITY a0 'ha ha ha ha ha'>"
  for level in 1...12 {
    let inner = String(repeating: "&a\(level - 1);", count: 10)
    entities += "<!ENTITY a\(level) '\(inner)'>"
  }
  return "<!DOCTYPE d [\(entities)<!ENTITY z '&a12;'>]>" + domain(element)
}
