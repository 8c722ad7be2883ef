/// A thread that makes calls for others, who wait for the end of each only so long.
///
/// One call at a time. Whoever gives a call up must drop the caller: its thread goes on with the
/// call, and ends after it.
package final class Caller: Sendable {
  private let calls = BoundedQueue<@Sendable () -> Void>(capacity: 1)

  package init() {
    let calls = calls
    WorkerThread { while let call = calls.pop() { call() } }.detach()
  }

  deinit { calls.close() }

  /// Runs `body` on the caller's thread.
  ///
  /// - Returns: whether it ended within `patience`.
  package func call(waiting patience: Duration, _ body: @escaping @Sendable () -> Void) -> Bool {
    let signal = Signal()
    guard
      calls.push({
        body()
        signal.raise()
      })
    else { return false }
    return signal.wait(atMost: patience)
  }
}
