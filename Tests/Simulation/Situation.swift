import Stores
import Tiers

/// What holds before an operation, to judge by what came of it.
struct Situation {
  /// The documents of points that any store of a tier holds, those that are away with them.
  let paths: [Tier.Name: Set<ObjectPath>]
  /// The points that a store of a tier which can be reached has to give back.
  let promised: [Tier.Name: Set<Int>]
  /// Whether nothing at all stands in the way of any operation.
  let isCalm: Bool

  init(of world: World) throws {
    var paths: [Tier.Name: Set<ObjectPath>] = [:]
    var promised: [Tier.Name: Set<Int>] = [:]
    var isCalm = true
    for tier in world.tiers {
      let own = world.stores(of: tier)
      let present = own.filter { !$0.isAway }
      paths[tier] = try own.reduce(into: []) { $0.formUnion(try $1.pointPaths()) }
      promised[tier] = present.reduce(into: []) { $0.formUnion($1.promised) }
      // A point that is damaged in a tier may be the end of whatever touches it.
      let isWhole = paths[tier]!.allSatisfy { path in
        world.numbers[path].map { promised[tier]!.contains($0) } ?? false
      }
      let usable = present.filter { !$0.isLimited }
      let isHealthy = present.contains { !$0.isSuspect }
      if !isWhole || !isHealthy || usable.count < world.shape.neededCount(in: tier) {
        isCalm = false
      }
    }
    self.paths = paths
    self.promised = promised
    self.isCalm = isCalm
  }
}

extension World {
  /// Takes note of documents of points that came to lie in stores, and of what that promises: a
  /// store that holds a point's document holds all that it names.
  ///
  /// A copy made without the key knows of no point what it needs, so that of one which was not
  /// whole where it came from is not whole either, and no index says so.
  ///
  /// - Parameters:
  ///   - attempt: the point that was taken meanwhile, if one was.
  ///   - sealedSource: the tier from which points were copied without the key, if they were.
  func noteNewDocuments(
    since before: Situation, attempt: Int?, sealedFrom sealedSource: Tier.Name?
  ) throws {
    for store in stores {
      for path in try store.pointPaths() {
        if numbers[path] == nil {
          guard let attempt else { throw Violation("\(path) came out of nowhere") }
          numbers[path] = attempt
          points[attempt].path = path
        }
        guard let number = numbers[path], !points[number].isGone else { continue }
        // One that came back is there whole only where it was so before.
        let isNewInTier =
          before.paths[store.tier]?.contains(path) != true && !points[number].wasDeleted
        if let sealedSource, isNewInTier, before.promised[sealedSource]?.contains(number) != true {
          forgotten[store.tier, default: []].insert(number)
          continue
        }
        if store.isSuspect { continue }
        if isNewInTier || before.promised[store.tier]?.contains(number) == true {
          store.promised.insert(number)
        }
      }
    }
  }

  /// Notes that an operation has returned which puts a point into a tier.
  func acknowledge(_ number: Int, in tier: Tier.Name) throws {
    guard let path = points[number].path else {
      throw Violation("point \(number) was acknowledged, and no store has it")
    }
    let holders = try stores(of: tier).filter { try $0.pointPaths().contains(path) }
    guard holders.count >= shape.neededCount(in: tier) else {
      throw Violation(
        "\(path) was acknowledged in the \(tier.rawValue) tier, and only "
          + "\(holders.map(\.name)) hold it")
    }
    points[number].acknowledged.insert(tier)
  }
}
