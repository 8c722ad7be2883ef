import CLinux
import FoundationEssentials
import Glibc
import SystemPackage
import Workers

/// Prints for programs and for whoever reads a log: to standard error.
func printError(_ text: String, terminator: String = "\n") {
  // Nobody is left to be told when standard error is closed.
  _ = try? FileDescriptor.standardError.writeAll(Array((text + terminator).utf8))
}

func sleepBriefly() { usleep(100_000) }

/// Prints `value` as JSON with sorted keys.
func printJSON(_ value: some Encodable) throws {
  print(String(decoding: try jsonBytes(value), as: UTF8.self))
}

/// `value` as JSON with sorted keys.
func jsonBytes(_ value: some Encodable) throws -> [UInt8] {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  return Array(try encoder.encode(value))
}

/// Writes out what `print` has kept back.
///
/// - Throws: ``OutputError``.
func flushPrinted() throws(OutputError) {
  let outcome = linux_flush_printed()
  if outcome < 0 { throw OutputError(cause: Errno(rawValue: Int32(truncatingIfNeeded: -outcome))) }
}

/// Raised by Ctrl-C, SIGTERM and the end of the terminal; a second Ctrl-C ends the process at once.
func interruptible() -> Cancellation {
  let cancellation = Cancellation()
  _ = WorkerThread {
    while true {
      let signal = linux_wait_for_interrupt()
      if cancellation.isRequested {
        // The kernel and the shell both tell that the terminal is gone.
        if signal == SIGHUP { continue }
        _exit(Status.interrupted)
      }
      cancellation.request()
      printError("\nstopping; press Ctrl-C again to stop at once (that harms nothing either)")
    }
  }
  return cancellation
}

/// The command's exit statuses (DESIGN §9).
enum Status {
  static let failed: Int32 = 1
  static let degraded: Int32 = 3
  static let interrupted: Int32 = 130
}
