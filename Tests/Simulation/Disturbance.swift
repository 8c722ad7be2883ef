import Glibc
import Maintenance
import TestSupport
import Tiers
import Workers

/// What happens in the middle of an operation.
enum Disturbance {
  case none
  /// The stores of a tier lose power, some a put before the others.
  case powerLoss([(store: MemoryStore, puts: Int)])
  /// The user stops the operation, after so many puts into a store.
  case stop(MemoryStore, puts: Int)
  /// Somebody else reclaims, after so many puts into a store.
  case reclaim(MemoryStore, puts: Int, isImpatient: Bool, @Sendable () -> Void)
  /// The user stops the operation after a while.
  case stopLater(microseconds: UInt32)

  /// - Parameter world: whose stores are disturbed.
  init(of world: World, random: inout SeededRandom) throws {
    let present = world.stores.filter { !$0.isAway }
    guard random.below(5) < 2, !present.isEmpty else {
      self = .none
      return
    }
    if world.shape.isOnDisk {
      self = .stopLater(microseconds: UInt32(random.below(60_000)))
      return
    }
    let puts = random.below(9)
    let victim = present[random.below(present.count)]
    func memory(_ store: SimulatedStore) -> MemoryStore? { (store.place as? MemoryPlace)?.store }
    switch random.below(7) {
    case 5, 6:
      guard let store = memory(victim) else {
        self = .none
        return
      }
      self = try .reclaim(of: world, store, puts: puts + 1, random: &random)
    case 0: self = memory(victim).map { .stop($0, puts: puts + 1) } ?? .none
    case 1, 2: self = .powerLoss(memory(victim).map { [($0, puts)] } ?? [])
    default:
      let hit = present.filter { $0.tier == victim.tier }.compactMap(memory)
      self = .powerLoss(hit.map { ($0, puts + random.below(2)) })
    }
  }

  func begin(_ cancellation: Cancellation) -> WorkerThread? {
    switch self {
    case .none: break
    case .powerLoss(let stores): for (store, puts) in stores { store.losePower(afterPuts: puts) }
    case .stop(let store, let puts): store.call(after: puts) { cancellation.request() }
    case .reclaim(let store, let puts, _, let action): store.call(after: puts, action)
    case .stopLater(let microseconds):
      return WorkerThread {
        usleep(microseconds)
        cancellation.request()
      }
    }
    return nil
  }

  func end(_ timer: WorkerThread?) {
    switch self {
    case .none: break
    case .powerLoss(let stores): for (store, _) in stores { store.restorePower() }
    case .stop(let store, _), .reclaim(let store, _, _, _): store.call(after: 0, nil)
    case .stopLater: timer?.wait()
    }
  }

  /// Whether an operation may fail of it. What others free meanwhile harms none, but one that they
  /// took for ended.
  var mayFail: Bool {
    switch self {
    case .none: false
    case .reclaim(_, _, let isImpatient, _): isImpatient
    case .powerLoss, .stop, .stopLater: true
    }
  }

  /// - Parameter puts: after how many puts into `store` it begins.
  private static func reclaim(
    of world: World, _ store: MemoryStore, puts: Int, random: inout SeededRandom
  ) throws -> Disturbance {
    let notices = Notices()
    let vault = try world.openVault(notices, random: &random)
    var reclaim = world.makeReclaim(of: vault, notices, &random)
    let isImpatient = random.below(3) == 0
    if isImpatient { reclaim.leasePatienceSeconds = 0 }
    let made = reclaim
    return .reclaim(store, puts: puts, isImpatient: isImpatient) {
      // Whatever comes of it, nothing may be lost.
      _ = try? made.run(progress: Progress(), cancellation: Cancellation())
    }
  }
}

extension Disturbance: CustomStringConvertible {
  var description: String {
    switch self {
    case .none: ""
    case .powerLoss(let stores):
      ", power lost in "
        + stores.map { "\($0.store.name) after \($0.puts)" }
        .joined(separator: ", ")
    case .reclaim(let store, let puts, let isImpatient, _):
      ", \(isImpatient ? "impatient " : "")reclaim after \(puts) puts into \(store.name)"
    case .stop(let store, let puts): ", stopped after \(puts) puts into \(store.name)"
    case .stopLater(let microseconds): ", stopped after \(microseconds) µs"
    }
  }
}
