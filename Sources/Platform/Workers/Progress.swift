package import Synchronization

/// How far a piece of work is, in bytes. Written by workers, read by whoever shows it.
package final class Progress: Sendable {
  /// Bytes there are to do; grows while the work is being planned.
  package let expectedBytes = Atomic<UInt64>(0)
  package let doneBytes = Atomic<UInt64>(0)

  package init() {}

  package func expect(_ byteCount: UInt64) { expectedBytes.add(byteCount, ordering: .relaxed) }
  package func advance(_ byteCount: UInt64) { doneBytes.add(byteCount, ordering: .relaxed) }
}
