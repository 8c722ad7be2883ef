import Glibc
import Testing

/// What keeps an encrypted vault sound without its key.
@Suite struct LockedVaultTests {
  /// A small encrypted vault of two machines with three points.
  private func makeVault(
    _ test: String, _ redundancy: String = "lrs", snapshots: Bool = false, secondaries: Int = 0
  ) throws -> RedundantVault {
    var vault = RedundantVault(
      redundancy, snapshots: snapshots, secondaries: secondaries, encrypted: true, seededFor: test)
    for machine in ["m", "n", "m"] { try vault.takeDay(machine) }
    return vault
  }

  /// Expects that with the key all is as it was, whatever was done without it.
  private func expectWhole(_ vault: RedundantVault) throws {
    vault.expectEqualCopies()
    vault.kluis("verify").expect(0, saying: "all good")
    vault.expectAllRestore("--tier", "vault")
    #expect(try vault.scrub().problems.isEmpty)
  }

  /// Scrubs and repairs as somebody without the key does.
  private func repair(
    _ vault: RedundantVault, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> ScrubReport {
    let outcome = vault.withoutKey("scrub", "--repair", "--json")
    outcome.expect(3, sourceLocation: sourceLocation)
    let report = ScrubReport(json: try JSONValue(outcome.output), outcome: outcome)
    #expect(
      !report.problems.isEmpty && report.problems.allSatisfy { $0.repairedFrom != nil },
      "\(outcome)", sourceLocation: sourceLocation)
    return report
  }

  @Test func `a scrub without the key reads every byte and finds nothing in a sound vault`() throws
  {
    let vault = try makeVault("sound", "grs", snapshots: true, secondaries: 2)
    let outcome = vault.withoutKey("scrub", "--json").expect(0)
    let report = ScrubReport(json: try JSONValue(outcome.output), outcome: outcome)
    #expect(report.problems.isEmpty && report.foreign.isEmpty && report.lostPoints.isEmpty)
    let stored = vault.stores.flatMap { store in
      ["packs/", "index/", "points/", "machines/"].flatMap { objects(in: store, $0) }
    }
    #expect(report.readBytes == stored.reduce(0) { $0 + fileSize($1) })
  }

  @Test func `a copy that was emptied is filled again`() throws {
    let vault = try makeVault("emptied")
    for folder in ["packs", "index", "points", "machines"] {
      destroy("\(vault.copies[1])/\(folder)")
    }
    _ = try repair(vault)
    try expectWhole(vault)
  }

  @Test(arguments: 0..<4)
  func `after any harm to two copies a repair makes all three equal`(round: Int) throws {
    var vault = try makeVault("harm, round \(round)")
    let good = Int.random(in: 0..<3, using: &vault.random)
    for (number, copy) in vault.copies.enumerated() where number != good {
      for file in files(under: copy) where !file.hasPrefix("vault") {
        if Bool.random(using: &vault.random) { continue }
        Harm.allCases.randomElement(using: &vault.random)!.happen(
          to: "\(copy)/\(file)", &vault.random)
      }
    }
    _ = try repair(vault)
    try expectWhole(vault)
  }

  @Test func `a pack that is damaged in all copies is put together from what most agree on`() throws
  {
    for round in 0..<3 {
      var vault = try makeVault("agreement, \(round)")
      for pack in vault.places("packs/", in: vault.copies[0]) {
        let byteCount = fileSize("\(vault.copies[0])/\(pack)")
        guard byteCount > 3 << 14 else { continue }
        // In blocks of 4 KiB that differ from copy to copy, so that two always agree.
        for (number, copy) in vault.copies.enumerated() {
          for _ in 0...round {
            let block = Int.random(in: 0..<byteCount / (3 << 12), using: &vault.random)
            let start = (block * 3 + number) << 12
            flipBit(in: "\(copy)/\(pack)", within: start..<start + 4096, &vault.random)
          }
        }
      }
      let report = try repair(vault)
      #expect(report.problems.count >= 3)
      try expectWhole(vault)
    }
  }

