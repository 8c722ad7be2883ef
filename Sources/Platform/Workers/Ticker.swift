/// A thread that does something every so often, until it is stopped.
package final class Ticker: Sendable {
  private let signal: Signal
  private let thread: WorkerThread

  /// - Parameter body: called for the first time after one interval.
  package init(every interval: Duration, _ body: @escaping @Sendable () -> Void) {
    let signal = Signal()
    self.signal = signal
    thread = WorkerThread { while !signal.wait(atMost: interval) { body() } }
  }

  /// Returns when `body` is not called any more. To be called once.
  package func stop() {
    signal.raise()
    thread.wait()
  }
}
