import Glibc
import Testing

/// The secondary region: replication, and what it is for.
@Suite struct SecondaryTests {
  private func makeVault(
    _ test: String, secondaries: Int = 1, days: Int = 3, snapshots: Bool = true
  ) throws -> RedundantVault {
    var vault = RedundantVault(
      "grs", snapshots: snapshots, secondaries: secondaries, seededFor: test)
    for day in 0..<days { try vault.takeDay(day == 1 ? "n" : "m") }
    return vault
  }

  private func destroyPrimary(of vault: RedundantVault) {
    for path in vault.copies + [vault.kluis.vault] { destroy(path) }
    if let snapshots = vault.snapshots { destroy(snapshots) }
  }

  private func status(
    _ vault: RedundantVault, _ options: String..., statuses: [Int32] = [0]
  ) throws -> JSONValue {
    let outcome = vault.kluis.run(["replicate", "--status", "--json"] + options)
    #expect(statuses.contains(outcome.status), "\(outcome)")
    return try JSONValue(outcome.output)
  }

  @Test(arguments: 1...3)
  func `with the whole primary deleted, every point restores from the secondary region`(
    count: Int
  ) throws {
    var vault = try makeVault("full outage, \(count)", secondaries: count)
    vault.kluis("replicate").expect(0, saying: "replicated 3 points")
    vault.expectEqualCopies(vault.secondaries)
    let replicated = vault.days
    let points = vault.points
    try vault.takeDay()
    destroyPrimary(of: vault)
    for store in vault.secondaries {
      let listed = try vault.listedPoints("--vault", store, statuses: [3])
      #expect(listed == points)
      #expect(vault.tiers(of: replicated[0].point, "--vault", store) == "secondary")
      for day in replicated {
        vault.expect(day, ["--vault", store], statuses: [3])
        vault.expect(day, ["--vault", store, "--tier", "secondary"], statuses: [3])
      }
      vault.kluis("verify", "--tier", "secondary", "--vault", store).expect(3)
      vault.kluis("stats", "--tier", "secondary", "--vault", store).expect(3)
      vault.kluis("show", "n", "--tier", "secondary", "--vault", store).expect(3)
      let state = try status(vault, "--vault", store, statuses: [3])
      #expect(state["replicated"].number == 3 && state["lastSync"].text != nil)
      vault.kluis("points", "--tier", "vault", "--vault", store).expect(1, saying: "vault tier")
      vault.kluis("replicate", "--vault", store).expect(1, saying: vault.copies[0])
      vault.kluis("backup", "m", "--vault", store).expect(1)
    }
  }

  @Test func `with the primary renamed away, the vault's own directory leads to the secondary`()
    throws
  {
    let vault = try makeVault("renamed away")
    vault.kluis("replicate").expect(0)
    let primary = vault.copies + [vault.snapshots!]
    primary.forEach(takeAway)
    vault.expectAllRestore(statuses: [3])
    vault.expectAllRestore("--tier", "secondary", statuses: [3])
    primary.forEach(bringBack)
    vault.expectAllRestore()
  }

  @Test func `what the primary has lost in part comes from the secondary region`() throws {
    var vault = try makeVault("partial outage")
    vault.kluis("replicate").expect(0)
    destroy(vault.snapshots!)
    destroy(vault.copies[0])
    destroy("\(vault.copies[1])/packs")
    for pack in packs(in: vault.copies[2]) {
      ImageFile(pack).resize(fileSize(pack) / 2)
      flipBit(in: pack, &vault.random)
    }
    let outcomes = vault.expectAllRestore(statuses: [3])
    #expect(outcomes.contains { $0.errors.contains("secondary tier") })
    vault.expectAllRestore("--tier", "secondary", statuses: [3])
  }

  @Test func `a drill reads the secondary region alone and changes nothing`() throws {
    let vault = try makeVault("drill")
    vault.kluis("replicate").expect(0)
    vault.expectAllRestore("--tier", "secondary")
    // What a drill reads must not come from the primary: there is nothing good there.
    for store in vault.copies + [vault.snapshots!] {
      for pack in packs(in: store) { ImageFile(pack).resize(100) }
    }
    vault.expectAllRestore("--tier", "secondary")
    vault.kluis("verify", "--tier", "secondary").expect(0, saying: "secondary tier: 3 points")
    for store in vault.copies + [vault.snapshots!] {
      #expect(packs(in: store).allSatisfy { fileSize($0) == 100 })
    }
  }

