package import Synchronization

/// How far a piece of work is, in bytes. Written by workers, read by whoever shows it.
package final class Progress: Sendable {
  /// A part of the work that is counted by itself.
  package struct Stage: Sendable {
    /// What is being done, as "comparing"; nil where the work has one part only.
    package let name: String?
    package let began: ContinuousClock.Instant
  }

  /// Bytes there are to do; grows while the work is being planned. 0 where only time passes.
  package let expectedBytes = Atomic<UInt64>(0)
  package let doneBytes = Atomic<UInt64>(0)
  private let current = Mutex(Stage(name: nil, began: .now))

  package init() {}

  package var stage: Stage { current.withLock { $0 } }

  /// Begins to count anew, once what was done so far has ended.
  package func begin(_ name: String) {
    current.withLock {
      $0 = Stage(name: name, began: .now)
      expectedBytes.store(0, ordering: .relaxed)
      doneBytes.store(0, ordering: .relaxed)
    }
  }

  package func expect(_ byteCount: UInt64) { expectedBytes.add(byteCount, ordering: .relaxed) }
  package func advance(_ byteCount: UInt64) { doneBytes.add(byteCount, ordering: .relaxed) }
}
