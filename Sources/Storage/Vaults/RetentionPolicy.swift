/// What is kept of a machine's recovery points; the others may expire.
///
/// Each rule keeps points of its own, and a point that any rule keeps stays. A period is one of the
/// calendar in UTC, weeks begin on Monday, and only periods that have a point count: a machine that
/// is not backed up for a while loses nothing by it.
package struct RetentionPolicy: Codable, Sendable, Equatable {
  /// So many of the newest points.
  package var keepLast: Int?
  /// The newest point of each of so many days; and so on.
  package var keepDaily: Int?
  package var keepWeekly: Int?
  package var keepMonthly: Int?
  package var keepYearly: Int?
  /// Points that have any of these tags.
  package var keepTags: [String: String]?
  /// Whether nothing expires, whatever else is said.
  package var keepAll: Bool?
  /// Days for which a point that was deleted can be brought back.
  package var trashDays: Int?

  package init() {}

  package static let standardTrashDays = 14

  /// Whether it says which points are kept.
  package var hasRules: Bool {
    keepAll == true || !counts.isEmpty || keepTags?.isEmpty == false
  }

  /// The periods of which points are kept, and how many of each.
  package var counts: [(period: RetentionPeriod, count: Int)] {
    let all: [(RetentionPeriod, Int?)] = [
      (.last, keepLast), (.daily, keepDaily), (.weekly, keepWeekly), (.monthly, keepMonthly),
      (.yearly, keepYearly),
    ]
    return all.compactMap { period, count in count.map { (period, $0) } }
  }
}

/// How points are gathered into periods, of which each keeps its newest.
package enum RetentionPeriod: String, Sendable {
  case last, daily, weekly, monthly, yearly

  /// The name of the period that a time is in, in UTC; nil for ``last``, where every point is its
  /// own.
  package func name(of time: Timestamp) -> String? {
    let text = time.description
    switch self {
    case .last: return nil
    case .daily: return String(text.prefix(10))
    case .weekly: return "week of \(String(monday(of: time).description.prefix(10)))"
    case .monthly: return String(text.prefix(7))
    case .yearly: return String(text.prefix(4))
    }
  }

  /// The first second of a time's week; 1970 began on a Thursday.
  private func monday(of time: Timestamp) -> Timestamp {
    let day: Int64 = 86_400
    let sinceMonday = (time.secondsSince1970 + 3 * day) % (7 * day)
    let seconds = sinceMonday < 0 ? sinceMonday + 7 * day : sinceMonday
    return Timestamp(secondsSince1970: time.secondsSince1970 - seconds)
  }
}

/// What holds for machines that have no policy of their own (`machines/.default.json`, a name that
/// no machine has).
package struct RetentionDefault: Codable, Sendable, Equatable {
  package var policy: RetentionPolicy
  package var updated: Timestamp?

  package init(policy: RetentionPolicy, updated: Timestamp? = nil) {
    self.policy = policy
    self.updated = updated
  }
}