  @Test func `the status says what is behind before and after`() throws {
    var vault = try makeVault("status", days: 2)
    vault.kluis("replicate", "--status").expect(0, saying: "never")
    var state = try status(vault)
    #expect(state["lastSync"].text == nil && state["replicated"].number == 0)
    #expect(state["behind"].elements.compactMap(\.text) == vault.days.map(\.point))
    vault.kluis("replicate").expect(0, saying: "in sync as of")
    state = try status(vault)
    let sync = try #require(state["lastSync"].text)
    #expect(sync >= vault.days[1].point.split(separator: "@")[1].prefix(20))
    #expect(state["replicated"].number == 2 && state["behind"].elements.isEmpty)
    #expect(vault.tiers(of: vault.days[0].point) == "snapshot+vault+secondary")

    let point = try vault.takeDay()
    #expect(vault.tiers(of: point) == "snapshot+vault")
    state = try status(vault)
    #expect(state["behind"].elements.compactMap(\.text) == [point])
    #expect(try #require(state["lastSync"].text) < point.split(separator: "@")[1].prefix(20))
    vault.kluis("replicate", "--status").expect(0, saying: point)
  }

  @Test func `replication sends what is new and nothing twice`() throws {
    var vault = try makeVault("incremental")
    let first = sentBytes(vault)
    #expect(first > 4 << 20)
    #expect(sentBytes(vault) == 0)
    try vault.takeDay()
    let second = sentBytes(vault)
    #expect(second > 0 && second < 2 << 20)
    vault.expectAllRestore("--tier", "secondary")
    vault.kluis("scrub").expect(0)
  }

  private func sentBytes(_ vault: RedundantVault) -> Int {
    let before = size(of: vault.secondaries[0])
    vault.kluis("replicate").expect(0)
    return size(of: vault.secondaries[0]) - before
  }

  private func size(of store: String) -> Int { packs(in: store).reduce(0) { $0 + fileSize($1) } }

  @Test func `replication that is killed at any moment leaves a whole secondary`() throws {
    var vault = RedundantVault("grs", secondaries: 1, seededFor: "killed replication")
    let far = vault.secondaries[0]
    var killed = 0
    for machine in ["m", "n"] { try vault.takeDay(machine, byteCount: 8 << 20) }
    let start = ContinuousClock.now
    vault.kluis("replicate").expect(0)
    let usual = start.duration(to: .now) / .microseconds(1)
    for _ in 0..<8 {
      for machine in ["m", "n"] { try vault.takeDay(machine, byteCount: 8 << 20) }
      let replication = vault.kluis.start(["replicate"])
      usleep(UInt32(Double.random(in: 0..<usual, using: &vault.random)))
      replication.send(SIGKILL)
      if replication.wait().signal == SIGKILL { killed += 1 }
      let listed = try vault.listedPoints("--tier", "secondary")
      for day in vault.days.suffix(4) where listed.contains(day.point) {
        vault.expect(day, ["--tier", "secondary"])
      }
    }
    print("killed \(killed) of 8 replications")
    #expect(killed > 0)
    vault.kluis("verify", "--tier", "secondary").expect(0)
    vault.kluis("replicate").expect(0)
    vault.copies.forEach(takeAway)
    vault.expectAllRestore("--vault", far, statuses: [3])
  }

  @Test func `a secondary region that is away stops no backup`() throws {
    var vault = try makeVault("secondary away", days: 1)
    vault.kluis("replicate").expect(0)
    takeAway(vault.secondaries[0])
    try vault.takeDay(statuses: [0, 3])
    vault.kluis("replicate").expect(1, saying: vault.secondaries[0])
    vault.expectAllRestore(statuses: [3])
    bringBack(vault.secondaries[0])
    vault.kluis("replicate").expect(0, 3)
    destroyPrimary(of: vault)
    vault.expectAllRestore("--vault", vault.secondaries[0], statuses: [3])
  }

  @Test func `replication beside backups is in sync with what was there when it began`() throws {
    var vault = try makeVault("beside backups", days: 1)
    for _ in 0..<3 {
      let copy = vault.change("n", byteCount: 8 << 20)
      let replication = vault.kluis.start(["replicate"])
      let backup = vault.kluis("backup", "n", "--disk", "root=\(vault.image(of: "n"))", "--json")
      backup.expect(0)
      vault.note(try #require(JSONValue(backup.output)["id"].text), copy)
      replication.wait().expect(0)
    }
    vault.kluis("replicate").expect(0)
    vault.expectAllRestore("--tier", "secondary")
    vault.kluis("scrub").expect(0)
  }
}
