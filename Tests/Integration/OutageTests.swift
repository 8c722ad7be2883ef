import Glibc
import Testing

/// Copies that are gone or bad, while one good copy of each object is left.
@Suite struct OutageTests {
  /// What becomes of a store as a whole.
  enum Loss: String, CaseIterable {
    case removed, emptied, replacedByAFile, packsRemoved, packsEmptied, unreadable

    func happen(to store: String) {
      switch self {
      case .removed: destroy(store)
      case .emptied:
        destroy(store)
        mkdir(store, 0o755)
      case .replacedByAFile:
        destroy(store)
        writeBytes([1, 2, 3], to: store)
      case .packsRemoved: destroy("\(store)/packs")
      case .packsEmptied: for pack in packs(in: store) { ImageFile(pack).resize(0) }
      case .unreadable:
        // Directories where files should be: reading them fails as a broken disk does.
        for pack in packs(in: store) {
          unlink(pack)
          mkdir(pack, 0o755)
        }
      }
    }
  }

  @Test(arguments: Loss.allCases)
  func `with any two of three copies and the snapshot tier lost, every point restores`(
    loss: Loss
  ) throws {
    for kept in 0..<3 {
      var vault = RedundantVault("lrs", snapshots: true, seededFor: "\(loss), kept \(kept)")
      for machine in ["m", "n", "m", "m"] { try vault.takeDay(machine) }
      destroy(vault.snapshots!)
      for (number, copy) in vault.copies.enumerated() where number != kept {
        loss.happen(to: copy)
      }
      let outcomes = vault.expectAllRestore(statuses: [3])
      #expect(outcomes.allSatisfy { $0.errors.contains("warning: ") })
      vault.expectAllRestore("--tier", "vault", "--vault", vault.copies[kept], statuses: [3])
      vault.kluis("verify").expect(3)
    }
  }

