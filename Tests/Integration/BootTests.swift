import Glibc
import Testing

/// A real machine: protected, lost, had back, and started.
@Suite(.serialized) struct BootTests {
  @Test func `a Debian machine is lost, restored elsewhere and in place, and boots`() throws {
    if let obstacle = BootingMachine.obstacle { return print("skipped: \(obstacle)") }
    guard let machine = BootingMachine() else {
      return print("skipped: no machine, since no mirror of Debian can be reached")
    }
    let kluis = machine.kluis
    let definition = machine.path("\(BootingMachine.name).xml")
    kluis("backup", BootingMachine.name, "--definition", definition).expect(0)

    // Every file as the kernel shows it, out of the point.
    let root = machine.path("root.img")
    let place = "\(BootingMachine.name):vda/1:/"
    machine.compareWithKernel(root, ["restore", "files", BootingMachine.name, "vda/1:/"])
      .expect(0, saying: " 0 differences")
    kluis("ls", place).expect(0, saying: "vmlinuz")

    // In place, after the worst has happened to its files.
    machine.onRoot(root, "rm -rf usr").expect(0)
    machine.onRoot(root, "test -e usr/lib").expect(1)
    kluis("restore", "vm", "\(BootingMachine.name)", "--in-place", "--delta")
      .expect(0, saying: "differed and were written")
    machine.onRoot(root, "test -e usr/lib/systemd/systemd").expect(0)
    RunningProgram(["e2fsck", "-fn", "\(root)?offset=1048576"]).wait().expect(0)

    // Elsewhere, after all of it is gone. The newest point is of the machine without /usr.
    let points = try JSONValue(kluis("points", "--json").expect(0).output)
    let first = try #require(points[0]["id"].text)
    run("rm", "-rf", machine.home)
    kluis("restore", "vm", first, "--as", "boot02", "--to", "elsewhere").expect(0)
    let disks = ["vda", "vdb"].map { kluis.path("elsewhere/boot02-\($0).img") }
    #expect(machine.boots(disks), "the login prompt was not seen")

    // And in a drill, which leaves nothing behind.
    let scratch = kluis.scratch.directory("scratch")
    let report = kluis.path("drill")
    kluis("drill", first, "--boot", "--scratch", scratch, "--report", report)
      .expect(0, saying: "passed")
    let found = try JSONValue(String(decoding: readBytes("\(report).json"), as: UTF8.self))
    #expect(found["boot"]["succeeded"].text == nil && found["passed"].flag == true)
    #expect(found["volumes"].elements.compactMap { $0["label"].text } == ["root", "data"])
    #expect(found["boot"]["console"].elements.last?.text?.contains("login:") == true)
    #expect(files(under: scratch).isEmpty)
    let text = String(decoding: readBytes("\(report).txt"), as: UTF8.self)
    #expect(text.contains("recovery time:") && text.contains("login:"))
  }
}
