internal import Synchronization

/// Numbers from zero on, each given to one worker only.
package final class Counter: Sendable {
  private let next = Atomic(0)

  package init() {}

  /// The next number; nil when it would reach `limit`.
  package func take(below limit: Int) -> Int? {
    let number = next.add(1, ordering: .relaxed).oldValue
    return number < limit ? number : nil
  }
}
