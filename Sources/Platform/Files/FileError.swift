package import SystemPackage

/// The system refused something that was asked of a file.
package struct FileError: Error, CustomStringConvertible, Sendable {
  /// What was tried, as a verb: "open", "read".
  package let operation: StaticString
  package let path: FilePath
  package let cause: Errno

  package init(_ operation: StaticString, _ path: FilePath, _ cause: Errno) {
    self.operation = operation
    self.path = path
    self.cause = cause
  }

  package var description: String { "cannot \(operation) \(path): \(cause.sentence)" }
}

extension Errno {
  /// The cause as words that fit into a sentence.
  package var sentence: String {
    let text = description
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
