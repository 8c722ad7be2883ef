internal import Copies
internal import Encryption
internal import Stores
internal import Tiers
internal import Vaults
internal import Workers

/// Finds what points need and their tier has lost without a trace, and brings it from other tiers.
///
/// Points in the trash that can come back count like those that are listed.
struct LackRepair {
  private let vault: Vault
  private let now: Timestamp
  private let notices: Notices
  private let workerCount: Int
  /// What each tier keeps, by the places of the points' files.
  private var kept: [Tier.Name: [ObjectPath: KeptPoint]] = [:]

  init(of vault: Vault, now: Timestamp, notices: Notices, workerCount: Int) {
    self.vault = vault
    self.now = now
    self.notices = notices
    self.workerCount = workerCount
  }

  /// Notes what a tier keeps; nothing where the vault's key is not at hand.
  ///
  /// To be called before the tier is opened, so that its index lists all that these points need.
  mutating func notePoints(of tier: Tier) throws {
    if vault.protection.isLocked { return }
    kept[tier.name] = try vault.knownPoints(in: tier, now: now, notices: notices).kept
  }

  /// - Parameters:
  ///   - tiers: all that can be read, the nearest first.
  ///   - sends: whether what a tier lacks is brought there.
  /// - Returns: what it lacks; nil for nothing. And whether points need something that is nowhere.
  func repair(
    _ tier: OpenTier, among tiers: [OpenTier], sends: Bool, _ cancellation: Cancellation
  ) throws -> (lack: Scrub.Lack?, isIncomplete: Bool) {
    let backfill = Backfill(
      of: tier, from: tiers.filter { $0 !== tier }, compression: vault.compression,
      workerCount: workerCount)
    let points = (kept[tier.tier.name] ?? [:]).values.map(\.point).sorted { $0.id < $1.id }
    let plan = try backfill.plan(points, cancellation)
    guard plan.recordCount > 0 else { return (nil, plan.isIncomplete) }
    var lack = Scrub.Lack(tier: tier.tier.name.rawValue, records: plan.recordCount)
    guard sends else { return (lack, plan.isIncomplete) }
    do {
      try backfill.send(plan, cancellation: cancellation)
      lack.isRepaired = true
    } catch let error as Cancelled { throw error } catch {
      notices.add("what the \(lack.tier) tier lacks was not brought there: \(error)")
    }
    return (lack, plan.isIncomplete)
  }

  /// All points that any tier keeps still, oldest first.
  func points() throws -> [KeptPoint] {
    var found: [ObjectPath: KeptPoint] = [:]
    for (name, own) in kept {
      // One that was deleted and freed meanwhile is not lost.
      let present = try vault.knownPoints(in: vault.require(name), now: now, notices: notices).kept
      found.merge(own.filter { present[$0.key] != nil }) { first, _ in first }
    }
    return found.values.sorted { a, b in
      (a.point.time, a.point.id) < (b.point.time, b.point.id)
    }
  }
}
