internal import CLinux
internal import Files
internal import SystemPackage

/// A machine runs, or something else writes to its disks.
package struct MachineRunsError: Error, CustomStringConvertible {
  let path: FilePath
  let reason: String

  package var description: String { "\(path) \(reason): shut the machine down first" }
}

/// Refuses a disk that somebody uses.
///
/// Looks for QEMU's locks on the image (of the open file description, from byte 100 on: QEMU,
/// block/file-posix.c) and any other process's, and asks the system whether anybody has it open for
/// writing, which covers loop devices and whatever else.
func requireUnused(_ path: FilePath) throws {
  let file = try File.openForReading(path)
  if file.isLocked { throw MachineRunsError(path: path, reason: "is locked, as by QEMU") }
  if file.hasWriter { throw MachineRunsError(path: path, reason: "is open for writing") }
}

/// Refuses a machine that libvirt says is running; says nothing where there is no libvirt.
///
/// - Parameter name: checked as a machine's name.
func requireShutOff(_ name: String) throws(MachineRunsError) {
  let quoted =
    "'"
    + name.split(separator: "'", omittingEmptySubsequences: false)
    .joined(separator: "'\\''") + "'"
  // Paused, suspended and shutting down are states of a machine that has its disks open, too.
  let question =
    "LC_ALL=C virsh domstate -- \(quoted) 2>/dev/null | grep -qvxE 'shut off|crashed|'"
  let outcome = linux_run("command -v virsh >/dev/null && \(question)", 10_000)
  if outcome == 0 {
    throw MachineRunsError(path: FilePath(name), reason: "is not shut off, as libvirt says")
  }
}
