package import Tiers
package import Vaults

/// Which of a machine's points a policy keeps, and why.
package struct RetentionPlan: Sendable {
  /// Oldest first.
  package private(set) var decisions: [Decision] = []

  package struct Decision: Sendable {
    package let point: RecoveryPoint
    /// Why it stays; nothing where it goes.
    package var reasons: [String] = []

    package var goes: Bool { reasons.isEmpty }
  }

  /// - Parameters:
  ///   - points: all of one machine, oldest first.
  ///   - policy: nil where the machine has none, and all stays.
  ///   - locks: until when points are locked, by their ids.
  package init(
    _ points: [RecoveryPoint], _ policy: RetentionPolicy?, locks: [String: Timestamp] = [:],
    now: Timestamp
  ) {
    decisions = points.map { Decision(point: $0) }
    guard let policy, policy.hasRules else {
      keepAll("there is no policy")
      return
    }
    if policy.keepAll == true {
      keepAll("all is kept")
      return
    }
    for (period, count) in policy.counts { keep(count, period) }
    for number in decisions.indices {
      let point = decisions[number].point
      for (key, value) in (policy.keepTags ?? [:]).sorted(by: { $0.key < $1.key })
      where point.tags[key] == value {
        decisions[number].reasons.append("tag \(key)=\(value)")
      }
      if let until = locks[point.id], until > now {
        decisions[number].reasons.append("locked until \(until)")
      }
    }
    if let last = decisions.indices.last, decisions[last].goes {
      decisions[last].reasons.append("newest")
    }
  }

  package var leaving: [RecoveryPoint] { decisions.filter(\.goes).map(\.point) }

  private mutating func keepAll(_ reason: String) {
    for number in decisions.indices { decisions[number].reasons.append(reason) }
  }

  /// Keeps the newest point of each of the newest `count` periods.
  private mutating func keep(_ count: Int, _ period: RetentionPeriod) {
    var kept = 0
    var last: String?
    for number in decisions.indices.reversed() where kept < count {
      let name = period.name(of: decisions[number].point.time)
      if let name, name == last { continue }
      last = name
      kept += 1
      decisions[number].reasons.append(
        name.map { "\(period.rawValue) \($0)" } ?? "\(period.rawValue) \(kept)")
    }
  }
}

/// Takes out of the list what policies no longer keep.
package struct Expiry {
  private let vault: Vault
  private let notices: Notices
  package var now = Timestamp.now

  package init(of vault: Vault, notices: Notices) {
    self.vault = vault
    self.notices = notices
  }

  /// What would become of each machine's points, by the machine's name.
  ///
  /// - Parameters:
  ///   - machine: only this one's.
  ///   - proposed: what is judged by, in the place of the machine's policy.
  /// - Throws: ``StoreError``, ``LockedError``, ``VaultError``.
  package func plans(
    of machine: String? = nil, by proposed: RetentionPolicy? = nil
  ) throws -> [(machine: String, plan: RetentionPlan)] {
    let listed = try vault.points(of: machine, notices: notices).map(\.point)
    let machines = Dictionary(grouping: listed, by: \.machine)
    return try machines.sorted { $0.key < $1.key }.map { name, points in
      var locks: [String: Timestamp] = [:]
      for point in points {
        locks[point.id] = try vault.lock(of: point, notices: notices)?.until
      }
      let policy = try proposed ?? vault.policy(of: name, notices: notices)?.policy
      return (name, RetentionPlan(points, policy, locks: locks, now: now))
    }
  }

  /// - Returns: the points that went into the trash.
  /// - Throws: ``TierError``, ``StoreError``; what ``plans(of:by:)`` throws.
  package func run(of machine: String? = nil) throws -> [RecoveryPoint] {
    var expired: [RecoveryPoint] = []
    for (name, plan) in try plans(of: machine) where !plan.leaving.isEmpty {
      let trashDays = try vault.trashDays(of: name, notices: notices)
      for point in plan.leaving {
        try vault.delete(
          point, isExpiry: true, trashDays: trashDays, now: now, notices: notices)
        expired.append(point)
      }
    }
    return expired
  }
}
