import Glibc
import Testing

/// Restores of files that are stopped in their middle.
@Suite(.enabled(if: isInstalled("mke2fs") && isInstalled("sfdisk"), "needs mke2fs and sfdisk"))
struct FileKillTests {
  private let kluis = Kluis(withoutVault: ())
  private let guest: GuestImage

  init() { guest = GuestImage(in: kluis.scratch, largeByteCount: 64 << 20) }

  /// Files that have their names and are not what they should be.
  private func wrongFiles(in target: String) -> [String] {
    files(under: target).filter { name in
      !name.split(separator: "/").last!.hasPrefix(".kluis-")
        && !haveSameBytes("\(target)/\(name)", "\(guest.tree)/\(name)")
    }
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGKILL])
  func `no file has its name before it is whole`(signal: Int32) {
    for round in 0..<4 {
      let target = kluis.path("out-\(round)")
      let program = kluis.start(
        ["restore", "files", "--image", guest.image, "/", "--to", target])
      _ = program.wait { !temporaryFiles(in: target).isEmpty }
      usleep(UInt32(round) * 4_000)
      program.send(signal)
      let outcome = program.wait()
      #expect(wrongFiles(in: target) == [], "\(outcome)")
      if signal != SIGKILL {
        #expect([0, 130].contains(outcome.status), "\(outcome)")
        #expect(temporaryFiles(in: target) == [], "\(outcome)")
      }
      run("rm", "-rf", target)
    }
  }

  private func temporaryFiles(in target: String) -> [String] {
    guard access(target, F_OK) == 0 else { return [] }
    let found = RunningProgram(["find", target, "-name", ".kluis-*"]).wait().output
    return found.split(separator: "\n").map(String.init)
  }
}
