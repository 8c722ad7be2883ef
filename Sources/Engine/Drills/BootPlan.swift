internal import CLinux
internal import Files
internal import Machines
internal import SystemPackage
internal import Workers

/// How a restored machine is started to see whether it comes up: in QEMU, without a network, with
/// what it writes thrown away (`snapshot=on`), watched on its serial console.
package struct BootPlan: Sendable {
  /// What the console says when the machine is up.
  package var expected = "login:"
  package var timeout: Duration = .seconds(300)

  /// Some machines that are virtual themselves offer KVM and cannot run what firmware does: nothing
  /// is said then for longer than any firmware takes.
  private static let silenceLimit: Duration = .seconds(45)
  private static let consoleLimit = 1 << 20

  package init() {}

  package enum Accelerator: String, Sendable { case kvm, tcg }

  /// Whether QEMU is installed.
  package static var isPossible: Bool {
    linux_run("command -v \(QEMUCommand.program) >/dev/null", 10_000) == 0
  }

  /// With KVM where there is one; without where that turns out not to work.
  ///
  /// - Throws: ``DrillFailure`` where QEMU does not start; ``FileError``, ``Cancelled``.
  func start(
    _ definition: MachineDefinition, in place: FilePath, _ cancellation: Cancellation
  ) throws -> DrillReport.Boot {
    if try canUseKVM(),
      let outcome = try start(definition, in: place, by: .kvm, cancellation)
    {
      return outcome
    }
    guard let outcome = try start(definition, in: place, by: .tcg, cancellation) else {
      let said = try lines(of: place.appending("qemu-tcg.log")).last ?? "nothing"
      throw DrillFailure("\(QEMUCommand.program) ended at once, and said: \(said)")
    }
    return outcome
  }

  private func canUseKVM() throws -> Bool {
    do throws(FileError) {
      _ = try File.openForWriting(FilePath("/dev/kvm"))
      return true
    } catch { return false }
  }

  /// - Returns: nil where QEMU does not work in this way.
  private func start(
    _ definition: MachineDefinition, in place: FilePath, by accelerator: Accelerator,
    _ cancellation: Cancellation
  ) throws -> DrillReport.Boot? {
    let console = place.appending("console-\(accelerator.rawValue).log")
    let log = place.appending("qemu-\(accelerator.rawValue).log")
    let command = try QEMUCommand(
      definition, place: place, console: console, accelerator: accelerator)
    let begun = ContinuousClock.now
    let process = try command.start(output: log)
    defer { linux_end(process) }
    while true {
      try cancellation.check()
      let elapsed = begun.duration(to: .now)
      let said = try lines(of: console)
      let isUp = said.contains { $0.contains(expected) }
      if isUp || elapsed > timeout {
        return DrillReport.Boot(
          succeeded: isUp, accelerator: accelerator.rawValue,
          seconds: ((elapsed / .seconds(1)) * 1000).rounded() / 1000, expected: expected,
          console: Array(said.suffix(12)))
      }
      let hasEnded =
        linux_poll_end(process) != -Int64(Errno.resourceTemporarilyUnavailable.rawValue)
      if hasEnded, said.isEmpty { return nil }
      if hasEnded {
        throw DrillFailure("the machine went down; it last said: \(said.last ?? "")")
      }
      if accelerator == .kvm {
        if try lines(of: log).contains(where: { $0.contains("KVM internal error") }) { return nil }
        if said.isEmpty, elapsed > Self.silenceLimit { return nil }
      }
      pause(until: .now.advanced(by: .milliseconds(200)))
    }
  }

  /// The lines of the end of a log, without what moves a terminal's cursor or colours its text.
  private func lines(of path: FilePath) throws -> [String] {
    guard let byteCount = try fileStatus(path)?.byteCount, byteCount > 0 else { return [] }
    let file = try File.openForReading(path)
    var bytes = [UInt8](repeating: 0, count: Int(min(byteCount, UInt64(Self.consoleLimit))))
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    let count = try file.read(at: byteCount - UInt64(target.byteCount), into: &target)
    return readableLines(Array(bytes.prefix(count)))
  }
}

/// Lines of a console without escape sequences (ECMA-48, section 5.4) and other control characters.
func readableLines(_ bytes: [UInt8]) -> [String] {
  var lines: [[UInt8]] = [[]]
  var position = 0
  while position < bytes.count {
    let byte = bytes[position]
    position += 1
    switch byte {
    case 0x1B where position < bytes.count && bytes[position] == UInt8(ascii: "["):
      position += 1
      while position < bytes.count, !(0x40...0x7E).contains(bytes[position]) { position += 1 }
      position += 1
    case UInt8(ascii: "\n"): lines.append([])
    case 0x20...0x7E, 0x80...0xFF: lines[lines.count - 1].append(byte)
    default: break
    }
  }
  return lines.map { String(decoding: $0, as: UTF8.self) }.filter { !$0.isEmpty }
}
