import Glibc
import Synchronization
import Workers

/// Ends the process when a history hangs, and says which one it was.
final class Watchdog: Sendable {
  private let state = Mutex(State())
  private let thread = Mutex<WorkerThread?>(nil)

  private struct State {
    var seed: UInt64?
    var since = ContinuousClock.now
    var isOver = false
  }

  /// No history takes so long.
  private static let patience = Duration.seconds(120)

  init() {
    thread.withLock { $0 = WorkerThread { [self] in run() } }
  }

  /// Begins to wait for a history; nil while nothing is waited for.
  func watch(_ seed: UInt64?) {
    state.withLock { state in
      state.seed = seed
      state.since = .now
    }
  }

  func end() {
    state.withLock { $0.isOver = true }
    thread.withLock { $0.take() }?.wait()
  }

  private func run() {
    while true {
      let (seed, waited, isOver) = state.withLock { state in
        (state.seed, state.since.duration(to: .now), state.isOver)
      }
      if isOver { return }
      if let seed, waited > Self.patience { preconditionFailure("history \(seed) hangs") }
      usleep(50_000)
    }
  }
}
