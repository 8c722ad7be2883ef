import Maintenance
import Stores
import TestSupport
import Tiers
import Vaults
import Workers

/// Points that are deleted, and the space that is freed after that.
extension World {
  private static let trashDays = 14

  /// Deletes a point: one that can come back is promised still, from the trash.
  func delete(_ vault: Vault, _ run: inout Run, _ random: inout SeededRandom) throws {
    let listed = try vault.points(notices: run.notices)
    guard !listed.isEmpty else { return }
    let point = listed[random.below(listed.count)].point
    guard let number = numbers[try vault.path(of: point)] else { return }
    let trashDays = random.below(3) == 0 ? 0 : Self.trashDays
    run.what = " point \(number) for \(trashDays) days"
    points[number].wasDeleted = true
    points[number].until = clock + Int64(trashDays) * 86_400
    points[number].lastUntil = points[number].until
    if trashDays == 0 { giveUp(number) }
    try vault.delete(
      point, isExpiry: false, trashDays: trashDays, now: Timestamp(secondsSince1970: clock),
      notices: run.notices)
    let after = try vault.points(notices: run.notices)
    guard !after.contains(where: { $0.point.id == point.id }) else {
      throw Violation("point \(number) is listed after it was deleted")
    }
  }

  func undelete(_ vault: Vault, _ run: inout Run, _ random: inout SeededRandom) throws {
    let now = Timestamp(secondsSince1970: clock)
    let deleted = try vault.deletedPoints(now: now, notices: run.notices)
    guard !deleted.isEmpty else { return }
    let chosen = deleted[random.below(deleted.count)]
    guard let number = numbers[try vault.path(of: chosen.point)] else { return }
    run.what = " point \(number)"
    try vault.undelete(chosen, now: now, notices: run.notices)
    guard try vault.points(notices: run.notices).contains(where: { $0.point.id == chosen.point.id })
    else { throw Violation("point \(number) is not listed after it was brought back") }
    if !points[number].isGone { points[number].until = nil }
  }

  func purge(_ vault: Vault, _ run: inout Run, _ random: inout SeededRandom) throws {
    let deleted = try vault.deletedPoints(
      now: Timestamp(secondsSince1970: clock), notices: run.notices)
    if deleted.isEmpty { return }
    try purge(deleted[random.below(deleted.count)], vault, &run)
  }

  private func purge(_ chosen: DeletedPoint, _ vault: Vault, _ run: inout Run) throws {
    guard let number = numbers[try vault.path(of: chosen.point)] else { return }
    run.what = " point \(number)"
    let now = Timestamp(secondsSince1970: clock)
    giveUp(number)
    try vault.purge(chosen.point.id, now: now, notices: run.notices)
    let ids =
      try vault.deletedPoints(now: now, notices: run.notices).map(\.point.id)
      + vault.points(notices: run.notices).map(\.point.id)
    guard !ids.contains(chosen.point.id) else {
      throw Violation("point \(number) is there after it was given up")
    }
  }

  /// - Parameter isThorough: whether nobody else writes, and all shall be freed at once.
  func reclaim(
    _ vault: Vault, _ run: inout Run, isThorough: Bool = false, _ random: inout SeededRandom
  ) throws {
    if !isThorough, random.below(4) == 0 {
      clock += Int64(Self.trashDays + 1) * 86_400
      run.what = " two weeks later"
    }
    giveUpWhatIsOver()
    var reclaim = makeReclaim(of: vault, run.notices, &random)
    if isThorough {
      reclaim.graceSeconds = 0
      reclaim.leasePatienceSeconds = 0
      reclaim.thresholdPercent = 50
    }
    let report = try reclaim.run(progress: Progress(), cancellation: run.cancellation)
    run.what += report.tiers.map { " \($0.tier) -\($0.freedPacks)~\($0.repackedPacks)" }.joined()
    // What takes the place of a pack must be good in every copy, else a repair comes first.
    if stores.contains(where: \.isSuspect) { return }
    if let failure = report.tiers.compactMap(\.failure).first { throw Failed(description: failure) }
  }

  func makeReclaim(
    of vault: Vault, _ notices: Notices, _ random: inout SeededRandom
  ) -> Reclaim {
    var reclaim = Reclaim(of: vault, notices: notices)
    reclaim.graceSeconds = random.below(3) == 0 ? 86_400 : 0
    reclaim.thresholdPercent = [0, 30, 50, 100][random.below(4)]
    reclaim.workerCount = 1
    reclaim.now = Timestamp(secondsSince1970: clock)
    return reclaim
  }

  private struct Failed: Error, CustomStringConvertible { let description: String }

  /// Points whose time in the trash is over are promised no more.
  private func giveUpWhatIsOver() {
    for number in points.indices {
      if let until = points[number].until, until <= clock { giveUp(number) }
    }
  }

  private func giveUp(_ number: Int) {
    points[number].isGone = true
    points[number].acknowledged = []
    for store in stores {
      store.promised.remove(number)
      store.earlier?.promised.remove(number)
    }
  }

  /// A store that lost something may have been the only one to know that a point was brought back.
  func forgetWhatCameBack() {
    for number in points.indices where points[number].wasDeleted {
      points[number].until = points[number].lastUntil
    }
  }

  /// The point in the trash that reclaim names in its refusal, which nobody has any more: a repair
  /// came before.
  private func lostPoint(
    in failure: String, _ vault: Vault, _ notices: Notices
  ) throws -> DeletedPoint? {
    try vault.deletedPoints(now: Timestamp(secondsSince1970: clock), notices: notices).first {
      guard let number = numbers[try vault.path(of: $0.point)],
        stores.allSatisfy({ !$0.promised.contains(number) })
      else { return false }
      return failure.contains("`kluis delete \($0.point.id) --purge`")
    }
  }

  /// Everything is freed that no point needs, and nothing is left to do.
  func requireNoMoreThanNeeded(_ random: inout SeededRandom) throws {
    let notices = Notices()
    let vault = try openVault(notices, random: &random)
    var roundsLeft = 2
    while roundsLeft > 0 {
      var run = Run(
        notices: notices, isDisturbed: false, before: try Situation(of: self))
      do {
        try reclaim(vault, &run, isThorough: true, &random)
        roundsLeft -= 1
      } catch {
        // What a damaged point needs is not known.
        if try !Situation(of: self).isCalm { return }
        guard let lost = try lostPoint(in: "\(error)", vault, notices) else {
          throw Violation("reclaim failed though nothing was in its way: \(error)")
        }
        try purge(lost, vault, &run)
      }
    }
    for name in tiers {
      let tier = try vault.require(name)
      var reclaim = makeReclaim(of: vault, notices, &random)
      reclaim.isDryRun = true
      let report = try reclaim.run(progress: Progress(), cancellation: Cancellation())
      guard let found = report.tiers.first(where: { $0.tier == name.rawValue }) else { continue }
      let packs = try TierListing(of: tier, notices: notices).packs
      let byteCount = packs.values.reduce(0, +)
      // Of each pack half or more is needed, its frame aside.
      let frames = UInt64(packs.count) * 1024
      if byteCount > 2 * found.neededBytes + frames || found.waitingPacks > 0 {
        throw Violation(
          "the \(name.rawValue) tier keeps \(byteCount) bytes in \(packs.count) packs, of which "
            + "\(found.neededBytes) are needed; \(found)")
      }
    }
  }
}
