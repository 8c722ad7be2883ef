import Testing
import Vaults

@testable import Maintenance

@Suite struct RetentionPlanTests {
  private func point(_ time: String, tags: [String: String] = [:]) -> RecoveryPoint {
    RecoveryPoint(
      machine: "m", time: Timestamp(time)!, consistency: .crash, tags: tags, disks: [])
  }

  private func kept(
    _ times: [String], _ change: (inout RetentionPolicy) -> Void
  ) -> [String] {
    var policy = RetentionPolicy()
    change(&policy)
    let plan = RetentionPlan(times.map { point($0) }, policy, now: .now)
    return zip(times, plan.decisions).filter { !$0.1.goes }.map(\.0)
  }

  @Test("of each period in UTC the newest point stays, and empty periods do not count")
  func periods() {
    let times = [
      "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-03-01T10:00:00Z",
      "2026-03-02T10:00:00Z", "2026-03-02T23:00:00Z", "2026-03-05T01:00:00Z",
    ]
    #expect(kept(times) { $0.keepLast = 2 } == Array(times.suffix(2)))
    #expect(kept(times) { $0.keepDaily = 2 } == Array(times.suffix(2)))
    #expect(kept(times) { $0.keepDaily = 3 } == [times[2], times[4], times[5]])
    #expect(kept(times) { $0.keepMonthly = 2 } == [times[1], times[5]])
    #expect(kept(times) { $0.keepMonthly = 3 } == [times[0], times[1], times[5]])
    #expect(kept(times) { $0.keepYearly = 2 } == [times[0], times[5]])
  }

  @Test("weeks begin on Monday, before 1970 as well")
  func weeks() {
    // 2026-03-01 was a Sunday.
    let times = ["2026-02-23T00:00:00Z", "2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z"]
    #expect(kept(times) { $0.keepWeekly = 2 } == Array(times.suffix(2)))
    let period = RetentionPeriod.weekly
    #expect(period.name(of: Timestamp("2026-03-01T23:59:59Z")!) == "week of 2026-02-23")
    #expect(period.name(of: Timestamp("1969-12-28T12:00:00Z")!) == "week of 1969-12-22")
    #expect(period.name(of: Timestamp("1970-01-01T00:00:00Z")!) == "week of 1969-12-29")
  }

  @Test("each rule keeps points of its own, and says so")
  func reasons() {
    let points = [
      point("2026-03-01T00:00:00Z", tags: ["why": "upgrade"]), point("2026-03-02T00:00:00Z"),
      point("2026-03-03T00:00:00Z"), point("2026-03-03T01:00:00Z"),
    ]
    var policy = RetentionPolicy()
    policy.keepLast = 1
    policy.keepDaily = 1
    policy.keepTags = ["why": "upgrade"]
    let locks = [points[1].id: Timestamp("2030-01-01T00:00:00Z")!]
    let plan = RetentionPlan(points, policy, locks: locks, now: Timestamp("2026-04-01T00:00:00Z")!)
    #expect(
      plan.decisions.map(\.reasons) == [
        ["tag why=upgrade"], ["locked until 2030-01-01T00:00:00Z"], [],
        ["last 1", "daily 2026-03-03"],
      ])
    #expect(plan.leaving.map(\.id) == [points[2].id])
    let later = RetentionPlan(
      points, policy, locks: locks, now: Timestamp("2030-01-01T00:00:00Z")!)
    #expect(later.leaving.map(\.id) == [points[1].id, points[2].id], "the lock is over")
  }

  @Test("without a policy nothing goes, and with any the newest point stays")
  func newest() {
    let times = ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]
    let points = times.map { point($0) }
    #expect(RetentionPlan(points, nil, now: .now).leaving.isEmpty)
    #expect(kept(times) { $0.trashDays = 3 } == times)
    #expect(kept(times) { $0.keepAll = true } == times)
    #expect(kept(times) { $0.keepTags = ["a": "b"] } == [times[1]])
    #expect(RetentionPlan([], RetentionPolicy(), now: .now).decisions.isEmpty)
  }
}
