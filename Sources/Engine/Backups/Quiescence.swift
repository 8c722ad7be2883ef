internal import CLinux
internal import Files
internal import SystemPackage
internal import Tiers

/// Commands that bring a machine's applications to rest before its disks are read, and set them
/// going again.
package struct Quiescence: Sendable {
  package var freeze: String
  package var thaw: String
  package var timeout: Duration

  package init(freeze: String, thaw: String, timeout: Duration = .seconds(60)) {
    self.freeze = freeze
    self.thaw = thaw
    self.timeout = timeout
  }

  /// Runs `body` with the applications at rest. They are set going again whatever happens, also
  /// where bringing them to rest failed half-way.
  ///
  /// - Throws: ``QuiescenceError`` where they are not at rest; that they are not going again is
  ///   noted. Whatever `body` throws.
  func during<Result>(notices: Notices, _ body: () throws -> Result) throws -> Result {
    defer {
      do throws(QuiescenceError) { try run(thaw) } catch { notices.add("\(error)") }
    }
    try run(freeze)
    return try body()
  }

  private func run(_ command: String) throws(QuiescenceError) {
    let milliseconds = Int32(clamping: Int64(timeout / .milliseconds(1)))
    let outcome = linux_run(command, milliseconds)
    if outcome == 0 { return }
    if outcome == -Int64(Errno.timedOut.rawValue) {
      throw QuiescenceError(
        command: command, reason: "it took longer than \(milliseconds / 1000) s and was ended")
    }
    throw QuiescenceError(
      command: command,
      reason: outcome > 0
        ? "it ended with status \(outcome)" : "\(Errno(rawValue: Int32(clamping: -outcome)))")
  }
}

/// A freeze or thaw command failed.
package struct QuiescenceError: Error, CustomStringConvertible {
  let command: String
  let reason: String

  package var description: String { "the command '\(command)' failed: \(reason)" }
}
