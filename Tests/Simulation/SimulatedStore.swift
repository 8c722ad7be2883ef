import Stores
import Tiers

/// A store and what the model knows of it.
final class SimulatedStore {
  let tier: Tier.Name
  let place: any StorePlace
  /// Out of reach for now.
  var isAway = false
  /// Full or read-only for now.
  var isLimited = false
  /// Something in it was damaged, and no scrub has repaired it since.
  var isSuspect = false
  /// Segments of its index were damaged since, so a pack that is lost as well is not missed.
  var isForgetful = false
  /// The points that this store has to give back all by itself.
  var promised: Set<Int> = []
  /// The store as it was at an earlier moment.
  var earlier: Earlier?

  struct Earlier {
    let contents: [ObjectPath: [UInt8]]
    let isSuspect: Bool
    let isForgetful: Bool
    var promised: Set<Int>
  }

  init(_ tier: Tier.Name, at place: any StorePlace) {
    self.tier = tier
    self.place = place
  }

  var name: String { place.name }

  /// The points whose documents it holds, whole or not.
  func pointPaths() throws -> Set<ObjectPath> {
    Set(try place.paths(in: .points))
  }

  /// Notes that nothing in it is to be relied on until a scrub has repaired it.
  func becomeSuspect() {
    isSuspect = true
    promised = []
  }
}
