internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread that was started; it must be joined or detached, once.
package final class WorkerThread: Sendable {
  private let handle: pthread_t
  private let outcome: Outcome

  private final class Outcome: Sendable {
    let body: @Sendable () throws -> Void
    let error = Mutex<(any Error)?>(nil)
    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
  }

  /// Starts `body` on a thread of its own.
  package init(_ body: @escaping @Sendable () throws -> Void) {
    let outcome = Outcome(body)
    var handle = pthread_t()
    let status = pthread_create(
      &handle, nil,
      { argument in
        let outcome = Unmanaged<Outcome>.fromOpaque(argument!).takeRetainedValue()
        do { try outcome.body() } catch { outcome.error.withLock { $0 = error } }
        return nil
      }, Unmanaged.passRetained(outcome).toOpaque())
    if status != 0 { linux_end_for_want_of("threads") }
    self.handle = handle
    self.outcome = outcome
  }

  /// Waits for the thread's end and throws what it threw.
  package func join() throws {
    wait()
    if let error = outcome.error.withLock({ $0 }) { throw error }
  }

  /// Lets the thread go on by itself: nobody will wait for it.
  package func detach() { pthread_detach(handle) }

  /// Waits for the thread's end, for a body that throws nothing.
  package func wait() { pthread_join(handle, nil) }
}

/// Runs `body` on `count` threads, waits for all, and throws the first error by worker number.
///
/// A body that fails must see to it that the others stop (see ``Cancellation``).
package func runWorkers(count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let threads = (0..<count).map { number in WorkerThread { try body(number) } }
  var failure: (any Error)?
  for thread in threads {
    do { try thread.join() } catch { failure = moreTelling(failure, error) }
  }
  if let failure { throw failure }
}

/// Of two failures the one that is a cause: a worker that stopped because another failed says less.
private func moreTelling(_ first: (any Error)?, _ second: any Error) -> any Error {
  guard let first, !(first is Cancelled) else { return second }
  return first
}

/// Cores this process may use.
package func availableCores() -> Int { Int(linux_available_cores()) }