  @Test func `what no copy can heal is said to be lost, and not harmed further`() throws {
    let vault = try makeVault("lost")
    let pack = try #require(
      vault.places("packs/", in: vault.copies[0]).max {
        fileSize("\(vault.copies[0])/\($0)") < fileSize("\(vault.copies[0])/\($1)")
      })
    let place = fileSize("\(vault.copies[0])/\(pack)") / 2
    for (bit, copy) in vault.copies.enumerated() {
      flipBit(in: "\(copy)/\(pack)", at: place, bit: bit)
    }
    let before = state(of: vault.copies[0], vault.copies[1], vault.copies[2])
    vault.withoutKey("scrub", "--repair").expect(1, saying: pack)
    let after = state(of: vault.copies[0], vault.copies[1], vault.copies[2])
    #expect(after == before)
    for (bit, copy) in vault.copies.enumerated() {
      flipBit(in: "\(copy)/\(pack)", at: place, bit: bit)
    }
    try expectWhole(vault)
  }

  @Test func `points and machines that are damaged come from another copy`() throws {
    var vault = try makeVault("documents")
    for (number, copy) in vault.copies.enumerated() {
      let documents = objects(in: copy, "points/") + objects(in: copy, "machines/")
      for (place, file) in documents.enumerated() where place % 3 == number {
        Harm.allCases.randomElement(using: &vault.random)!.happen(to: file, &vault.random)
      }
    }
    _ = try repair(vault)
    try expectWhole(vault)
  }

  @Test func `the index is made anew from packs that cannot be read`() throws {
    let vault = try makeVault("index")
    for copy in vault.copies { destroy("\(copy)/index") }
    vault.withoutKey("rebuild-index").expect(0, 3, saying: "records in")
    try expectWhole(vault)
    for copy in vault.copies {
      for segment in objects(in: copy, "index/") { flipBit(in: segment, at: 3, bit: 2) }
    }
    vault.withoutKey("scrub", "--repair").expect(3)
    try expectWhole(vault)
    let again = vault.kluis("backup", "m", "--json").expect(0)
    #expect(try JSONValue(again.output)["disks"][0]["newBytes"].number == 0)
  }

  @Test func `points are transferred and replicated as they are sealed`() throws {
    var vault = RedundantVault(
      "grs", snapshots: true, secondaries: 2, encrypted: true, seededFor: "sealed copies")
    let stranger = vault.withoutKey
    for round in 0..<3 {
      for machine in ["m", "n"] { try vault.takeDay(machine, options: ["--snapshot-only"]) }
      stranger("transfer").expect(0, saying: "transferred 2 points to the vault tier")
      stranger("replicate", "--status").expect(0, saying: "behind     2 points")
      stranger("replicate").expect(0, saying: "replicated 2 points")
      stranger("replicate", "--status").expect(0, saying: "secondary  \(2 * round + 2) points")
    }
    stranger("transfer").expect(0, saying: "nothing to transfer")
    stranger("replicate").expect(0, saying: "replicated 0 points, 0 B sent")
    for tier in ["snapshot", "vault", "secondary"] {
      vault.kluis("verify", "--tier", tier).expect(0, saying: "6 points")
      vault.expectAllRestore("--tier", tier)
    }
    try expectWhole(vault)
    vault.expectEqualCopies(vault.secondaries)
    #expect(vault.tiers(of: vault.points[0]) == "snapshot+vault+secondary")
    // With the key both find nothing left to do.
    vault.kluis("transfer").expect(0, saying: "nothing to transfer")
    vault.kluis("replicate").expect(0, saying: "replicated 0 points")
    (vault.copies + [vault.snapshots!, vault.kluis.vault]).forEach(takeAway)
    vault.expectAllRestore("--vault", vault.secondaries[1], statuses: [3])
  }

  @Test func `a replication without the key that is killed leaves a whole secondary`() throws {
    var vault = RedundantVault(
      "grs", secondaries: 1, encrypted: true, seededFor: "killed sealed replication")
    var killed = 0
    for _ in 0..<6 {
      try vault.takeDay(byteCount: 6 << 20)
      let replication = vault.withoutKey.start(["replicate"])
      usleep(.random(in: 0..<60_000, using: &vault.random))
      replication.send(SIGKILL)
      if replication.wait().signal == SIGKILL { killed += 1 }
      let listed = try vault.listedPoints("--tier", "secondary")
      for day in vault.days where listed.contains(day.point) {
        vault.expect(day, ["--tier", "secondary"])
      }
    }
    print("killed \(killed) of 6 replications")
    vault.withoutKey("replicate").expect(0)
    vault.kluis("verify", "--tier", "secondary").expect(0)
    vault.expectAllRestore("--tier", "secondary")
  }
}
