import Glibc
import Testing

/// What `scrub` finds and heals.
@Suite struct ScrubTests {
  /// A small vault of two machines with three points.
  private func makeVault(
    _ test: String, _ redundancy: String = "lrs", snapshots: Bool = false, secondaries: Int = 0
  ) throws -> RedundantVault {
    var vault = RedundantVault(
      redundancy, snapshots: snapshots, secondaries: secondaries, seededFor: test)
    for machine in ["m", "n", "m"] { try vault.takeDay(machine) }
    if secondaries > 0 { vault.kluis("replicate").expect(0) }
    return vault
  }

  /// The pack of a store that holds the most.
  private func largestPack(of store: String) throws -> String {
    try #require(packs(in: store).max { fileSize($0) < fileSize($1) })
  }

  /// An object's path in its store.
  private func object(_ path: String, in store: String) -> String {
    String(path.dropFirst(store.count + 1))
  }

  /// Flips the same bit of an object in every copy of the vault tier.
  private func flipInAll(_ vault: RedundantVault, _ object: String, at offset: Int) {
    for copy in vault.copies { flipBit(in: "\(copy)/\(object)", at: offset) }
  }

  @Test func `a scrub of a sound vault reads every byte of every copy and finds nothing`() throws {
    let vault = try makeVault("sound", "grs", snapshots: true, secondaries: 2)
    let report = try vault.scrub()
    #expect(report.problems.isEmpty && report.foreign.isEmpty && report.lostPoints.isEmpty)
    let stored = vault.stores.flatMap { store in
      ["packs/", "index/", "points/", "machines/"].flatMap { objects(in: store, $0) }
    }
    #expect(report.readBytes == stored.reduce(0) { $0 + fileSize($1) })
    #expect(report.json["stores"].elements.compactMap { $0["store"].text } == vault.stores)
    vault.kluis("scrub").expect(0, saying: "all good")
  }

  @Test func `a scrub says what is missing, damaged and foreign, and changes nothing`() throws {
    var vault = try makeVault("finding")
    let pack = try largestPack(of: vault.copies[0])
    flipBit(in: pack, &vault.random)
    let index = try #require(objects(in: vault.copies[1], "index/").first)
    unlink(index)
    let point = try #require(objects(in: vault.copies[2], "points/").first)
    ImageFile(point).resize(20)
    for name in ["packs/notes.txt", "packs/ab/stray.pack", "points/m/README", "index/x.index"] {
      let path = "\(vault.copies[1])/\(name)"
      run("mkdir", "-p", path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })
      writeBytes([1, 2, 3], to: path)
    }
    let before = run("find", vault.copies[0], vault.copies[1], vault.copies[2], "-type", "f", "-ls")
    let report = try vault.scrub(statuses: [3])
    let found = Set(report.problems.map { "\($0.kind) \($0.store)/\($0.object)" })
    #expect(found == ["damaged \(pack)", "missing \(index)", "damaged \(point)"])
    #expect(report.problems.allSatisfy { $0.repairedFrom == nil })
    #expect(report.foreign.count == 4)
    let text = vault.kluis("scrub").expect(3, saying: "--repair").text
    for name in [pack, index, point, "notes.txt"] { #expect(text.contains(name), "\(text)") }
    let after = run("find", vault.copies[0], vault.copies[1], vault.copies[2], "-type", "f", "-ls")
    #expect(after == before)

    let repaired = try vault.scrub("--repair", statuses: [3])
    #expect(repaired.foreign.count == 4)
    #expect(repaired.problems.allSatisfy { $0.repairedFrom != nil })
    #expect(access("\(vault.copies[1])/packs/notes.txt", F_OK) == 0)
  }