  @Test func `with a flipped bit in every pack of two copies, every point restores`() throws {
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
      var vault = RedundantVault(
        "lrs", snapshots: true, seededFor: "flips in \(first) and \(second)")
      for machine in ["m", "n", "m"] { try vault.takeDay(machine) }
      destroy(vault.snapshots!)
      for number in [first, second] { flipBits(inPacksOf: vault.copies[number], &vault.random) }
      vault.expectAllRestore(statuses: [3])
      vault.kluis("verify").expect(3)
      _ = try vault.scrub("--repair", "--vault", vault.copies[0], statuses: [3])
      vault.expectEqualCopies()
      vault.expectAllRestore(statuses: [3])
    }
  }

  @Test func `what a restore finds damaged it repairs at once, and says so`() throws {
    var vault = RedundantVault("lrs", seededFor: "read repair")
    try vault.takeDay()
    let pack = try #require(packs(in: vault.copies[0]).max { fileSize($0) < fileSize($1) })
    flipBit(in: pack, within: 5_000..<fileSize(pack) - 20_000, &vault.random)
    let name = try #require(pack.split(separator: "/").last.map { String($0.dropLast(5)) })
    let outcome = vault.expect(vault.days[0], statuses: [3])
    for wanted in ["warning: ", name, vault.copies[0], "repaired from store \(vault.copies[1])"] {
      #expect(outcome.errors.contains(wanted), "\(outcome)")
    }
    vault.expectAllRestore(statuses: [0])
    vault.expectEqualCopies()
  }

  @Test(arguments: ["index/", "points/", "machines/", "vault.json", "vault.copy.json"])
  func `reads repair what is not a pack as well`(kind: String) throws {
    var vault = RedundantVault("lrs", seededFor: "reads repair \(kind)")
    try vault.takeDay()
    for copy in vault.copies[..<2] {
      for file in objects(in: copy, kind) { flipBit(in: file, within: 0..<32, &vault.random) }
    }
    vault.expectAllRestore(statuses: kind == "machines/" ? [0] : [3])
    if kind == "machines/" { vault.kluis("backup", "m").expect(3, saying: "machines/m.json") }
    vault.expectEqualCopies()
    vault.expectAllRestore()
  }

  @Test func `a store that does not answer is given up, and the next one is asked`() throws {
    var vault = RedundantVault("lrs", snapshots: true, seededFor: "no answer")
    try vault.takeDay()
    // Opening a pipe that nobody writes to takes for ever, as a file server that is gone does.
    for pack in packs(in: vault.snapshots!) + vault.copies[..<2].flatMap({ packs(in: $0) }) {
      unlink(pack)
      mkfifo(pack, 0o644)
    }
    let target = vault.kluis.path("r.img")
    let start = ContinuousClock.now
    let outcome = vault.kluis.run(
      ["restore", "disk", "m", "--to", target], environment: ["KLUIS_PATIENCE": "1"])
    let seconds = start.duration(to: .now) / .seconds(1)
    for store in vault.copies[..<2] { #expect(outcome.errors.contains(store), "\(outcome)") }
    outcome.expect(3, saying: "no answer within 1")
    #expect(haveSameBytes(target, vault.days[0].image))
    #expect(seconds < 8)
    _ = try vault.scrub("--repair", statuses: [3])
    vault.expectEqualCopies()
    vault.expectAllRestore()
  }

  @Test(arguments: ["packs/", "index/", "points/", "machines/", "vault"], Harm.allCases)
  func `nothing that happens to files of two copies costs more than a warning`(
    kind: String, harm: Harm
  ) throws {
    var vault = RedundantVault("lrs", seededFor: "\(kind) \(harm)")
    try vault.takeDay(byteCount: 1 << 20)
    try vault.takeDay(byteCount: 1 << 20)
    for copy in vault.copies[..<2] {
      for file in objects(in: copy, kind) { harm.happen(to: file, &vault.random) }
    }
    vault.expectAllRestore(statuses: [0, 3])
    #expect(try vault.listedPoints(statuses: [0, 3]) == vault.points)
    vault.kluis("verify").expect(0, 3)
    try vault.takeDay(byteCount: 1 << 20, statuses: [0, 3])
    vault.expectAllRestore(statuses: [0, 3])
    _ = try vault.scrub("--repair", statuses: [0, 3])
    vault.expectEqualCopies()
    #expect(try vault.scrub().problems.isEmpty)
    vault.expectAllRestore()
  }

  @Test(arguments: 0..<3)
  func `a vault opens through a store whose descriptor is lost in both places`(
    number: Int
  ) throws {
    var vault = RedundantVault("lrs", seededFor: "descriptor of \(number)")
    try vault.takeDay()
    let store = vault.copies[number]
    for name in ["vault.json", "vault.copy.json"] { flipBit(in: "\(store)/\(name)", at: 100) }
    let outcome = vault.kluis("points", "--vault", store).expect(3, saying: vault.days[0].point)
    #expect(outcome.errors.contains(store), "\(outcome)")
    vault.kluis("points", "--vault", store).expect(0)
    vault.expectEqualCopies()
  }

  @Test(arguments: ["vault.json", "vault.copy.json"], Harm.allCases)
  func `a lone store opens with one of its two descriptors, and mends the other`(
    name: String, harm: Harm
  ) throws {
    var vault = RedundantVault("single", seededFor: "\(name) \(harm)")
    try vault.takeDay(byteCount: 1 << 20)
    let store = vault.copies[0]
    let good = readBytes("\(store)/\(name)")
    destroy(vault.kluis.vault)
    harm.happen(to: "\(store)/\(name)", &vault.random)
    vault.kluis("points", "--vault", store).expect(3, saying: "repaired")
    #expect(readBytes("\(store)/\(name)") == good)
    vault.expectAllRestore("--vault", store)
  }

  @Test(.enabled(if: canDropRights, "only root can run a program with fewer rights"))
  func `damage in stores that may not be written to is read around and left`() throws {
    var vault = RedundantVault("lrs", seededFor: "read-only and damaged")
    try vault.takeDay()
    for copy in vault.copies[..<2] {
      for pack in packs(in: copy) { ImageFile(pack).resize(200) }
    }
    let place = vault.kluis.scratch.directory("targets")
    chmod(place, 0o777)
    let target = "\(place)/r.img"
    let command = [Kluis.program, "restore", "disk", vault.days[0].point, "--to", target]
    let outcome = RunningProgram(
      asNobody + command, environment: ["KLUIS_VAULT": vault.kluis.vault]
    ).wait()
    outcome.expect(3, saying: "not repaired")
    #expect(haveSameBytes(target, vault.days[0].image))
    #expect(packs(in: vault.copies[0]).allSatisfy { fileSize($0) == 200 })
  }

  @Test(arguments: ["lrs", "zrs", "grs", "single"])
  func `any store alone lists, verifies and restores, wherever it lies`(
    redundancy: String
  ) throws {
    var vault = RedundantVault(
      redundancy, snapshots: true, secondaries: redundancy == "grs" ? 2 : 0,
      seededFor: "lone stores of \(redundancy)")
    for machine in ["m", "n", "m"] { try vault.takeDay(machine) }
    if redundancy == "grs" { vault.kluis("replicate").expect(0) }
    for store in vault.stores + [vault.kluis.vault] { takeAway(store) }
    let moved = vault.kluis.path("moved")
    for store in vault.stores {
      for place in [store, moved] {
        rename("\(store).away", place)
        let listed = try vault.listedPoints("--vault", place, statuses: [3])
        #expect(listed == vault.points)
        vault.kluis("verify", "--vault", place).expect(3, saying: "3 points")
        vault.expectAllRestore("--vault", place, statuses: [3])
        vault.kluis("show", "n", "--vault", place).expect(3)
        vault.kluis("stats", "--vault", place).expect(3)
        rename(place, "\(store).away")
      }
    }
  }

  @Test func `a store of another vault is not taken for a copy`() throws {
    var vault = RedundantVault("lrs", seededFor: "stranger")
    try vault.takeDay()
    var other = RedundantVault("lrs", seededFor: "the stranger")
    try other.takeDay()
    destroy(vault.copies[0])
    run("cp", "-r", other.copies[0], vault.copies[0])
    let before = files(under: vault.copies[0])
    vault.expectAllRestore(statuses: [3])
    vault.kluis("backup", "m").expect(1, saying: "another vault")
    _ = try vault.scrub("--repair", statuses: [3])
    #expect(files(under: vault.copies[0]) == before)
  }
}
