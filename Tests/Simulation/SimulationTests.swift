import Glibc
import TestSupport
import Testing

/// The whole engine under random operations and faults, against a model that knows what was
/// promised.
///
/// Histories are the same in every run, so that no change fails for what it did not do, until
/// `KLUIS_SIMULATION_HISTORIES` says how many others to live through (`make soak`).
/// `KLUIS_SIMULATION_SEED` names the first of them; with `KLUIS_SIMULATION_TRACE` every step is
/// printed before it happens.
@Suite struct SimulationTests {
  @Test("whatever happens to stores in memory, every acknowledged point restores")
  func inMemory() { simulate(isOnDisk: false, count: 2000) }

  @Test("whatever happens to stores in directories, every acknowledged point restores")
  func onDisk() { simulate(isOnDisk: true, count: 30) }

  private func simulate(isOnDisk: Bool, count: Int) {
    let share = number(from: "KLUIS_SIMULATION_HISTORIES").map { isOnDisk ? ($0 + 99) / 100 : $0 }
    let first =
      number(from: "KLUIS_SIMULATION_SEED") ?? (share == nil ? 1 : .random(in: 0..<1 << 40))
    let isTold = getenv("KLUIS_SIMULATION_TRACE") != nil
    let count = share ?? UInt64(count)
    print("\(isOnDisk ? "on disk" : "in memory"): \(count) histories from seed \(first)")
    var failures = 0
    let watchdog = Watchdog()
    for seed in first..<first + count {
      if isTold { print("history \(seed)") }
      let history = History(seed: seed, isOnDisk: isOnDisk)
      watchdog.watch(seed)
      do { try history.run(isTold: isTold) } catch {
        failures += 1
        watchdog.watch(nil)
        Issue.record("\(report(history, error))")
        if failures >= 3 { break }
      }
    }
    watchdog.end()
  }

  private func report(_ history: History, _ error: any Error) -> String {
    let place = history.isOnDisk ? "on disk" : "in memory"
    var text = """
      history \(history.seed) \(place) breaks a promise; to see it again:
      KLUIS_SIMULATION_SEED=\(history.seed) KLUIS_SIMULATION_HISTORIES=1 \
      swift test --filter SimulationTests
        \(error)
      """
    if let (reduced, failure) = history.reduced() {
      text += "\nwith \(reduced.steps.count) of its \(history.steps.count) steps:\n  \(failure)"
    }
    return text
  }

  private func number(from variable: String) -> UInt64? {
    getenv(variable).flatMap { UInt64(String(cString: $0)) }
  }
}
