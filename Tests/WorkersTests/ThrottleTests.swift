import TestSupport
import Testing
import Workers

@Suite struct ThrottleTests {
  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return start.duration(to: .now) / .seconds(1)
  }

  @Test("the first bytes pass at once, and the next wait until those have had their time")
  func pace() {
    let throttle = Throttle(bytesPerSecond: 10_000)
    let first = seconds { throttle.take(10_000) }
    let second = seconds { throttle.take(1) }
    #expect(first < 0.8 && first + second > 0.9 && second < 5, "\(first) s, \(second) s")
  }

  @Test("threads share one rate: together they are no faster than one alone")
  func together() throws {
    let throttle = Throttle(bytesPerSecond: 100_000)
    let taken = try seconds {
      try runWorkers(count: 4) { _ in for _ in 0..<5 { throttle.take(2000) } }
    }
    // 40,000 bytes, of which the last 2,000 are not waited for.
    #expect(taken > 0.3 && taken < 10, "\(taken) s")
  }

  @Test("time in which nobody asked is not saved up for a burst")
  func noBurst() {
    let throttle = Throttle(bytesPerSecond: 10_000)
    throttle.take(1)
    let pause = ContinuousClock.now
    while pause.duration(to: .now) < .milliseconds(300) {}
    throttle.take(2000)
    let waited = seconds { throttle.take(1) }
    #expect(waited > 0.12, "\(waited) s")
  }

  @Test("a rate that nobody reaches holds nobody up")
  func generous() {
    let throttle = Throttle(bytesPerSecond: .max)
    #expect(seconds { for _ in 0..<1000 { throttle.take(1 << 20) } } < 1)
  }
}