  @Test(arguments: 0..<6)
  func `after any harm to two copies, a repair makes all three equal, file by file`(
    round: Int
  ) throws {
    var vault = try makeVault("healing, round \(round)")
    let good = Int.random(in: 0..<3, using: &vault.random)
    for (number, copy) in vault.copies.enumerated() where number != good {
      for file in files(under: copy) where Bool.random(using: &vault.random) {
        // Without any descriptor it would be no store any more.
        let harms = file.hasPrefix("vault") ? Harm.allCases.dropFirst() : Harm.allCases[...]
        harms.randomElement(using: &vault.random)!.happen(to: "\(copy)/\(file)", &vault.random)
      }
    }
    let report = try vault.scrub("--repair", statuses: [3])
    #expect(report.problems.allSatisfy { $0.repairedFrom != nil }, "\(report.outcome)")
    vault.expectEqualCopies()
    #expect(try vault.scrub().problems.isEmpty)
    vault.expectAllRestore()
  }

  @Test func `a flipped bit in every pack of two copies heals, and the donor is named`() throws {
    var vault = try makeVault("flips")
    for copy in vault.copies[..<2] { flipBits(inPacksOf: copy, &vault.random) }
    let report = try vault.scrub("--repair", statuses: [3])
    #expect(report.problems.count == packs(in: vault.copies[2]).count * 2)
    #expect(report.problems.allSatisfy { $0.repairedFrom == vault.copies[2] })
    vault.expectEqualCopies()
    vault.kluis("scrub").expect(0)
    vault.expectAllRestore()
  }

  @Test(arguments: ["single", "lrs", "grs"])
  func `a pack that no copy of the vault tier has whole is healed from another tier`(
    redundancy: String
  ) throws {
    let isFar = redundancy == "grs"
    var vault = try makeVault(
      "\(redundancy) from another tier", redundancy, snapshots: !isFar,
      secondaries: isFar ? 1 : 0)
    let donor = vault.snapshots ?? vault.secondaries[0]
    // The same byte in all copies, so that no record can be taken from another copy.
    for pack in packs(in: vault.copies[0]) {
      let place = Int.random(in: 0..<fileSize(pack), using: &vault.random)
      flipInAll(vault, object(pack, in: vault.copies[0]), at: place)
    }
    let report = try vault.scrub("--repair", statuses: [3])
    #expect(report.problems.contains { $0.repairedFrom == donor }, "\(report.outcome)")
    #expect(report.problems.allSatisfy { $0.repairedFrom != nil }, "\(report.outcome)")
    vault.expectEqualCopies()
    #expect(try vault.scrub().problems.isEmpty)
    destroy(donor)
    vault.expectAllRestore("--tier", "vault", statuses: [3])
  }

  @Test func `damage at different places in all three copies of a pack heals`() throws {
    for round in 0..<4 {
      var vault = try makeVault("different places, \(round)")
      for pack in packs(in: vault.copies[0]) where fileSize(pack) > 1 << 20 {
        // So far apart that no record has damage in two copies.
        let third = (fileSize(pack) - 4096) / 3
        for (number, copy) in vault.copies.shuffled(using: &vault.random).enumerated() {
          let place = number * third + Int.random(in: 128..<192, using: &vault.random)
          flipBit(in: "\(copy)/\(object(pack, in: vault.copies[0]))", at: place)
        }
      }
      vault.expectAllRestore(statuses: [0, 3])
      let report = try vault.scrub("--repair", statuses: [3])
      #expect(report.problems.allSatisfy { $0.repairedFrom != nil }, "\(report.outcome)")
      vault.expectEqualCopies()
      #expect(try vault.scrub().problems.isEmpty)
      vault.expectAllRestore()
    }
  }

  @Test func `what a repair has put right in every tier is equal in every tier`() throws {
    var vault = try makeVault("all tiers", "grs", snapshots: true, secondaries: 3)
    for store in vault.stores.dropLast() { flipBits(inPacksOf: store, &vault.random) }
    for store in vault.copies { destroy("\(store)/index") }
    let report = try vault.scrub("--repair", statuses: [3])
    #expect(report.problems.allSatisfy { $0.repairedFrom != nil }, "\(report.outcome)")
    vault.expectEqualCopies()
    vault.expectEqualCopies(vault.secondaries)
    #expect(try vault.scrub().problems.isEmpty)
    for tier in ["snapshot", "vault", "secondary"] { vault.expectAllRestore("--tier", tier) }
  }

