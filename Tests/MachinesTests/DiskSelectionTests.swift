import Testing

@testable import Machines

@Suite struct DiskSelectionTests {
  private let machine = MachineDefinition(
    name: "db01",
    disks: [
      .init(name: "root", lun: 0, role: .os, path: "/images/root.img"),
      .init(name: "data", lun: 1, path: "/images/data.img"),
      .init(name: "logs", lun: 2, path: "/images/logs.img"),
    ])

  @Test(
    "disks are chosen by name and role",
    arguments: [
      (DiskSelection(), ["root", "data", "logs"], []),
      (DiskSelection(exclude: ["data"]), ["root", "logs"], ["data"]),
      (DiskSelection(include: ["logs", "data"]), ["data", "logs"], ["root"]),
      (DiskSelection(onlyOS: true), ["root"], ["data", "logs"]),
      (DiskSelection(include: ["logs"], onlyOS: true), ["root", "logs"], ["data"]),
      (DiskSelection(include: ["logs", "data"], exclude: ["data"]), ["logs"], ["root", "data"]),
    ] as [(DiskSelection, [String], [String])])
  func choices(selection: DiskSelection, taken: [String], left: [String]) throws {
    let chosen = try selection.choose(from: machine)
    #expect(chosen.taken.map(\.name) == taken && chosen.left == left)
  }

  @Test(
    "a disk that is not there, and a choice that leaves none, are refused",
    arguments: [
      (DiskSelection(exclude: ["vdz"]), "it has root, data, logs"),
      (DiskSelection(include: ["vdz"]), "it has root, data, logs"),
      (DiskSelection(exclude: ["root", "data", "logs"]), "nothing would be kept"),
      (DiskSelection(exclude: ["root"], onlyOS: true), "nothing would be kept"),
    ])
  func refusals(selection: DiskSelection, reason: String) {
    let error = #expect(throws: DefinitionError.self) { try selection.choose(from: machine) }
    #expect(error?.description.contains(reason) == true)
  }
}
