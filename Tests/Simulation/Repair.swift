import Encryption
import Hashing
import Maintenance
import Stores
import TestSupport
import Tiers
import Vaults
import Workers

extension World {
  /// `scrub --repair` from the start; where nothing stops it, all copies are good and equal then.
  func repair(_ vault: Vault, _ run: inout Run) throws {
    let before = try Holdings(of: self)
    let isUsable = stores.allSatisfy { !$0.isAway && !$0.isLimited }
    let isWhole = !run.isDisturbed && run.isAlone && isUsable
    let (hasKey, notices) = (run.hasKey, run.notices)
    var scrub = Scrub(vault, notices: run.notices)
    scrub.repairs = true
    scrub.restarts = true
    scrub.workerCount = 1
    scrub.now = Timestamp(secondsSince1970: clock)
    let report = try scrub.run(progress: Progress(), cancellation: run.cancellation)
    guard isWhole else { return }
    run.after = { [self] _ in
      let after = try Holdings(of: self)
      try after.requireEqualCopies(hasKey: hasKey)
      let deleted = Set(points.filter(\.wasDeleted).compactMap(\.path))
      try after.requireWhatWasGood(in: before, besides: deleted)
      try requireCleanScrub(after, vault)
      if hasKey {
        try relyOnAllTiers(vault, notices)
      } else {
        // Nothing is forgotten of a pack that is damaged everywhere, and so nothing may lean on a
        // tier that has one.
        try relyOnStores(of: tiers.filter { report.isHealed($0) })
      }
    }
  }

  /// Whatever any tier gives whole, all give whole that keep the point, also one in the trash: what
  /// a tier has lost without knowing it is found by what points need.
  private func relyOnAllTiers(_ vault: Vault, _ notices: Notices) throws {
    let anywhere = stores.reduce(into: Set<Int>()) { $0.formUnion($1.promised) }
    for tier in tiers {
      let kept = try vault.knownPoints(
        in: vault.require(tier), now: Timestamp(secondsSince1970: clock), notices: notices
      ).kept
      let whole = anywhere.intersection(kept.keys.compactMap { numbers[$0] })
      if stores(of: tier).allSatisfy(\.isForgetful) {
        forgotten[tier, default: []].formUnion(kept.keys.compactMap { numbers[$0] })
      }
      forgotten[tier]?.subtract(whole)
      for store in stores(of: tier) {
        store.isSuspect = false
        store.isForgetful = false
        store.promised.formUnion(whole)
      }
    }
  }

  /// What is repaired is promised again, wherever it comes from. A tier of which no store has a
  /// point whole must at least know by its index what it lacks.
  private func relyOnStores(of tiers: [Tier.Name]) throws {
    let anywhere = stores.reduce(into: Set<Int>()) { $0.formUnion($1.promised) }
    for tier in tiers {
      let own = stores(of: tier)
      var whole = own.reduce(into: Set<Int>()) { $0.formUnion($1.promised) }
      let held = try own.map { try $0.pointPaths().compactMap { numbers[$0] } }
      if own.contains(where: { !$0.isForgetful }) {
        whole.formUnion(anywhere.subtracting(forgotten[tier] ?? []))
      } else {
        forgotten[tier, default: []].formUnion(Set(held.joined()).subtracting(whole))
      }
      for (store, held) in zip(own, held) {
        store.isSuspect = false
        store.isForgetful = false
        store.promised.formUnion(whole.intersection(held))
      }
    }
  }

  private func requireCleanScrub(_ holdings: Holdings, _ vault: Vault) throws {
    var scrub = Scrub(vault, notices: Notices())
    scrub.restarts = true
    scrub.workerCount = 1
    let report = try scrub.run(progress: Progress(), cancellation: Cancellation())
    for store in report.stores {
      let tier = Tier.Name(rawValue: store.tier)
      for problem in store.problems
      where holdings.isGood(ObjectPath(listed: problem.object), in: tier) {
        throw Violation("after a repair a scrub finds in \(store.store): \(problem)")
      }
      if !store.foreign.isEmpty { throw Violation("foreign: \(store.foreign)") }
    }
  }
}

/// Which objects all stores hold, and which of them are as they were written.
struct Holdings {
  private var stores: [Store] = []

  private struct Store {
    let tier: Tier.Name
    let name: String
    let contents: [ObjectPath: [UInt8]]
    var good: Set<ObjectPath> = []
  }

  /// - Parameter isEverywhere: false to look only at stores that can be reached.
  init(of world: World, isEverywhere: Bool = true) throws {
    var digester = Digester()
    for simulated in world.stores where isEverywhere || !simulated.isAway {
      var store = Store(
        tier: simulated.tier, name: simulated.name, contents: try simulated.place.contents())
      for (path, bytes) in store.contents where isSound(bytes, at: path, &digester) {
        store.good.insert(path)
      }
      stores.append(store)
    }
  }

  /// Packs of which no store of their tier has a whole copy.
  var lostPacks: Set<ObjectPath> {
    Set(
      stores.flatMap { store in
        store.contents.keys.filter { $0.pack != nil && !isGood($0, in: store.tier) }
      })
  }

  /// Whether any store of a tier has an object as it was written.
  func isGood(_ path: ObjectPath, in tier: Tier.Name?) -> Bool {
    stores.contains { (tier == nil || $0.tier == tier) && $0.good.contains(path) }
  }

  /// What is good in one store of a tier is so in all, and the same.
  ///
  /// - Parameter hasKey: false where it was not known which of two documents of a machine is the
  ///   newer one.
  func requireEqualCopies(hasKey: Bool) throws {
    for store in stores {
      for other in stores where other.tier == store.tier && other.name != store.name {
        for path in store.good where other.contents[path] != store.contents[path] {
          let mayChange = [ObjectFolder.machines, .trash, .locks].contains(where: path.isObject)
          if !hasKey, mayChange, other.good.contains(path) { continue }
          let what = other.contents[path] == nil ? "lacks" : "has another"
          throw Violation("after a repair \(other.name) \(what) \(path) of \(store.name)")
        }
      }
    }
  }

  /// What a tier had, and some store of any tier had good, it has good now. Index segments are
  /// made anew where none is good, and replaced by larger ones.
  func requireWhatWasGood(in before: Holdings, besides deleted: Set<ObjectPath>) throws {
    for store in before.stores {
      for path in store.contents.keys where path.segment == nil && !deleted.contains(path) {
        if before.isGood(path, in: nil), !isGood(path, in: store.tier) {
          throw Violation("a repair left \(path) in the \(store.tier.rawValue) tier damaged")
        }
      }
    }
  }
}

extension Scrub.Report {
  /// Whether nothing is wrong in a tier any more.
  fileprivate func isHealed(_ tier: Tier.Name) -> Bool {
    stores.filter { $0.tier == tier.rawValue }.flatMap(\.problems)
      .allSatisfy { $0.repairedFrom != nil }
  }
}

private func isSound(_ bytes: [UInt8], at path: ObjectPath, _ digester: inout Digester) -> Bool {
  if let name = path.pack?.digest ?? path.segment {
    return digester.digest(bytes.span.bytes) == name
  }
  return DocumentCoder(.none).damage(in: bytes, at: path) == nil
}