  @Test func `an index that is lost in all copies is made anew`() throws {
    var vault = try makeVault("no index")
    for copy in vault.copies {
      for segment in objects(in: copy, "index/") { flipBit(in: segment, at: 3, bit: 2) }
    }
    vault.expectAllRestore(statuses: [3])
    _ = try vault.scrub("--repair", statuses: [3])
    vault.expectEqualCopies()
    #expect(!objects(in: vault.copies[0], "index/").isEmpty)
    vault.kluis("scrub").expect(0)
    vault.expectAllRestore()
    try vault.takeDay()
  }

  @Test func `points that no tier gives back are named, and a new backup heals them`() throws {
    var vault = try makeVault("lost")
    let pack = try largestPack(of: vault.copies[0])
    let place = Int.random(in: 9_000..<fileSize(pack) - 60_000, using: &vault.random)
    flipInAll(vault, object(pack, in: vault.copies[0]), at: place)
    let lost = Set(vault.points.filter { vault.kluis("verify", $0).status == 1 })
    #expect(!lost.isEmpty && lost.count < 3)

    for options in [["scrub"], ["scrub", "--repair"], ["scrub"]] {
      let outcome = vault.kluis.run(options).expect(1)
      for point in vault.points {
        #expect(outcome.errors.contains("lost: \(point)") == lost.contains(point), "\(outcome)")
      }
    }
    #expect(try vault.scrub(statuses: [1]).lostPoints == lost)
    for day in vault.days where !lost.contains(day.point) { vault.expect(day, statuses: [0, 3]) }

    // What was lost is on the machine's disk still, so that a new backup stores it again.
    for day in vault.days where lost.contains(day.point) {
      let machine = String(day.point.prefix { $0 != "@" })
      run("cp", "--sparse=always", day.image, vault.image(of: machine))
      vault.kluis("backup", machine).expect(0, 3)
      vault.kluis.expect(machine, restores: day.image, statuses: [0, 3])
    }
    _ = try vault.scrub("--repair", statuses: [0, 3])
    vault.expectAllRestore()
    vault.expectEqualCopies()
    #expect(try vault.scrub().lostPoints.isEmpty)
  }

  @Test func `a point whose every copy is damaged is named as lost`() throws {
    let vault = try makeVault("lost document")
    let file = try #require(objects(in: vault.copies[0], "points/n/").first)
    flipInAll(vault, object(file, in: vault.copies[0]), at: 30)
    let point = try #require(vault.points.first { $0.hasPrefix("n@") })
    vault.kluis("scrub", "--repair").expect(1, saying: "lost: \(point)")
    for day in vault.days where day.point != point { vault.expect(day, statuses: [0, 3]) }
  }

  @Test func `a directory in the place of an object is found, and is in the way of its repair`()
    throws
  {
    let vault = try makeVault("directory in place")
    let pack = try largestPack(of: vault.copies[1])
    unlink(pack)
    mkdir(pack, 0o755)
    let verdicts = ["1 object missing or damaged", "could NOT be repaired"]
    for (options, verdict) in zip([["scrub"], ["scrub", "--repair"]], verdicts) {
      let outcome = vault.kluis.run(options).expect(1, 3, saying: "missing: \(pack)")
      outcome.expect(1, 3, saying: verdict)
    }
    rmdir(pack)
    vault.kluis("scrub", "--repair").expect(3)
    vault.expectEqualCopies()
  }

  @Test func `a scrub with a store away says so and checks the others`() throws {
    var vault = try makeVault("store away")
    takeAway(vault.copies[1])
    flipBits(inPacksOf: vault.copies[0], &vault.random)
    let outcome = vault.kluis("scrub", "--repair").expect(3, saying: vault.copies[1])
    #expect(!outcome.text.contains("NOT repaired"), "\(outcome)")
    bringBack(vault.copies[1])
    vault.kluis("scrub").expect(0)
    vault.expectEqualCopies()
  }
}
