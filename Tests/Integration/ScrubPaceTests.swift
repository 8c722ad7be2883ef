import Glibc
import Testing

/// Scrubs that are stopped, slowed down, and not alone.
@Suite struct ScrubPaceTests {
  /// A vault whose scrub reads about 18 MB.
  private func makeVault(_ test: String) throws -> RedundantVault {
    var vault = RedundantVault("lrs", seededFor: test)
    for machine in ["m", "n", "o"] { try vault.takeDay(machine, byteCount: 2 << 20) }
    return vault
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return start.duration(to: .now) / .seconds(1)
  }

  @Test func `a rate that is limited is kept`() throws {
    let vault = try makeVault("rate")
    var readBytes = 0
    let slow = try seconds { readBytes = try vault.scrub("--limit-rate", "12M").readBytes }
    let least = Double(readBytes) / Double(12 << 20)
    #expect(slow > least * 0.8 && slow < least * 2 + 2, "\(slow) s for \(least) s")
    vault.kluis("scrub", "--limit-rate", "0").expect(64)
    vault.kluis("scrub", "--limit-rate", "fast").expect(64)
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a scrub that is stopped goes on where it was, with what it had found`(
    signal: Int32
  ) throws {
    let vault = try makeVault("stopped by \(signal)")
    // The first object in the order of reading, and the last.
    let first = try #require(objects(in: vault.copies[0], "index/").first)
    let last = try #require(objects(in: vault.copies[2], "points/").last)
    for file in [first, last] { flipBit(in: file, at: fileSize(file) / 2) }
    let rate = ["--limit-rate", "8M"]
    let whole = Double(vault.copies.flatMap { packs(in: $0) }.reduce(0) { $0 + fileSize($1) })
    let running = vault.kluis.start(["scrub"] + rate)
    usleep(1_300_000)
    running.send(signal)
    running.wait().expect(130, saying: "the next `kluis scrub` goes on")

    var report: ScrubReport?
    let rest = try seconds {
      report = try vault.scrub("--limit-rate", "8M", "--repair", statuses: [3])
    }
    #expect(rest < whole / Double(8 << 20) * 0.85, "\(rest) s for what was left")
    let problems = try #require(report).problems
    #expect(Set(problems.map { "\($0.store)/\($0.object)" }) == [first, last])
    #expect(problems.allSatisfy { $0.repairedFrom != nil })
    #expect(try #require(report).readBytes >= Int(whole))
    vault.expectEqualCopies()
    #expect(try vault.scrub().problems.isEmpty)
  }

  @Test func `a scrub that is killed harms nothing, and --restart begins anew`() throws {
    let vault = try makeVault("killed scrub")
    let killed = vault.kluis.start(["scrub", "--repair", "--limit-rate", "8M"])
    usleep(500_000)
    killed.send(SIGKILL)
    #expect(killed.wait().signal == SIGKILL)
    #expect(try vault.scrub().problems.isEmpty)
    let stopped = vault.kluis.start(["scrub", "--limit-rate", "8M"])
    usleep(1_000_000)
    stopped.send(SIGINT)
    stopped.wait().expect(130)
    // What was read before is read again, and so damage that came later is found.
    let first = try #require(objects(in: vault.copies[0], "index/").first)
    flipBit(in: first, at: fileSize(first) - 1)
    let problems = try vault.scrub("--restart", statuses: [3]).problems
    #expect(problems.map { "\($0.store)/\($0.object)" } == [first])
  }

  @Test(arguments: [["scrub"], ["scrub", "--repair"]])
  func `a scrub beside a backup finds nothing wrong and stands in nobody's way`(
    command: [String]
  ) throws {
    var vault = try makeVault("beside a backup")
    for round in 0..<12 {
      let copy = vault.change("m", byteCount: 2 << 20)
      let scrub = vault.kluis.start(command + ["--limit-rate", "60M"])
      usleep(.random(in: 0..<300_000, using: &vault.random))
      let backup = vault.kluis("backup", "m", "--json").expect(0)
      vault.note(try #require(JSONValue(backup.output)["id"].text), copy)
      let outcome = scrub.wait().expect(0)
      #expect(outcome.text.contains("all good"), "round \(round): \(outcome)")
    }
    vault.expectEqualCopies()
    vault.kluis("scrub").expect(0)
    vault.expectAllRestore()
  }

  @Test func `a repair beside backups heals, and the backups' points are good`() throws {
    var vault = try makeVault("repair beside backups")
    for _ in 0..<4 {
      let copy = vault.change("m", byteCount: 2 << 20)
      flipBits(inPacksOf: vault.copies[Int.random(in: 0..<3, using: &vault.random)], &vault.random)
      let scrub = vault.kluis.start(["scrub", "--repair"])
      let backup = vault.kluis("backup", "m", "--json").expect(0, 3)
      vault.note(try #require(JSONValue(backup.output)["id"].text), copy)
      scrub.wait().expect(0, 3)
    }
    _ = try vault.scrub("--repair", statuses: [0, 3])
    vault.expectEqualCopies()
    vault.kluis("scrub").expect(0)
    vault.expectAllRestore()
  }

  @Test func `a repair that is killed at any moment goes on, until all copies are equal`() throws {
    var vault = try makeVault("killed repair")
    for _ in 0..<10 {
      for copy in vault.copies[..<2] {
        for file in packs(in: copy) + objects(in: copy, "index/", ".index") {
          Harm.allCases.randomElement(using: &vault.random)!.happen(to: file, &vault.random)
        }
      }
      let repair = vault.kluis.start(["scrub", "--repair"])
      usleep(.random(in: 0..<60_000, using: &vault.random))
      repair.send(SIGKILL)
      _ = repair.wait()
      vault.expect(vault.days.randomElement(using: &vault.random)!, statuses: [0, 3])
      let report = try vault.scrub("--repair", statuses: [0, 3])
      #expect(report.problems.allSatisfy { $0.repairedFrom != nil }, "\(report.outcome)")
      vault.expectEqualCopies()
    }
    vault.kluis("scrub").expect(0)
    vault.expectAllRestore()
  }

  @Test func `what was healed since a scrub was stopped is not reported as damaged`() throws {
    let vault = try makeVault("healed meanwhile")
    let first = try #require(objects(in: vault.copies[0], "index/").first)
    flipBit(in: first, at: 3)
    let stopped = vault.kluis.start(["scrub", "--limit-rate", "8M"])
    usleep(1_000_000)
    stopped.send(SIGINT)
    stopped.wait().expect(130)
    vault.kluis("verify").expect(3, saying: "repaired")
    #expect(try vault.scrub().problems.isEmpty)
  }
}
