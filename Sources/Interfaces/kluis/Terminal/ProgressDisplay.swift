import CLinux
import Synchronization
import Workers

/// Shows how far a piece of work is, on standard error: a bar with rate and time left on a
/// terminal, a line now and then elsewhere.
final class ProgressDisplay: Sendable {
  private let title: String
  private let progress: Progress
  private let columns: Int
  private let started = ContinuousClock.now
  private let stopped = Cancellation()
  private let thread = Mutex<WorkerThread?>(nil)

  /// How long nothing is said, for work that is done before anyone wonders.
  private static let patience = Duration.milliseconds(400)

  /// - Parameter isShown: false for `--quiet`, when nothing is printed.
  init(_ title: String, _ progress: Progress, isShown: Bool) {
    self.title = title
    self.progress = progress
    columns = Int(linux_terminal_columns(2))
    guard isShown else { return }
    thread.withLock { $0 = WorkerThread { [self] in show() } }
  }

  /// Ends the display and clears its line.
  func stop() {
    stopped.request()
    thread.withLock { thread in
      thread?.wait()
      thread = nil
    }
  }

  private func show() {
    var lastLine = ContinuousClock.now
    var isDrawn = false
    while !stopped.isRequested {
      sleepBriefly()
      let now = ContinuousClock.now
      guard started.duration(to: now) > Self.patience else { continue }
      if columns > 0 {
        printError("\r" + bar(now) + "\u{1B}[K", terminator: "")
        isDrawn = true
      } else if lastLine.duration(to: now) > .seconds(10) {
        printError(line(now))
        lastLine = now
      }
    }
    if isDrawn { printError("\r\u{1B}[K", terminator: "") }
  }

  private func bar(_ now: ContinuousClock.Instant) -> String {
    let text = line(now, within: columns - 1)
    let room = columns - text.count - 4
    guard room >= 10, progress.expectedBytes.load(ordering: .relaxed) > 0 else { return text }
    let width = min(room, 40)
    let full = Int((fraction * Double(width)).rounded(.down))
    let bar = String(repeating: "█", count: full) + String(repeating: "░", count: width - full)
    return "\(text)  \(bar)"
  }

  /// - Parameter columns: where the room is small, what matters less is left out.
  private func line(_ now: ContinuousClock.Instant, within columns: Int = .max) -> String {
    let stage = progress.stage
    let done = progress.doneBytes.load(ordering: .relaxed)
    let expected = progress.expectedBytes.load(ordering: .relaxed)
    let seconds = stage.began.duration(to: now) / .seconds(1)
    let names = [title] + (stage.name.map { [$0] } ?? [])
    guard expected > 0 else {
      return widest([names + [Text.duration(seconds)], names, [title]], within: columns)
    }
    let percent = "\(Int(fraction * 100)) %"
    let rate = Text.rate(done, seconds: seconds)
    var left: [String] = []
    if done > 0, expected > done {
      left = ["\(Text.duration(seconds / Double(done) * Double(expected - done))) left"]
    }
    let amount = "\(Text.size(done)) of \(Text.size(expected))"
    let lines = [
      names + [percent, amount, rate] + left, names + [percent, rate] + left,
      names + [percent] + left, [percent] + left, [percent],
    ]
    return widest(lines, within: columns)
  }

  private func widest(_ lines: [[String]], within columns: Int) -> String {
    lines.map { $0.joined(separator: "  ") }.first { $0.count <= columns } ?? ""
  }

  private var fraction: Double {
    let expected = progress.expectedBytes.load(ordering: .relaxed)
    let done = progress.doneBytes.load(ordering: .relaxed)
    return expected == 0 ? 0 : min(1, Double(done) / Double(expected))
  }
}
