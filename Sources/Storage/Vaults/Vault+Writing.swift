internal import Hashing
package import Stores
package import Tiers
package import Workers

/// Writing to a tier while others write, and while somebody reclaims.
extension Vault {
  /// Opens a tier for a command that writes, all its stores brought to hold the same first.
  ///
  /// Takes a lease before anything is looked up, which lasts as long as this vault is used: what
  /// the index lists stays until then.
  ///
  /// - Parameter progress: is told how far that has come.
  /// - Throws: ``TierError`` where too few of them can be used; ``StoreError``, ``Cancelled``.
  package func openForWriting(
    _ tier: Tier, notices: Notices, progress: Progress = Progress(),
    cancellation: Cancellation = Cancellation()
  ) throws -> OpenTier {
    try openForWriting(
      tier, checkingEverything: false, notices: notices, progress: progress,
      cancellation: cancellation
    ).open
  }

  /// The same, with the tombstones that the index knows.
  ///
  /// - Parameter checkingEverything: whether every byte of the index is read, and what is told of
  ///   every point that was deleted.
  package func openForWriting(
    _ tier: Tier, checkingEverything: Bool, notices: Notices, progress: Progress,
    cancellation: Cancellation
  ) throws -> (open: OpenTier, tombstones: [String: Tombstone]) {
    try tier.requireWritable()
    let tombstones = try holdLease(on: tier, notices: notices)
    let open = try OpenTier(
      tier, notices: notices, for: .writing,
      tombstoned: Set(tombstones.values.flatMap(\.packIDs)),
      othersWrite: { self.othersWrite(to: tier) }, isWriterAlive: leases.areHeld,
      checkingEverything: checkingEverything,
      progress: progress, cancellation: cancellation)
    try levelDocuments(
      of: tier, reading: checkingEverything ? .everyPoint : .uneven, notices: notices)
    return (open, tombstones)
  }

  /// Whether somebody else has a lease on a tier and counts as at work. Where that cannot be told,
  /// nobody does.
  func othersWrite(to tier: Tier) -> Bool {
    let own = leaseNames
    do throws(StoreError) {
      return try tier.leases(notices: Notices()).contains { name, lease in
        !own.contains(name) && !lease.isOfDeadProcess
          && lease.wasHeardOf(within: Lease.patienceSeconds)
      }
    } catch { return false }
  }

  /// Has everyone who reclaims wait for what this command does with a tier.
  ///
  /// - Returns: the tombstones that were there before.
  @discardableResult
  package func holdLease(
    on tier: Tier, notices: Notices
  ) throws(StoreError) -> [String: Tombstone] {
    let lease = try leases.lease(on: tier, for: "writing to the \(tier.name.rawValue) tier")
    let tombstones = try tier.tombstones(notices: notices)
    try lease.note(seen: Array(tombstones.keys))
    return tombstones
  }

  /// The names of this vault's own leases.
  package var leaseNames: Set<String> { leases.names }

  /// Refuses where somebody took this command for ended: what it leans on may be gone.
  package func checkLeases() throws(LeaseError) { try leases.check() }

  /// Makes a point exist, with `put`, if all that it names is sure to stay.
  func commit(_ put: () throws -> Void, undo: () throws -> Void) throws {
    try leases.check()
    try put()
    // Whoever broke the lease before this has not seen the point.
    do { try leases.check() } catch {
      try undo()
      throw error
    }
  }
}
