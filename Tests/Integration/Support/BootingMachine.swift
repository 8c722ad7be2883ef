import Glibc
import Testing

/// A real Debian machine of two disks that boots by itself; `.ci/make-machine` says how it is made.
final class BootingMachine {
  let kluis = Kluis()
  let home: String

  static let name = "boot01"
  private static let package =
    "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

  /// Why there can be none; nil where there can.
  static var obstacle: String? {
    guard canAttach, canMount else { return "needs the right to mount images" }
    for tool in ["mmdebstrap", "extlinux", "qemu-system-x86_64", "sfdisk", "mke2fs"]
    where !isInstalled(tool) {
      return "\(tool) is not installed"
    }
    return nil
  }

  /// Takes a minute, and much from Debian's mirror; nil where that is out of reach.
  init?() {
    home = kluis.scratch.directory("home")
    let made = RunningProgram(["\(Self.package)/.ci/make-machine", home]).wait()
    if made.status == 0 { return }
    let isOffline = ["Could not connect", "Temporary failure", "Could not resolve"]
      .contains { made.text.contains($0) }
    #expect(isOffline, "\(made)")
    return nil
  }

  func path(_ file: String) -> String { "\(home)/\(file)" }

  /// Runs a command on the mounted root file system, which is `$1`.
  func onRoot(_ image: String, _ command: String) -> Outcome {
    let script = """
      set -e; place=$(mktemp -d); mount -o loop,offset=1048576 "$1" "$place"
      trap 'umount "$place"; rmdir "$place"' EXIT; (cd "$place"; \(command))
      """
    return RunningProgram(["bash", "-c", script, "bash", image]).wait()
  }

  /// Compares an archive that `kluis` makes with what the kernel shows of the root file system,
  /// file by file and in all that is known of each.
  func compareWithKernel(_ image: String, _ arguments: [String]) -> Outcome {
    let command = [Kluis.program] + arguments + ["--tar", "-", "--quiet", "--vault", kluis.vault]
    let quoted = command.map { "'\($0)'" }.joined(separator: " ")
    return onRoot(
      image, "set -o pipefail; \(quoted) | '\(Self.package)/Tests/Judges/tar-equals-tree' .")
  }

  /// Starts disks in QEMU, with KVM if that works, and waits for the login prompt.
  func boots(_ disks: [String], seconds: Int = 240) -> Bool {
    ["kvm", "tcg"].contains { accelerator in
      if accelerator == "kvm", access("/dev/kvm", W_OK) != 0 { return false }
      let console = kluis.path("console-\(UInt32.random(in: .min ... .max))")
      let drives = disks.flatMap { ["-drive", "file=\($0),format=raw,if=virtio,snapshot=on"] }
      let qemu = RunningProgram(
        [
          "qemu-system-x86_64", "-accel", accelerator, "-m", "512", "-display", "none", "-nic",
          "none", "-no-reboot", "-serial", "file:\(console)",
        ] + drives)
      defer { _ = qemu.wait() }
      defer { qemu.send(SIGKILL) }
      let end = ContinuousClock.now.advanced(by: .seconds(seconds))
      // Nested machines may offer KVM that stops, or says nothing, in a boot loader.
      let silence = ContinuousClock.now.advanced(by: .seconds(accelerator == "kvm" ? 15 : seconds))
      while qemu.isRunning, ContinuousClock.now < end {
        usleep(300_000)
        guard access(console, F_OK) == 0 else { continue }
        let said = String(decoding: readBytes(console), as: UTF8.self)
        if said.contains("\(Self.name) login:") { return true }
        if ContinuousClock.now > silence, !said.contains("Linux version") { return false }
      }
      return false
    }
  }
}
