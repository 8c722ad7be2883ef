import Glibc
import Testing

/// Whole machines restored in the place of what they are now.
@Suite struct InPlaceTests {
  @Test(arguments: InPlaceMachine.Protection.allCases)
  func `a machine is restored in place, and what it was can be had back`(
    protection: InPlaceMachine.Protection
  ) throws {
    var random = seededGenerator("in place by \(protection)")
    let machine = try InPlaceMachine(protection, &random)
    let kluis = machine.kluis
    let report = try JSONValue(machine.restore("--json").wait().expect(0).output)
    #expect(report["point"].text == machine.point)
    #expect(report["disks"].elements.map { $0["path"].text } == machine.names.map(machine.image))
    #expect(machine.isRestored && machine.isClean && machine.replaced.count == 2)

    let safety = try #require(report["safetyPoint"].text)
    let listed = try JSONValue(kluis("show", safety, "--json").expect(0).output)
    #expect(listed["tags"]["before-restore-of"].text == machine.point)
    kluis("restore", "vm", safety, "--in-place", "--no-safety-point").expect(0)
    #expect(machine.isUntouched && machine.isClean && machine.replaced.count == 4)

    let shown = kluis("replaced", "m").expect(0)
    for name in machine.replaced { #expect(shown.output.contains(name), "\(shown)") }
    let again = try JSONValue(kluis("replaced", "m", "--json").expect(0).output)
    #expect(again.elements.count == 4)
    kluis("replaced", "m", "--remove").expect(0, saying: "removed ")
    #expect(machine.replaced.isEmpty && machine.isUntouched && machine.isClean)
    kluis("replaced", "m").expect(0, saying: "no replaced disks of m")
    kluis("recover", "m").expect(0, saying: "nothing to recover")
    kluis("verify").expect(0)
  }

  @Test func `without a safety point none is taken`() throws {
    var random = seededGenerator("no safety point")
    let machine = try InPlaceMachine(.disks, &random)
    let points = machine.kluis("points").expect(0).output
    machine.restore("--no-safety-point").wait().expect(0)
    #expect(machine.isRestored && machine.kluis("points").output == points)
  }

  @Test func `a safety point forgets no disk that later backups take`() throws {
    var random = seededGenerator("safety point of some")
    let machine = try InPlaceMachine(.disks, &random)
    let kluis = machine.kluis
    let extra = kluis.path("extra.img")
    makeImage(extra, byteCount: 1 << 20, &random)
    let disks = (machine.names.map { ($0, machine.image($0)) } + [("extra", extra)])
      .flatMap { ["--disk", "\($0)=\($1)"] }
    kluis.run(["backup", "m"] + disks).expect(0)
    machine.restore().wait().expect(1, saying: "has not: extra")
    machine.restore("--force").wait().expect(0)
    #expect(machine.isRestored)
    let next = try JSONValue(kluis("backup", "m", "--json").expect(0).output)
    #expect(next["disks"].elements.count == 3, "the machine has three disks still")
  }

  @Test(.enabled(if: isInstalled("qemu-io"), "qemu-io is not installed"))
  func `a disk that QEMU has open is not replaced`() throws {
    var random = seededGenerator("qemu")
    let machine = try InPlaceMachine(.definition, &random)
    let image = machine.image("disk1")
    for options in [[], ["-r"]] {
      let command = ["qemu-io", "-f", "raw"] + options + ["-c", "sleep 60000", image]
      let qemu = RunningProgram(command)
      defer { _ = qemu.wait() }
      defer { qemu.send(SIGKILL) }
      #expect(qemu.wait { isLocked(image) })
      let refused = machine.restore().wait().expect(1, saying: "\(image) is")
      #expect(refused.text.contains("shut the machine down first"), "\(refused)")
      #expect(machine.isUntouched && machine.isClean && machine.replaced.isEmpty)
    }
    machine.restore("--no-safety-point").wait().expect(0)
    #expect(machine.isRestored)
  }

  /// Whether somebody holds a lock on any part of a file.
  private func isLocked(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    let getLock: Int32 = 36
    return fcntl(descriptor, getLock, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
  }

  @Test func `a disk that anybody writes to is not replaced`() throws {
    var random = seededGenerator("writer")
    let machine = try InPlaceMachine(.disks, &random)
    let descriptor = open(machine.image("disk1"), O_RDWR | O_CLOEXEC)
    machine.restore().wait().expect(1, saying: "is open for writing")
    close(descriptor)
    #expect(machine.isUntouched && machine.isClean)
    machine.kluis("points").expect(0)
    let points = try JSONValue(machine.kluis("points", "--json").output)
    #expect(points.elements.count == 1, "refused before a safety point is taken")
  }

  @Test(.enabled(if: canAttach, "needs the right to make loop devices"))
  func `a disk behind a loop device is not replaced`() throws {
    var random = seededGenerator("loop")
    let machine = try InPlaceMachine(.disks, &random)
    _ = machine.kluis.scratch.attach(machine.image("disk0"))
    machine.restore().wait().expect(1, saying: "is open for writing")
    #expect(machine.isUntouched && machine.isClean)
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `a file system that fills up leaves the old disks and nothing else`() throws {
    var random = seededGenerator("full")
    let machine = try InPlaceMachine(.disks, &random)
    let kluis = machine.kluis
    let small = kluis.scratch.mountMemory("small", byteCount: 3 << 20)
    for name in ["a", "b"] { makeImage("\(small)/\(name).img", byteCount: 1 << 20, &random) }
    let disks = ["--disk", "a=\(small)/a.img", "--disk", "b=\(small)/b.img"]
    kluis.run(["backup", "full"] + disks).expect(0)
    run("cp", "\(small)/b.img", kluis.path("b.img"))
    kluis("restore", "vm", "full", "--in-place", "--no-safety-point")
      .expect(1, saying: "no space left")
    #expect(files(under: small) == ["a.img", "b.img"])
    #expect(haveSameBytes("\(small)/b.img", kluis.path("b.img")))
  }

  @Test func `a restore that was stopped blocks backups and restores until it is recovered`() throws
  {
    var random = seededGenerator("blocked")
    let machine = try InPlaceMachine(.definition, diskCount: 8, &random)
    let restore = machine.stopAtJournal(SIGKILL)
    #expect(restore.wait().signal == SIGKILL && access(machine.journal, F_OK) == 0)
    machine.kluis("backup", "m").expect(1, saying: "kluis recover m")
    machine.restore().wait().expect(1, saying: "kluis recover m")
    machine.kluis("recover", "m").expect(0, saying: "m has")
    #expect(machine.isClean && machine.isRestored != machine.isUntouched)
    machine.kluis("backup", "m").expect(0)
    machine.restore("--no-safety-point").wait().expect(0)
    #expect(machine.isRestored && machine.isClean)
  }

  @Test func `a restore that is under way is not recovered, nor is another begun`() throws {
    var random = seededGenerator("under way")
    let machine = try InPlaceMachine(.disks, diskCount: 12, &random)
    let restore = machine.stopAtJournal(SIGSTOP)
    #expect(access(machine.journal, F_OK) == 0)
    machine.kluis("recover", "m").expect(1, saying: "is under way")
    machine.kluis("backup", "m").expect(1, saying: "is under way")
    machine.restore().wait().expect(1, saying: "is under way")
    restore.send(SIGCONT)
    restore.wait().expect(0)
    #expect(machine.isRestored && machine.isClean && machine.replaced.count == 12)
  }

  @Test(arguments: [false, true])
  func `what differs alone is written, and what was there can be had back`(
    sharesBlocks: Bool
  ) throws {
    if sharesBlocks, !canMountReflinks { return print("skipped: btrfs cannot be mounted") }
    var random = seededGenerator("delta, shared blocks \(sharesBlocks)")
    let machine = try InPlaceMachine(
      .definition, byteCount: 4 << 20, sharesBlocks: sharesBlocks, &random)
    let before = machine.names.map { fileNumber(machine.image($0)) }
    let report = try JSONValue(machine.restore("--delta", "--json").wait().expect(0).output)
    #expect(machine.isRestored && machine.isClean)
    for disk in report["disks"].elements {
      // A change of 32 KiB, and what else is in the chunks that it touches.
      #expect((1..<1 << 20).contains(Int(disk["writtenBytes"].number ?? 0)), "\(report)")
      #expect((disk["replaced"].text != nil) == sharesBlocks)
    }
    #expect((machine.names.map { fileNumber(machine.image($0)) } == before) == !sharesBlocks)
    let safety = try #require(report["safetyPoint"].text)
    machine.kluis("restore", "vm", safety, "--in-place", "--delta", "--no-safety-point")
      .expect(0, saying: "differed and were written")
    #expect(machine.isUntouched && machine.isClean)
    machine.kluis("restore", "vm", machine.point, "--as", "x", "--to", "x", "--delta").expect(64)
  }

  @Test(arguments: ["running", "paused", "in shutdown", "pmsuspended", "shut off", "crashed", ""])
  func `a machine that libvirt has not shut off is not replaced`(state: String) throws {
    var random = seededGenerator("libvirt")
    let machine = try InPlaceMachine(.disks, &random)
    let tools = machine.kluis.scratch.directory("tools")
    let script = "#!/bin/sh\n[ \"$LC_ALL:$*\" = 'C:domstate -- m' ] && printf '\(state)\\n\\n'\n"
    writeBytes(Array(script.utf8), to: "\(tools)/virsh")
    chmod("\(tools)/virsh", 0o755)
    let path = "\(tools):\(environment("PATH") ?? "/usr/bin:/bin")"
    let restore = ["restore", "vm", machine.point, "--in-place", "--delta", "--no-safety-point"]
    let outcome = machine.kluis.run(restore, environment: ["PATH": path])
    if ["shut off", "crashed", ""].contains(state) {
      outcome.expect(0)
      #expect(machine.isRestored)
    } else {
      outcome.expect(1, saying: "is not shut off, as libvirt says")
      #expect(machine.isUntouched && machine.isClean)
    }
  }

  @Test func `what was stopped is completed without the vault`() throws {
    var random = seededGenerator("recovery without a vault")
    let machine = try InPlaceMachine(.definition, diskCount: 12, &random)
    let restore = machine.restore("--delta", "--no-safety-point")
    machine.waitForSwap(of: restore)
    restore.send(SIGKILL)
    _ = restore.wait()
    run("mv", machine.kluis.vault, machine.kluis.path("away"))
    machine.kluis("recover", "m").expect(1)
    machine.kluis("recover", "m", "--in", machine.kluis.path("none")).expect(64)
    machine.kluis("recover", "m", "--in", machine.images).expect(0)
    #expect(machine.isClean && machine.isRestored != machine.isUntouched)
  }

  private func fileNumber(_ path: String) -> UInt64 {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_ino) : 0
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a restore that is interrupted leaves the old disks or the point's`(signal: Int32) throws {
    var random = seededGenerator("interrupted")
    let machine = try InPlaceMachine(.definition, diskCount: 8, &random)
    let outcome = machine.stopAtJournal(signal).wait().expect(0, 130)
    #expect(machine.isClean)
    #expect(outcome.status == 0 ? machine.isRestored : machine.isUntouched, "\(outcome)")
    machine.kluis("recover", "m").expect(0, saying: "nothing to recover")
  }
}
