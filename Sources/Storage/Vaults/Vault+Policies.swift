internal import Stores
package import Tiers

/// What is kept of machines' points.
extension Vault {
  private static let defaultName = ".default"

  /// What holds for a machine: its own policy, else the vault's; nil where there is neither.
  ///
  /// - Throws: ``VaultError/damaged(_:reason:)`` where that cannot be read.
  package func policy(
    of machine: String, notices: Notices
  ) throws -> (policy: RetentionPolicy, isOwn: Bool)? {
    if let own = try self.machine(machine, notices: notices)?.policy { return (own, true) }
    return try defaultPolicy(notices: notices).map { ($0, false) }
  }

  /// What holds for machines that have no policy of their own; nil where nothing does.
  package func defaultPolicy(notices: Notices) throws -> RetentionPolicy? {
    try storedDefault(notices: notices).flatMap { $0.policy == RetentionPolicy() ? nil : $0.policy }
  }

  /// Days for which a machine's deleted points can be brought back.
  package func trashDays(of machine: String, notices: Notices) throws -> Int {
    let own = try self.machine(machine, notices: notices)?.policy?.trashDays
    let fallback = try defaultPolicy(notices: notices)?.trashDays
    return own ?? fallback ?? RetentionPolicy.standardTrashDays
  }

  /// - Parameter policy: nil for one that has no policy of its own.
  /// - Throws: ``VaultError/unknownMachine(_:)``, ``TierError``, ``StoreError``.
  package func setPolicy(
    _ policy: RetentionPolicy?, of machine: String, now: Timestamp, notices: Notices
  ) throws {
    guard var known = try self.machine(machine, notices: notices) else {
      throw VaultError.unknownMachine(machine)
    }
    known.policy = policy
    known.updated = later(than: known.updated, now)
    for tier in try tiersToTell(notices: notices) { try save(known, to: tier) }
  }

  package func setDefaultPolicy(
    _ policy: RetentionPolicy?, now: Timestamp, notices: Notices
  ) throws {
    let known = try storedDefault(notices: notices)
    let renewed = RetentionDefault(
      policy: policy ?? RetentionPolicy(), updated: later(than: known?.updated, now))
    let path = ObjectPath.machine(try folderName(of: Self.defaultName))
    let bytes = try documents.encode(renewed, at: path, updated: renewed.updated)
    for tier in try tiersToTell(notices: notices) { try tier.put(bytes, at: path) }
  }

  /// What a backup has found out of a machine, with the policy that it has.
  package func renewed(_ machine: Machine, notices: Notices) throws -> Machine {
    var machine = machine
    do {
      let known = try self.machine(machine.name, notices: notices)
      machine.policy = known?.policy
      machine.updated = machine.updated.map { later(than: known?.updated, $0) }
    } catch let error as VaultError {
      notices.add("\(error); until `kluis policy \(machine.name)` is given again, all is kept")
      machine.policy = RetentionPolicy()
      machine.policy?.keepAll = true
    }
    return machine
  }

  /// The tiers that are told of what a person decides: all but the secondary one, which follows
  /// with the next replication, unless there is no other.
  ///
  /// - Throws: ``TierError`` where too few copies of one can be used.
  func tiersToTell(notices: Notices) throws -> [Tier] {
    let near = tiers.filter { $0.name != .secondary && !$0.stores.isEmpty }
    let chosen = near.isEmpty ? tiers.filter { !$0.stores.isEmpty } : near
    for tier in chosen { try tier.requireWritable() }
    return chosen
  }

  /// Now, or a second after what is there: of two copies the one that was written last is later,
  /// whatever clocks say.
  func later(than known: Timestamp?, _ now: Timestamp) -> Timestamp {
    guard let known, known >= now else { return now }
    return Timestamp(secondsSince1970: known.secondsSince1970 + 1)
  }

  private func storedDefault(notices: Notices) throws -> RetentionDefault? {
    let path = ObjectPath.machine(try folderName(of: Self.defaultName))
    var newest: RetentionDefault?
    for tier in tiers where !tier.stores.isEmpty {
      guard let stores = try tier.holders(of: .machines, notices: notices)[path] else { continue }
      let found = readDocument(path, from: stores, notices: notices) {
        bytes throws(DocumentDamage) in
        try documents.decode(RetentionDefault.self, from: bytes, at: path)
      }
      guard let found else {
        throw VaultError.damaged(
          "\(path) in the \(tier.name.rawValue) tier",
          reason: "set the default policy again with `kluis policy --default`")
      }
      if newest == nil || found.updated.isLater(than: newest?.updated) { newest = found }
    }
    return newest
  }
}
