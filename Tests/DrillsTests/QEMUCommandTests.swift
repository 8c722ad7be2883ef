import Files
import Machines
import SystemPackage
import TestSupport
import Testing

@testable import Drills

@Suite struct QEMUCommandTests {
  private func command(_ definition: MachineDefinition) throws -> String {
    try QEMUCommand(
      definition, place: FilePath("/scratch"), console: FilePath("/scratch/a,b.log"),
      accelerator: .tcg
    ).arguments.joined(separator: " ")
  }

  @Test("a machine is started without a network, and what it writes is thrown away")
  func isolated() throws {
    var definition = MachineDefinition(
      name: "m",
      disks: [
        .init(name: "vda", path: "/i/data.img"), .init(name: "vdb", role: .os, path: "/i/o,s.img"),
      ])
    definition.memoryBytes = 512 << 20
    let text = try command(definition)
    #expect(text.contains("-nic none") && !text.contains("netdev"))
    #expect(text.contains("-machine pc,accel=tcg -m 512 -smp 1"))
    #expect(text.contains("path=/scratch/a,,b.log") && text.contains("file=/i/o,,s.img"))
    #expect(text.components(separatedBy: "snapshot=on") == 2)
    #expect(text.contains("drive=disk1,bootindex=0") && text.contains("drive=disk0,bootindex=1"))
  }

  @Test("disks are on the bus that their names tell of, and memory has a limit")
  func buses() throws {
    var definition = MachineDefinition(
      name: "m",
      disks: [
        .init(name: "sda", role: .os, path: "/a"), .init(name: "sdb", path: "/b"),
        .init(name: "hdc", path: "/c"), .init(name: "root", path: "/d"),
        .init(name: "far", path: nil),
      ])
    definition.memoryBytes = 1 << 40
    let text = try command(definition)
    #expect(text.contains("ide-hd,drive=disk0,bus=sata.0"))
    #expect(text.contains("ide-hd,drive=disk1,bus=sata.1"))
    #expect(text.contains("ide-hd,drive=disk2,bootindex"))
    #expect(text.contains("virtio-blk-pci,drive=disk3"))
    #expect(text.contains("-m 4096") && !text.contains("disk4"))
  }
}

extension String {
  /// How often a text is in it.
  fileprivate func components(separatedBy text: String) -> Int { ranges(of: text).count }
}
