import Bytes
import Files
import FoundationEssentials
import SystemPackage
import Workers

/// Standard output for what is long: lines and bytes are gathered and written in large pieces.
final class Output {
  private var pending: [UInt8] = []
  private static let limit = 64 << 10

  func line(_ text: String) throws {
    try part(text)
    pending.append(UInt8(ascii: "\n"))
  }

  /// Text that does not end a line.
  func part(_ text: String) throws {
    pending += text.utf8
    if pending.count >= Self.limit { try flush() }
  }

  func write(_ bytes: RawSpan) throws {
    try flush()
    try bytes.withUnsafeBytes(writeToStandardOutput)
  }

  func flush() throws {
    let bytes = pending
    pending = []
    try bytes.withUnsafeBytes(writeToStandardOutput)
  }
}

/// Writes all of it.
///
/// - Throws: ``OutputError``.
func writeToStandardOutput(_ bytes: UnsafeRawBufferPointer) throws {
  do { _ = try FileDescriptor.standardOutput.writeAll(bytes) } catch let cause as Errno {
    throw OutputError(cause: cause)
  }
}

/// What was printed cannot go where standard output leads.
struct OutputError: Error, CustomStringConvertible {
  let cause: Errno
  var description: String { "cannot write to standard output: \(cause.sentence)" }
}

/// Whether an error is about a file that was read, after which others can be: not where output
/// fails, or the work is to stop.
func isOfOneFile(_ error: any Error) -> Bool { !(error is OutputError) && !(error is Cancelled) }

/// Writes a JSON object with one long list in it, an element at a time.
struct JSONListOutput {
  private let output: Output
  private let encoder = JSONEncoder()
  private var isFirst = true

  /// - Parameter list: the name of the list in the object.
  init(_ output: Output, list: String) throws {
    self.output = output
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try output.line("{\"\(list)\": [")
  }

  mutating func add(_ value: some Encodable) throws {
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    if !isFirst { try output.line(",") }
    isFirst = false
    try output.part("  " + text)
  }

  /// Ends the list, adds what is known at its end, and ends the object.
  func finish(_ members: [(name: String, value: any Encodable)]) throws {
    try output.line("\n]")
    for (name, value) in members {
      let text = String(decoding: try encoder.encode(value), as: UTF8.self)
      try output.line(", \"\(name)\": \(text)")
    }
    try output.line("}")
    try output.flush()
  }
}
