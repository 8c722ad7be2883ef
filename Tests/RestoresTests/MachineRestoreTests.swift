import Files
import Hashing
import Machines
import Maps
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Restores

@Suite struct MachineRestoreTests {
  @Test("a machine from libvirt comes back under a new name with new ids, bit for bit")
  func libvirt() throws {
    let bench = try MachineBench()
    let made = try bench.restore()
    #expect(
      try bench.files() == [
        "db02-nvram.fd", "db02-vda.img", "db02-vdb.img", "db02.json", "db02.xml",
      ])
    for disk in ["vda", "vdb"] {
      try bench.expectDisk(disk, at: bench.target.appending("db02-\(disk).img"))
    }
    #expect(try bench.text("db02-nvram.fd") == "variables")
    #expect(made.name == "db02" && made.uuid != MachineBench.uuid && made.uuid != nil)
    #expect(made.nics[0].mac?.hasPrefix("52:54:00:") == true)
    #expect(made.nics[0].mac != "52:54:00:aa:00:01")
    #expect(try bench.definition("db02.json") == made)
    let domain = try bench.definition("db02.xml")
    #expect(domain.name == "db02" && domain.uuid == made.uuid && domain.nics == made.nics)
    #expect(domain.disks.map(\.path) == made.disks.map(\.path) && domain.nvram == made.nvram)
    #expect(made.disks.map(\.format) == ["raw", "raw"])
    let xml = try bench.text("db02.xml")
    #expect(xml.contains("<!-- kept -->") && !xml.contains("db01"))
  }

  @Test("a machine that JSON defined comes back with its files and without XML")
  func json() throws {
    let bench = try MachineBench(definition: MachineBench.json)
    let made = try bench.restore()
    #expect(
      try bench.files() == [
        "db02-files/notes.txt", "db02-nvram.fd", "db02-vda.img", "db02-vdb.img", "db02.json",
      ])
    #expect(try bench.text("db02-files/notes.txt") == "notes")
    #expect(made.files == [bench.target.appending("db02-files/notes.txt").string])
    #expect(made.nvram == bench.target.appending("db02-nvram.fd").string)
    #expect(Set(made.nics.compactMap(\.mac)).count == 2 && made.disks.map(\.lun) == [0, 1])
    let again = try bench.restore("db03")
    #expect(again.uuid != made.uuid && again.nics.map(\.mac) != made.nics.map(\.mac))
  }

  @Test("a machine that comes in the place of the old one keeps its ids")
  func keptIDs() throws {
    let bench = try MachineBench(definition: MachineBench.json)
    let made = try bench.restore("db01") { $0.keepsIDs = true }
    #expect(made.uuid == MachineBench.uuid)
    #expect(made.nics.map(\.mac) == ["52:54:00:aa:00:01", nil])
  }

  @Test(
    "what is there already is kept, and nothing is written beside it",
    arguments: ["db02-vdb.img", "db02.json", "db02.xml", "db02-nvram.fd"])
  func existing(name: String) throws {
    let bench = try MachineBench()
    try makeDirectory(bench.target)
    try writeFile([7], to: bench.target.appending(name))
    try bench.expectNothing(of: "\(name) exists already") { _ = try bench.restore() }
    #expect(try readFile(bench.target.appending(name)) == [7] && bench.files() == [name])
  }

  @Test("a restore that fails removes what it made, and the next one goes through")
  func failing() throws {
    let bench = try MachineBench()
    let cancellation = Cancellation()
    cancellation.request()
    try bench.expectNothing(of: "") { _ = try bench.restore(cancellation: cancellation) }
    // The last of what is written: disks and NVRAM were there before it failed.
    var lost = bench.point
    let place = try #require(lost.files?.firstIndex { $0.kind == .definition })
    lost.files?[place].content.root = digest(9).description
    let broken = MachineRestore(lost, as: "db02", in: bench.target)
    try bench.expectNothing(of: "") {
      _ = try broken.run(
        from: bench.open(), progress: Progress(), cancellation: Cancellation())
    }
    #expect(try bench.files() == [])
    _ = try bench.restore()
    #expect(try bench.files().count == 5)
  }

  @Test("a definition that is no libvirt domain any more fails before the machine's own is there")
  func hugeDefinition() throws {
    let bench = try MachineBench()
    var lost = bench.point
    lost.files?[0].content.size = 1 << 40
    let broken = MachineRestore(lost, as: "db02", in: bench.target)
    try bench.expectNothing(of: "no definition has") {
      _ = try broken.run(from: bench.open(), progress: Progress(), cancellation: Cancellation())
    }
  }

  @Test("disks that were left out are not in the machine that is made")
  func excluded() throws {
    let bench = try MachineBench(exclude: ["vda"])
    let made = try bench.restore()
    #expect(made.disks.map(\.name) == ["vdb"])
    try bench.expectDisk("vdb", at: bench.target.appending("db02-vdb.img"))
    #expect(try bench.definition("db02.xml").disks.map(\.name) == ["vdb"])
    #expect(try bench.files().contains("db02-vda.img") == false)
  }

  @Test("a point without a definition becomes a machine with its disks")
  func withoutDefinition() throws {
    let bench = try MachineBench(disksOnly: true)
    let made = try bench.restore()
    #expect(try bench.files() == ["db02-vda.img", "db02-vdb.img", "db02.json"])
    #expect(made.disks.map(\.role) == [.os, .data] && made.uuid != nil)
    for disk in ["vda", "vdb"] {
      try bench.expectDisk(disk, at: bench.target.appending("db02-\(disk).img"))
    }
  }

  @Test("disks become fixed VHDs, and the domain says so")
  func vhd() throws {
    let bench = try MachineBench()
    let made = try bench.restore { $0.format = .fixedVHD }
    #expect(made.disks.map(\.format) == ["vhd-fixed", "vhd-fixed"])
    for disk in ["vda", "vdb"] {
      try bench.expectDisk(disk, at: bench.target.appending("db02-\(disk).vhd"))
      let size = try fileStatus(bench.target.appending("db02-\(disk).vhd"))?.byteCount
      #expect(size == UInt64((bench.disks[disk] ?? []).count) + 512)
    }
    #expect(try bench.definition("db02.xml").disks.map(\.format) == ["vpc", "vpc"])
  }

  @Test("a disk that no VHD can be is refused, and nothing is left")
  func noVHD() throws {
    let bench = try MachineBench(rootByteCount: 300_033)
    try bench.expectNothing(of: "300033 bytes, no whole sectors") {
      _ = try bench.restore { $0.format = .fixedVHD }
    }
    var disk = bench.point.disks[1]
    disk.size = (2040 << 30) + 512
    disk.root = ContentID.zeros.description
    var restore = DiskRestore(disk: disk, target: bench.target.appending("large.vhd"))
    restore.format = .fixedVHD
    let large = restore
    try bench.expectNothing(of: "more than 2040 GiB") {
      try large.run(from: bench.open(), progress: Progress(), cancellation: Cancellation())
    }
  }

  @Test("the place is made where it is missing, and shared with other machines")
  func places() throws {
    let bench = try MachineBench(definition: MachineBench.json)
    let deep = bench.target.appending("a").appending("b")
    _ = try bench.restore("one", to: deep)
    _ = try bench.restore("two", to: deep)
    #expect(try bench.files().count == 10)
  }
}
