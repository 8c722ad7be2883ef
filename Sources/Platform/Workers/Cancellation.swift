internal import Synchronization

/// The work was asked to stop before it was done.
package struct Cancelled: Error, CustomStringConvertible {
  package init() {}
  package var description: String { "stopped on request" }
}

/// A flag that many threads look at and any may raise; it is never lowered.
package final class Cancellation: Sendable {
  private let flag = Atomic(false)
  private let parent: Cancellation?

  package init() { parent = nil }

  private init(parent: Cancellation) { self.parent = parent }

  package var isRequested: Bool { flag.load(ordering: .relaxed) || parent?.isRequested == true }

  package func request() { flag.store(true, ordering: .relaxed) }

  /// A flag for the parts of one piece of work: raised when this one is, or by itself when a part
  /// fails and the others had better stop.
  package func child() -> Cancellation { Cancellation(parent: self) }

  package func check() throws(Cancelled) {
    if isRequested { throw Cancelled() }
  }
}
