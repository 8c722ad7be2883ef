import Files
import SystemPackage
import TestSupport
import Testing

@testable import Machines

/// What ``LibvirtDomain/apply(_:)`` does to a domain, line by line.
@Suite struct LibvirtEditingTests {
  private static let fixtures = ["virsh-test.xml", "virt-install.xml", "kvm-server.xml"]

  @Test("a domain that nothing was changed in is written as it was", arguments: fixtures)
  func unchanged(name: String) throws {
    let bytes = try machineFixture(name)
    let domain = try LibvirtDomain(bytes)
    domain.apply(try domain.definition)
    let found = lines(domain.bytes)
    let expected = lines(bytes).map { $0.replacing("'", with: "\"") }
    #expect(
      found.filter { !isDeclaration($0) }.map { $0.replacing("'", with: "\"") }
        == expected.filter { !isDeclaration($0) })
  }

  @Test("NVRAM is read and changed in either form that libvirt writes")
  func nvram() throws {
    for inner in ["/old.fd", "<source file=\"/old.fd\"/>"] {
      let text = "<domain><name>m</name><os><nvram>\(inner)</nvram></os><devices/></domain>"
      let domain = try LibvirtDomain(Array(text.utf8))
      var machine = try domain.definition
      #expect(machine.nvram == "/old.fd")
      machine.nvram = "/new.fd"
      domain.apply(machine)
      let changed = text.replacing("/old.fd", with: "/new.fd")
      #expect(lines(domain.bytes).filter { !isDeclaration($0) } == [changed])
    }
  }

  @Test("what was asked for is changed, and no line else")
  func changed() throws {
    let (before, domain) = try server()
    var machine = try domain.definition
    try #require(machine.disks.count == 4)
    machine.name = "db02 <copy> & co"
    machine.uuid = "11111111-2222-4333-8444-555555555555"
    machine.cpus = 4
    machine.memoryBytes = 8 << 30
    machine.nvram = "/copy/db02-nvram.fd"
    machine.disks[0].path = "/copy/db02-vdb.img"
    machine.disks[0].format = "raw"
    machine.disks[1].path = "/copy/\"db02\" & <vda>.vhd"
    machine.disks[1].format = "vhd-fixed"
    machine.disks[3].path = "/copy/db02-sda.img"
    machine.disks[3].format = "raw"
    for number in machine.nics.indices { machine.nics[number].mac = "52:54:00:00:00:1\(number)" }
    domain.apply(machine)
    let (removed, added) = difference(before, lines(domain.bytes))
    #expect(
      removed == [
        "<name>db01</name>", "<uuid>8f0c5d5e-52b5-4a43-8f6c-6f1d7a0b9c11</uuid>",
        #"<memory unit="GiB">16</memory>"#,
        #"<currentMemory unit="KiB">16777216</currentMemory>"#,
        #"<vcpu placement="static" cpuset="0-7">8</vcpu>"#,
        #"<entry name="uuid">8f0c5d5e-52b5-4a43-8f6c-6f1d7a0b9c11</entry>"#,
        #"<nvram template="/usr/share/OVMF/OVMF_VARS_4M.ms.fd">"#
          + "/var/lib/libvirt/qemu/nvram/db01_VARS.fd</nvram>",
        #"<disk type="block" device="disk">"#, #"<source dev="/dev/vg0/db01-tables"/>"#,
        #"<driver name="qemu" type="raw" cache="none" discard="unmap"/>"#,
        #"<source file="/var/lib/libvirt/images/db01 &amp; co.img"/>"#,
        #"<disk type="block" device="lun">"#, #"<source dev="/dev/disk/by-id/scsi-36005076"/>"#,
        #"<mac address="52:54:00:aa:00:01"/>"#, #"<mac address="52:54:00:aa:00:02"/>"#,
        #"<mac address="52:54:00:aa:00:03"/>"#, #"<mac address="52:54:00:aa:00:04"/>"#,
      ])
    #expect(
      added == [
        "<name>db02 &lt;copy&gt; &amp; co</name>",
        "<uuid>11111111-2222-4333-8444-555555555555</uuid>",
        #"<memory unit="b">8589934592</memory>"#,
        #"<currentMemory unit="b">8589934592</currentMemory>"#,
        #"<vcpu placement="static" cpuset="0-7">4</vcpu>"#,
        #"<entry name="uuid">11111111-2222-4333-8444-555555555555</entry>"#,
        #"<nvram template="/usr/share/OVMF/OVMF_VARS_4M.ms.fd">/copy/db02-nvram.fd</nvram>"#,
        #"<disk type="file" device="disk">"#, #"<source file="/copy/db02-vdb.img"/>"#,
        #"<driver name="qemu" type="vpc" cache="none" discard="unmap"/>"#,
        #"<source file="/copy/&quot;db02&quot; &amp; &lt;vda&gt;.vhd"/>"#,
        #"<disk type="file" device="disk">"#, #"<source file="/copy/db02-sda.img"/>"#,
        #"<mac address="52:54:00:00:00:10"/>"#, #"<mac address="52:54:00:00:00:11"/>"#,
        #"<mac address="52:54:00:00:00:12"/>"#, #"<mac address="52:54:00:00:00:13"/>"#,
      ])
    let again = try LibvirtDomain(domain.bytes).definition
    #expect(again.name == machine.name && again.nics == machine.nics)
    #expect(again.disks.map(\.path) == machine.disks.map(\.path))
    #expect(again.disks.map(\.format) == ["raw", "vpc", "raw", "raw"])
  }

  @Test("a disk that is left out is taken out, and all else stays: CD-ROMs, comments, namespaces")
  func removedDisks() throws {
    let (before, domain) = try server()
    var machine = try domain.definition
    machine.disks.removeAll { $0.name != "vda" }
    domain.apply(machine)
    let after = lines(domain.bytes)
    let (removed, added) = difference(before, after)
    #expect(added == [])
    #expect(removed.filter { $0 == "</disk>" }.count == 3)
    #expect(removed.contains(#"<source protocol="rbd" name="pool/db01-archive">"#))
    for kept in [
      #"<source file="/isos/debian-12.iso"/>"#, #"<target dev="fda" bus="fdc"/>"#,
      "<!-- the disk with the tables: it was there before the one that starts -->",
      "<shop:name>rack 7</shop:name>", #"<qemu:env name="KLUIS_NAME" value="kept"/>"#,
      #"<libosinfo:os id="http://debian.org/debian/12"/>"#,
    ] { #expect(after.contains(kept), "\(kept)") }
    #expect(try LibvirtDomain(domain.bytes).definition.disks.map(\.name) == ["vda"])
  }

  @Test("a file becomes a device and back")
  func devices() throws {
    let (before, domain) = try server()
    var machine = try domain.definition
    machine.disks[1].path = "/dev/vg0/db02"
    machine.disks[1].format = "device"
    domain.apply(machine)
    #expect(try domain.definition.disks[1].path == "/dev/vg0/db02")
    machine.disks[1].path = "/var/lib/libvirt/images/db01 & co.img"
    machine.disks[1].format = "raw"
    domain.apply(machine)
    let (removed, added) = difference(before, lines(domain.bytes))
    #expect(removed == added)
  }

  @Test("a network card without a MAC is given the one that the definition says")
  func missingMAC() throws {
    let text = """
      <domain><name>m</name><devices><disk type='file'><source file='/a'/><target dev='vda'/></disk>
      <interface type='user'/><interface type='user'/></devices></domain>
      """
    let domain = try LibvirtDomain(Array(text.utf8))
    var machine = try domain.definition
    machine.nics[1].mac = "52:54:00:00:00:01"
    machine.disks[0].path = "/b"
    machine.disks[0].format = "vhd-fixed"
    domain.apply(machine)
    let again = try LibvirtDomain(domain.bytes).definition
    #expect(again.nics.map(\.mac) == [nil, "52:54:00:00:00:01"])
    #expect(again.disks.map(\.format) == ["vpc"] && again.disks.map(\.path) == ["/b"])
  }

  @Test("virsh defines the machine that it became", .enabled(if: virsh != nil), arguments: fixtures)
  func defined(name: String) throws {
    let domain = try LibvirtDomain(machineFixture(name))
    var machine = try domain.definition
    machine.name = "copy"
    machine.uuid = "11111111-2222-4333-8444-555555555555"
    machine.disks.removeAll { $0.path == nil }
    for number in machine.disks.indices {
      machine.disks[number].path = "/copy/copy-\(number).img"
      machine.disks[number].format = number == 0 ? "vhd-fixed" : "raw"
    }
    for number in machine.nics.indices { machine.nics[number].mac = "52:54:00:00:00:1\(number)" }
    domain.apply(machine)
    let directory = try TemporaryDirectory()
    let file = directory.appending("copy.xml")
    try writeFile(domain.bytes, to: file)
    let program = try #require(virsh)
    try run(program, ["-q", "-c", "test:///default", "define", file.string])
  }

  private func server() throws -> (before: [String], LibvirtDomain) {
    let domain = try LibvirtDomain(machineFixture("kvm-server.xml"))
    return (lines(domain.bytes), domain)
  }

  /// Without indentation, which nobody asks for.
  private func lines(_ bytes: [UInt8]) -> [String] {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n")
      .map { String($0.drop { $0 == " " }) }.filter { !$0.isEmpty }
  }

  private func isDeclaration(_ line: String) -> Bool { line.hasPrefix("<?xml") }

  private func difference(
    _ before: [String], _ after: [String]
  ) -> (removed: [String], added: [String]) {
    var (removed, added): ([String], [String]) = ([], [])
    let all = after.difference(from: before)
    for case .remove(_, let line, _) in all.removals { removed.append(line) }
    for case .insert(_, let line, _) in all.insertions { added.append(line) }
    return (removed, added)
  }
}
