internal import Glibc
internal import Synchronization

/// Lets no more than so many bytes a second pass, over all threads that ask.
package final class Throttle: Sendable {
  private let bytesPerSecond: Double
  private let nextFree = Mutex(ContinuousClock.now)

  /// - Parameter bytesPerSecond: at least 1.
  package init(bytesPerSecond: UInt64) {
    precondition(bytesPerSecond > 0, "a rate at which something passes")
    self.bytesPerSecond = Double(bytesPerSecond)
  }

  /// Waits until the bytes that others took have had their time.
  package func take(_ byteCount: Int) {
    let now = ContinuousClock.now
    let start = nextFree.withLock { nextFree in
      let start = max(now, nextFree)
      nextFree = start.advanced(by: .seconds(Double(byteCount) / bytesPerSecond))
      return start
    }
    pause(until: min(start, now.advanced(by: .seconds(10))))
  }
}

/// Lets this thread rest until then; returns at once where that is past.
package func pause(until end: ContinuousClock.Instant) {
  while true {
    let rest = ContinuousClock.now.duration(to: end) / .seconds(1)
    if rest <= 0 { return }
    usleep(UInt32(min(rest, 1) * 1e6) + 1)
  }
}
