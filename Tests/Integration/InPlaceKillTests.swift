import Glibc
import Testing

/// In-place restores that are killed; KLUIS_IN_PLACE_KILLS says how often.
@Suite struct InPlaceKillTests {
  /// How the point's disks come to be in their places.
  enum Way: String, CaseIterable {
    /// Built whole.
    case whole
    /// What differs is written onto the present disks.
    case patched
    /// What differs is written onto copies that share blocks with them.
    case cloned

    var options: [String] { ["--no-safety-point"] + (self == .whole ? [] : ["--delta"]) }
    var keepsOld: Bool { self != .patched }
    var isPossible: Bool { self != .cloned || canMountReflinks }
  }

  @Test(arguments: Way.allCases.filter(\.isPossible))
  func `killed at any moment, all disks are the old ones or all are the point's`(way: Way) throws {
    if !canMountReflinks { print("no kills where files share blocks: btrfs cannot be mounted") }
    var random = seededGenerator("in-place kills, \(way)")
    // Small and many: renaming or writing them takes a good part of the time.
    let machine = try InPlaceMachine(
      .definition, diskCount: 40, byteCount: 64 << 10, sharesBlocks: way == .cloned, &random)
    let kills = environment("KLUIS_IN_PLACE_KILLS").flatMap { Int($0) } ?? 25
    let (whole, swap) = try phases(of: machine, way)
    var ends: [String: Int] = [:]
    var round = 0
    // A few more where a busy machine has let none of them fall into the swap.
    while round < kills || ends["swapping"] == nil && round < 4 * kills {
      let restore = machine.restore(way.options)
      // One of three anywhere, the others where the swap is.
      if round % 3 == 0 {
        usleep(UInt32(whole * Double.random(in: 0..<1, using: &random)))
      } else {
        machine.waitForSwap(of: restore)
        let part = Double.random(in: 0..<1, using: &random)
        usleep(UInt32(swap * part * part))
      }
      restore.send(SIGKILL)
      let outcome = restore.wait()
      let left = machine.isSwapping ? "swapping" : outcome.signal == SIGKILL ? "killed" : "done"
      ends[left, default: 0] += 1

      let recovered = machine.kluis("recover", "m").expect(0)
      let (isRestored, isUntouched) = (machine.isRestored, machine.isUntouched)
      #expect(isRestored != isUntouched, "a mix in round \(round): \(recovered)")
      if left != "killed" { #expect(isRestored, "round \(round), \(left): \(recovered)") }
      #expect(machine.isClean, "round \(round): \(machine.filesBesideReplaced)")
      let kept = isRestored && way.keepsOld ? machine.names.count : 0
      #expect(machine.replaced.count == kept, "round \(round)")
      machine.removeReplaced()
      if isRestored { try machine.change(&random) }
      round += 1
    }
    print("\(round) in-place restores, \(way), ended so: \(ends)")
    #expect(ends["swapping", default: 0] > 0 && ends["killed", default: 0] > 0)
    machine.restore().wait().expect(0)
    #expect(machine.isRestored && machine.isClean)
    machine.kluis("verify").expect(0)
  }

  /// How long a restore takes, and how long its swap, in microseconds.
  private func phases(
    of machine: InPlaceMachine, _ way: Way
  ) throws -> (whole: Double, swap: Double) {
    let start = ContinuousClock.now
    let restore = machine.restore(way.options)
    machine.waitForSwap(of: restore)
    let swap = ContinuousClock.now
    while restore.isRunning, machine.journalNumber != 0 {}
    let end = ContinuousClock.now
    restore.wait().expect(0)
    machine.removeReplaced()
    var random = seededGenerator("after the measured restore")
    try machine.change(&random)
    let times = [start, swap].map { $0.duration(to: end) / .microseconds(1) }
    return (times[0], times[1])
  }
}
