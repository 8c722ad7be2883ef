import Guests

/// Prints files one by one as they are found, and remembers what could not be read on the way.
protocol FileLister {
  var output: Output { get }
  /// Nil where lines are printed.
  var json: JSONListOutput? { get }
  var problems: [ProblemReport] { get set }
}

extension FileLister {
  mutating func note(_ found: [(path: GuestPath, error: any Error)]) {
    for (path, error) in found {
      if json == nil { printError("kluis: \(path): \(error)") }
      problems.append(ProblemReport(path, "\(error)"))
    }
  }

  /// Prints the rest.
  ///
  /// - Parameter states: of the file systems that were read.
  func finish(_ states: [StateReport]) throws {
    guard let json else { return try output.flush() }
    try json.finish([("fileSystems", states), ("problems", problems)])
  }
}
