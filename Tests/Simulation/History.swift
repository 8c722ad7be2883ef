import Files
import SystemPackage
import TestSupport
import Tiers
import Vaults

/// What happens to one vault from its beginning on, told by a seed.
struct History: Sendable {
  let seed: UInt64
  let isOnDisk: Bool
  let steps: [Step]

  init(seed: UInt64, isOnDisk: Bool) {
    var random = SeededRandom(seed: seed)
    self.seed = seed
    self.isOnDisk = isOnDisk
    let isAboutRetention = random.below(2) == 0
    let count = (isAboutRetention ? 10 : 6) + random.below(12)
    steps = (0..<count).map { _ in Step(isAboutRetention: isAboutRetention, random: &random) }
  }

  private init(_ history: History, steps: [Step]) {
    seed = history.seed
    isOnDisk = history.isOnDisk
    self.steps = steps
  }

  /// How a history ended that broke a promise.
  struct Failure: Error, CustomStringConvertible {
    let violation: String
    let log: [String]
    var description: String { (log + ["=> \(violation)"]).joined(separator: "\n  ") }
  }

  /// Lives it through.
  ///
  /// - Parameter isTold: whether each step is printed before it happens.
  /// - Throws: ``Failure``.
  func run(isTold: Bool = false) throws {
    var random = SeededRandom(seed: ~seed)
    let directory = try TemporaryDirectory()
    let shape = Shape(isOnDisk: isOnDisk, random: &random)
    let world = try World(shape, in: directory.path, random: &random)
    world.log.append("\(shape)")
    do {
      for step in steps {
        if isTold { print("  \(world.log.last ?? "")\n  … \(step)") }
        var random = SeededRandom(seed: step.seed)
        try world.take(step, &random)
      }
      try world.conclude(&random)
    } catch { throw Failure(violation: "\(error)", log: world.log) }
  }

  /// The shortest history that was found to break a promise as well.
  func reduced() -> (history: History, failure: Failure)? {
    var best: (History, Failure)?
    var current = self
    var isShorter = true
    while isShorter {
      isShorter = false
      for place in current.steps.indices.reversed() {
        var steps = current.steps
        steps.remove(at: place)
        let shorter = History(current, steps: steps)
        guard let failure = shorter.failure(attempts: 3) else { continue }
        best = (shorter, failure)
        current = shorter
        isShorter = true
      }
    }
    return best
  }

  /// How it ends, if it breaks a promise. Threads may be faster or slower, so it is tried often.
  private func failure(attempts: Int) -> Failure? {
    for _ in 0..<attempts {
      do { try run() } catch { return error as? Failure }
    }
    return nil
  }
}

extension World {
  fileprivate func take(_ step: Step, _ random: inout SeededRandom) throws {
    switch step.kind {
    case .backUp, .backUpOnlySnapshot, .transfer, .replicate, .verify, .scrub, .repair,
      .resumeRepair, .rebuildIndex, .restore, .delete, .undelete, .purge,
      .reclaim:
      try perform(step.kind, random: &random)
    case .lose, .bringBack, .empty, .remember, .rollBack, .damage, .limit, .relieve:
      try inflict(step.kind, random: &random)
    case .check: try checkNow(atMost: 3, &random)
    }
  }

  private func checkNow(atMost limit: Int = .max, _ random: inout SeededRandom) throws {
    log.append("check")
    guard stores.contains(where: { !$0.isAway }) else { return }
    let notices = Notices()
    let vault = try openVault(notices, random: &random)
    try check(vault, notices, atMost: limit, &random)
  }

  /// Every store comes back, everything restores; so it does after a repair, which leaves all
  /// copies equal, and after one more backup and copy.
  fileprivate func conclude(_ random: inout SeededRandom) throws {
    try endPassingFaults()
    try checkNow(&random)
    var undisturbed = random
    try perform(.repair, isDisturbable: false, random: &undisturbed)
    for kind in [Step.Kind.backUp, .transfer, .replicate] {
      try perform(kind, isDisturbable: false, random: &undisturbed)
    }
    try requireNoMoreThanNeeded(&random)
    try checkNow(&random)
  }
}
