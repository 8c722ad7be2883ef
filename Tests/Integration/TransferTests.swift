import Glibc
import Testing

/// The two phases of a backup.
@Suite struct TransferTests {
  private func makeVault(_ test: String, _ redundancy: String = "lrs") -> RedundantVault {
    RedundantVault(
      redundancy, snapshots: true, secondaries: redundancy == "grs" ? 1 : 0, seededFor: test)
  }

  /// What a transfer sent and which points, as `--json` has it.
  private func transfer(
    _ vault: RedundantVault, _ options: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> (points: Set<String>, sentBytes: Int) {
    let outcome = vault.kluis.run(["transfer", "--json"] + options)
    outcome.expect(0, sourceLocation: sourceLocation)
    let json = try JSONValue(outcome.output)
    return (
      Set(json["points"].elements.compactMap(\.text)), Int(json["sentBytes"].number ?? -1)
    )
  }

  @Test func `points shows every set of tiers that a point can be in`() throws {
    var vault = makeVault("sets of tiers", "grs")
    let whole = try vault.takeDay()
    vault.kluis("replicate").expect(0)
    let both = try vault.takeDay()
    let near = try vault.takeDay(options: ["--snapshot-only"])
    #expect(vault.tiers(of: whole) == "snapshot+vault+secondary")
    #expect(vault.tiers(of: both) == "snapshot+vault")
    #expect(vault.tiers(of: near) == "snapshot")
    for (tier, count) in [("snapshot", 3), ("vault", 2), ("secondary", 1)] {
      #expect(try vault.listedPoints("--tier", tier).count == count)
    }
    vault.kluis("show", near).expect(0, saying: "tiers        snapshot\n")
    let outcome = vault.kluis("points", "--json").expect(0)
    let tiers = try JSONValue(outcome.output).elements.map { $0["tiers"].elements.map(\.text) }
    #expect(tiers.contains(["snapshot", "vault", "secondary"]) && tiers.contains(["snapshot"]))
    takeAway(vault.snapshots!)
    #expect(vault.tiers(of: whole) == "vault+secondary")
    #expect(vault.tiers(of: both) == "vault")
    #expect(vault.tiers(of: near) == "none")
  }

  @Test func `a snapshot is restorable before the vault tier has anything of it`() throws {
    var vault = makeVault("phase 1")
    try vault.takeDay(options: ["--snapshot-only"])
    for copy in vault.copies { #expect(packs(in: copy).isEmpty) }
    vault.copies.forEach(takeAway)
    vault.expectAllRestore(statuses: [3])
    try vault.takeDay(options: ["--snapshot-only"], statuses: [0, 3])
    vault.copies.forEach(bringBack)
    vault.kluis("restore", "disk", "m", "--to", "x", "--tier", "vault").expect(1)
    vault.kluis("backup", "m", "--snapshot-only", "--tag", "why=again").expect(0)
    #expect(try transfer(vault).points.count == 3)
    vault.expectAllRestore("--tier", "vault")
  }

  @Test func `a transfer moves packs as they are, and a second one sends nothing`() throws {
    var vault = makeVault("sealed bytes")
    try vault.takeDay(options: ["--snapshot-only"])
    let first = try transfer(vault)
    #expect(first.points == Set(vault.points))
    let stored = packs(in: vault.snapshots!).reduce(0) { $0 + fileSize($1) }
    #expect(first.sentBytes == stored)
    let names = files(under: vault.snapshots!).filter { $0.hasSuffix(".pack") }
    #expect(files(under: vault.copies[0]).filter { $0.hasSuffix(".pack") } == names)
    let again = try transfer(vault)
    #expect(again.points.isEmpty && again.sentBytes == 0)
    vault.kluis("transfer").expect(0, saying: "nothing to transfer")

    try vault.takeDay(options: ["--snapshot-only"])
    let second = try transfer(vault)
    #expect(second.sentBytes > 0 && second.sentBytes < stored / 2)
    vault.expectEqualCopies()
    vault.expectAllRestore("--tier", "vault")
  }

  @Test func `a transfer takes one point, one machine's, or all`() throws {
    var vault = makeVault("choosing")
    for machine in ["m", "n", "m", "o"] {
      try vault.takeDay(machine, byteCount: 1 << 20, options: ["--snapshot-only"])
    }
    let points = vault.days.map(\.point)
    #expect(try transfer(vault, points[2]).points == [points[2]])
    #expect(try transfer(vault, "m").points == [points[0]])
    vault.kluis("transfer", "nobody").expect(1, saying: "nobody")
    vault.kluis("transfer", "m@1999").expect(1)
    #expect(try transfer(vault).points == [points[1], points[3]])
    vault.expectAllRestore("--tier", "vault")
  }

  @Test func `a transfer that fails leaves a good snapshot point and goes on later`() throws {
    var vault = makeVault("failed transfer")
    try vault.takeDay()
    takeAway(vault.copies[2])
    let copy = vault.change("m", byteCount: 3 << 20)
    let outcome = vault.kluis("backup", "m").expect(1, saying: vault.copies[2])
    #expect(outcome.errors.contains("kluis transfer"), "\(outcome)")
    let point = try #require(
      vault.listedPoints(statuses: [3]).first { $0 != vault.days[0].point })
    vault.note(point, copy)
    #expect(outcome.errors.contains(point), "\(outcome)")
    #expect(vault.tiers(of: point) == "snapshot")
    vault.expectAllRestore(statuses: [3])
    vault.kluis("transfer").expect(1, saying: vault.copies[2])
    bringBack(vault.copies[2])
    #expect(try transfer(vault).points == [point])
    #expect(vault.tiers(of: point) == "snapshot+vault")
    destroy(vault.snapshots!)
    vault.expectAllRestore(statuses: [3])
  }

  @Test func `a transfer that is killed at any moment goes on, and sends nothing twice`() throws {
    var vault = makeVault("killed transfer")
    var killed = 0
    try vault.takeDay(byteCount: 12 << 20, options: ["--snapshot-only"])
    let start = ContinuousClock.now
    _ = try transfer(vault)
    let usual = start.duration(to: .now) / .microseconds(1)
    for round in 0..<10 {
      let machine = "m\(round)"
      try vault.takeDay(machine, byteCount: 12 << 20, options: ["--snapshot-only"])
      try vault.takeDay("m", byteCount: 12 << 20, options: ["--snapshot-only"])
      let running = vault.kluis.start(["transfer"])
      usleep(UInt32(Double.random(in: 0..<usual, using: &vault.random)))
      running.send(SIGKILL)
      if running.wait().signal == SIGKILL { killed += 1 }
      let listed = try vault.listedPoints("--tier", "vault")
      for day in vault.days.suffix(2) where listed.contains(day.point) {
        vault.expect(day, ["--tier", "vault"], statuses: [0, 3])
      }
    }
    print("killed \(killed) of 10 transfers")
    #expect(killed > 0)
    vault.kluis("transfer").expect(0, 3)
    vault.kluis("scrub").expect(0)
    vault.expectEqualCopies()
    destroy(vault.snapshots!)
    vault.expectAllRestore(statuses: [3])
    #expect(sizeOfPacks(in: vault.copies[0]) < 200 << 20)
  }

  private func sizeOfPacks(in store: String) -> Int {
    packs(in: store).reduce(0) { $0 + fileSize($1) }
  }

  @Test func `a transfer that is stopped says that nothing was harmed`() throws {
    var vault = makeVault("stopped transfer")
    for round in 0..<10 {
      try vault.takeDay("m\(round)", byteCount: 100 << 20, options: ["--snapshot-only"])
      let before = files(under: vault.copies[0]).count
      let running = vault.kluis.start(["transfer"])
      // The first pack is on its way, under a name of its own at first.
      _ = running.wait { files(under: vault.copies[0]).count > before }
      running.send(SIGINT)
      let outcome = running.wait().expect(0, 130)
      if outcome.status == 0 { continue }
      outcome.expect(130, saying: "`kluis transfer` goes on")
      #expect(vault.tiers(of: vault.days[round].point) == "snapshot")
      vault.kluis("transfer").expect(0, 3)
      vault.expectAllRestore("--tier", "vault")
      return
    }
    Issue.record("the transfer was never slow enough to be stopped")
  }

  @Test func `transfers and backups run beside one another`() throws {
    var vault = makeVault("side by side")
    for _ in 0..<5 {
      for machine in ["m", "n"] {
        try vault.takeDay(machine, byteCount: 6 << 20, options: ["--snapshot-only"])
      }
      let copy = vault.change("o", byteCount: 6 << 20)
      let transfers = [["transfer"], ["transfer", "n"]].map { vault.kluis.start($0) }
      let backup = vault.kluis("backup", "o", "--disk", "root=\(vault.image(of: "o"))", "--json")
      backup.expect(0, 3)
      vault.note(try #require(JSONValue(backup.output)["id"].text), copy)
      for transfer in transfers { transfer.wait().expect(0, 3) }
      vault.kluis("transfer").expect(0, 3)
    }
    vault.kluis("scrub").expect(0)
    for tier in ["snapshot", "vault"] {
      #expect(try vault.listedPoints("--tier", tier) == vault.points)
      vault.expectAllRestore("--tier", tier)
    }
    vault.expectEqualCopies()
  }

  @Test func `damage in the snapshot tier is not carried into the vault tier`() throws {
    var vault = makeVault("damaged snapshot")
    try vault.takeDay(options: ["--snapshot-only"])
    for pack in packs(in: vault.snapshots!) { flipBit(in: pack, at: fileSize(pack) / 3) }
    vault.kluis("transfer").expect(1, saying: vault.snapshots!)
    #expect(vault.tiers(of: vault.days[0].point) == "snapshot")
    vault.kluis("verify", "--tier", "vault").expect(0)
    // The disk is there still: another backup stores anew what is damaged.
    vault.kluis("scrub", "--repair").expect(1, saying: "lost: \(vault.days[0].point)")
    vault.kluis("backup", "m").expect(0, 3)
    vault.kluis.expect("m", restores: vault.days[0].image, statuses: [0, 3])
    vault.kluis("transfer").expect(0, 3)
    vault.expectAllRestore("--tier", "vault")
  }
}
