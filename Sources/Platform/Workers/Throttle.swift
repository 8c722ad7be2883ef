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
    let pause = now.duration(to: start) / .seconds(1)
    if pause > 0 { usleep(UInt32(min(pause, 10) * 1e6)) }
  }
}
