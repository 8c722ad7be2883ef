internal import Synchronization

/// What was found degraded while the work went on: a damaged copy, an index that had to be made
/// anew.
///
/// Whoever runs the command shows these and exits with status 3. The same notice is kept once.
package final class Notices: Sendable {
  private let texts = Mutex<[String]>([])

  package init() {}

  package func add(_ text: String) {
    texts.withLock { if !$0.contains(text), $0.count < Notices.limit { $0.append(text) } }
  }

  package var all: [String] { texts.withLock { $0 } }

  /// Further ones tell a person no more.
  private static let limit = 1000
}
