import Filesystems
import Testing

/// Expects a file system's error of that kind, whose message contains `text`.
func expectError(
  _ problem: FileSystemError.Problem, naming text: String, _ body: () throws -> Void,
  at location: SourceLocation = #_sourceLocation
) {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: location)
  } catch let error as FileSystemError {
    #expect(error.problem == problem, "\(error)", sourceLocation: location)
    #expect("\(error)".contains(text), "\(error)", sourceLocation: location)
  } catch {
    Issue.record(error, sourceLocation: location)
  }
}
