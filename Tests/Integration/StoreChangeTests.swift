import Glibc
import Testing

/// Copies that are added, replaced and let go.
@Suite struct StoreChangeTests {
  private func makeVault(
    _ redundancy: String, _ test: String, snapshots: Bool = false
  ) throws -> RedundantVault {
    var vault = RedundantVault(
      redundancy, snapshots: snapshots, secondaries: redundancy == "grs" ? 1 : 0, seededFor: test)
    for machine in ["m", "n", "m"] { try vault.takeDay(machine) }
    return vault
  }

  /// Backs a machine up again and again until `others` have ended.
  private func backUp(_ vault: inout RedundantVault, beside other: RunningProgram) throws {
    repeat {
      let copy = vault.change("m", byteCount: 3 << 20)
      let backup = vault.kluis("backup", "m", "--json").expect(0, 3)
      vault.note(try #require(JSONValue(backup.output)["id"].text, "\(backup)"), copy)
    } while other.isRunning
  }

  @Test func `a copy that is added holds what the others hold`() throws {
    var vault = try makeVault("lrs", "adding")
    let fourth = vault.kluis.path("fourth")
    vault.kluis("add-copy", fourth).expect(0, saying: fourth)
    vault.expectEqualCopies(vault.copies + [fourth])
    try vault.takeDay()
    vault.expectEqualCopies(vault.copies + [fourth])
    (vault.copies + [vault.kluis.vault]).forEach(takeAway)
    vault.expectAllRestore("--vault", fourth, statuses: [3])
  }

  @Test func `a copy is added to the secondary region`() throws {
    var vault = try makeVault("grs", "adding far")
    vault.kluis("replicate").expect(0)
    let second = vault.kluis.path("far-second")
    vault.kluis("add-copy", second, "--tier", "secondary").expect(0)
    try vault.takeDay()
    vault.kluis("replicate").expect(0)
    vault.kluis("scrub").expect(0)
    for store in vault.copies + vault.secondaries + [vault.kluis.vault] { destroy(store) }
    vault.expectAllRestore("--vault", second, statuses: [3])
  }

  @Test func `copies are added and replaced while backups go on`() throws {
    for round in 0..<3 {
      var vault = try makeVault("lrs", "beside backups, \(round)", snapshots: round == 1)
      let (fourth, fifth) = (vault.kluis.path("fourth"), vault.kluis.path("fifth"))
      for command in [["add-copy", fourth], ["replace-copy", vault.copies[0], fifth]] {
        let running = vault.kluis.start(command)
        usleep(.random(in: 0..<20_000, using: &vault.random))
        try backUp(&vault, beside: running)
        running.wait().expect(0, 3)
      }
      try vault.takeDay(statuses: [0, 3])
      let now = [vault.copies[1], vault.copies[2], fourth, fifth]
      vault.expectEqualCopies(now)
      _ = try vault.scrub()
      if let snapshots = vault.snapshots { destroy(snapshots) }
      for store in now {
        now.filter { $0 != store }.forEach(takeAway)
        vault.expectAllRestore("--vault", store, statuses: [3])
        now.filter { $0 != store }.forEach(bringBack)
      }
    }
  }

  @Test(arguments: ["removed", "emptied", "damaged", "alive"])
  func `a copy is replaced, be it dead or alive`(state: String) throws {
    var vault = try makeVault("lrs", "replacing, \(state)")
    let (old, new) = (vault.copies[1], vault.kluis.path("new"))
    switch state {
    case "removed": destroy(old)
    case "emptied":
      destroy(old)
      mkdir(old, 0o755)
    case "damaged":
      flipBits(inPacksOf: old, &vault.random)
      destroy("\(old)/index")
    default: break
    }
    let replaced = vault.kluis("replace-copy", old, new).expect(0, 3, saying: new)
    // A store that is gone is why it is replaced, and nothing to warn of.
    if state != "damaged" { replaced.expect(0) }
    let now = [vault.copies[0], new, vault.copies[2]]
    vault.expectEqualCopies(now)
    try vault.takeDay()
    vault.expectEqualCopies(now)
    _ = try vault.scrub()
    [vault.copies[0], vault.copies[2], vault.kluis.vault].forEach(takeAway)
    if state == "alive" { takeAway(old) }
    vault.expectAllRestore("--vault", new, statuses: [3])
  }

  @Test func `a copy whose disk was swapped for an empty one is made anew in its place`() throws {
    var vault = try makeVault("lrs", "same place")
    destroy(vault.copies[1])
    mkdir(vault.copies[1], 0o755)
    vault.kluis("backup", "m").expect(1, saying: "replace-copy")
    vault.kluis("replace-copy", vault.copies[1], vault.copies[1]).expect(0, 3)
    vault.expectEqualCopies()
    try vault.takeDay()
    vault.expectEqualCopies()
    _ = try vault.scrub()
  }

  @Test func `a snapshot tier that is lost begins anew, and heals the vault tier as before`() throws
  {
    var vault = try makeVault("lrs", "new snapshot tier", snapshots: true)
    destroy(vault.snapshots!)
    let near = vault.kluis.path("near-2")
    vault.kluis("backup", "m").expect(1, saying: vault.snapshots!)
    vault.kluis("replace-copy", vault.snapshots!, near).expect(0, 3, saying: near)
    vault.expectAllRestore()
    let point = try vault.takeDay()
    #expect(vault.tiers(of: point) == "snapshot+vault")
    vault.expect(vault.days[3], ["--tier", "snapshot"])
    // Its packs are others than those of the vault tier, which had most of this before.
    let lost = try #require(packs(in: vault.copies[0]).max { fileSize($0) < fileSize($1) })
    for copy in vault.copies {
      flipBit(in: lost.replacing(vault.copies[0], with: copy), at: fileSize(lost) / 2)
    }
    let problems = try vault.scrub("--repair", statuses: [0, 1, 3]).problems
    #expect(problems.count == 3)
    vault.expectEqualCopies()
    vault.expect(vault.days[3], ["--tier", "vault"], statuses: [0, 3])
  }

  @Test func `a change that was made before is only brought up to date, and says so`() throws {
    var vault = try makeVault("lrs", "twice")
    let stores = vault.copies + [vault.kluis.path("fourth")]
    vault.kluis("add-copy", stores[3]).expect(0)
    destroy("\(stores[3])/index")
    for command in [
      ["add-copy", stores[3]], ["replace-copy", vault.kluis.path("gone"), stores[3]],
    ] {
      vault.kluis.run(command).expect(3, saying: "a store of this vault already")
      vault.expectEqualCopies(stores)
    }
    vault.kluis("convert", "--redundancy", "single").expect(0)
    let copies = ["--copy", "b", "--copy", "c"]
    for _ in 0..<2 { vault.kluis.run(["convert", "--redundancy", "lrs"] + copies).expect(0) }
    try vault.takeDay()
    vault.expectEqualCopies([stores[0], vault.kluis.path("b"), vault.kluis.path("c")])
    #expect(try vault.scrub().json["stores"].elements.count == 3)
  }

  @Test(arguments: ["add-copy", "replace-copy"])
  func `a change that is killed at any moment harms nothing, and goes on`(
    command: String
  ) throws {
    var killed = 0
    for round in 0..<8 {
      var vault = try makeVault("lrs", "killed \(command), \(round)")
      let new = vault.kluis.path("new")
      let arguments = [command] + (command == "add-copy" ? [new] : [vault.copies[0], new])
      let running = vault.kluis.start(arguments)
      usleep(.random(in: 0..<50_000, using: &vault.random))
      running.send(SIGKILL)
      let ended = running.wait()
      vault.expectAllRestore(statuses: [0, 3])
      try vault.takeDay(statuses: [0, 3])
      if ended.signal == SIGKILL {
        killed += 1
        vault.kluis.run(arguments).expect(0, 3)
      }
      let kept = command == "add-copy" ? vault.copies : Array(vault.copies.dropFirst())
      try vault.takeDay(statuses: [0, 3])
      vault.expectEqualCopies(kept + [new])
      vault.expectAllRestore(statuses: [0, 3])
      _ = try vault.scrub()
    }
    print("killed \(killed) of 8 runs of \(command)")
  }

  @Test func `a vault goes through every redundancy, and each point restores on the way`() throws {
    var vault = try makeVault("single", "conversions")
    let (b, c, far) = ("b", "c", "far")
    let steps = [
      (["lrs", "--copy", b, "--copy", c], [b, c]), (["zrs"], [b, c]),
      (["grs", "--secondary", far], [b, c, far]), (["lrs"], [b, c]), (["single"], []),
      (["lrs", "--copy", "d", "--copy", "e"], ["d", "e"]),
    ]
    for (options, expected) in steps {
      let outcome = vault.kluis.run(["convert", "--redundancy"] + options).expect(0)
      #expect(outcome.output.contains("redundancy \(options[0])"), "\(outcome)")
      try vault.takeDay()
      if options[0] == "grs" { vault.kluis("replicate").expect(0) }
      let stores = vault.copies + expected.map { vault.kluis.path($0) }
      let scrubbed = try vault.scrub().json["stores"].elements.compactMap { $0["store"].text }
      #expect(scrubbed == stores)
      vault.expectEqualCopies(stores.filter { !$0.hasSuffix("/far") })
      vault.expectAllRestore()
      for store in stores {
        let others = stores.filter { $0 != store }
        others.forEach(takeAway)
        vault.expectAllRestore("--vault", store, statuses: others.isEmpty ? [0] : [3])
        others.forEach(bringBack)
      }
    }
  }

  @Test func `a conversion that is killed at any moment goes on`() throws {
    var vault = try makeVault("single", "killed conversion")
    var single = true
    var killed = 0
    for _ in 0..<10 {
      let more = single ? ["lrs", "--copy", "b", "--copy", "c"] : ["single"]
      let command = ["convert", "--redundancy"] + more
      let running = vault.kluis.start(command)
      usleep(.random(in: 0..<60_000, using: &vault.random))
      running.send(SIGKILL)
      if running.wait().signal == SIGKILL { killed += 1 }
      vault.expectAllRestore(statuses: [0, 3])
      try vault.takeDay(statuses: [0, 3])
      vault.kluis.run(command).expect(0, 3)
      single.toggle()
      if single { for copy in ["b", "c"] { destroy(vault.kluis.path(copy)) } }
      vault.kluis("verify").expect(0)
    }
    print("killed \(killed) of 10 conversions")
    vault.expectAllRestore()
  }

  @Test func `what is let go keeps its files, and leads to the vault without being used`() throws {
    var vault = try makeVault("lrs", "letting go")
    let outcome = vault.kluis("convert", "--redundancy", "single").expect(0)
    for released in vault.copies.dropFirst() {
      #expect(outcome.output.contains("\(released) is no part of the vault any more"))
      #expect(packs(in: released).count == packs(in: vault.copies[0]).count)
    }
    let before = files(under: vault.copies[1])
    try vault.takeDay()
    #expect(files(under: vault.copies[1]) == before)
    #expect(try vault.listedPoints("--vault", vault.copies[1]) == vault.points)
    vault.expectAllRestore("--vault", vault.copies[1])
    vault.kluis("backup", "n", "--vault", vault.copies[2]).expect(0)
    #expect(files(under: vault.copies[1]) == before)
    let scrubbed = try vault.scrub("--vault", vault.copies[2]).json["stores"].elements
    #expect(scrubbed.compactMap { $0["store"].text } == [vault.copies[0]])
    vault.copies.dropFirst().forEach(destroy)
    vault.expectAllRestore()
    _ = try vault.scrub()
  }

  @Test func `a damaged copy is no reason to let the good ones go`() throws {
    var vault = try makeVault("lrs", "damaged and kept")
    flipBits(inPacksOf: vault.copies[0], &vault.random)
    vault.kluis("convert", "--redundancy", "single").expect(1, saying: "scrub --repair")
    vault.expectAllRestore(statuses: [0, 3])
    _ = try vault.scrub("--repair", statuses: [0, 3])
    vault.kluis("convert", "--redundancy", "single").expect(0)
    vault.copies.dropFirst().forEach(destroy)
    vault.expectAllRestore()
  }

  @Test(arguments: [
    (["add-copy", "copy-a/in"], "inside"), (["add-copy", "."], "inside"),
    (["add-copy", "full"], "not empty"), (["add-copy", "stranger/copy-1"], "not empty"),
    (["add-copy", "new", "--tier", "secondary"], "secondary"), (["add-copy", "file"], "file"),
    (["replace-copy", "nothing", "new"], "is no store of this vault"),
    (["replace-copy", "copy-a", "copy-b"], "named as two stores"),
    (["replace-copy", "copy-a", "copy-a"], "in use"),
    (["replace-copy", "copy-a", "copy-b/in"], "inside"),
    (["replace-copy", "copy-a", "full"], "not empty"),
    (["convert", "--redundancy", "grs"], "--secondary"),
    (["convert", "--redundancy", "grs", "--secondary", "copy-a"], "named as two stores"),
    (["convert", "--redundancy", "lrs", "--copy", "new"], "name 0"),
    (["convert", "--redundancy", "zrs", "--secondary", "far"], "only redundancy grs"),
  ])
  func `a change that makes no sense is refused, and the vault is as it was`(
    command: [String], wanted: String
  ) throws {
    let vault = try makeVault("lrs", "refusals")
    writeBytes([1], to: "\(vault.kluis.scratch.directory("full"))/notes")
    writeBytes([1], to: vault.kluis.path("file"))
    vault.kluis("init", "stranger").expect(0)
    let before = vault.copies.map { files(under: $0) }
    vault.kluis.run(command).expect(1, saying: wanted)
    #expect(vault.copies.map { files(under: $0) } == before)
    let scrubbed = try vault.scrub().json["stores"].elements.compactMap { $0["store"].text }
    #expect(scrubbed == vault.copies)
    vault.expectAllRestore()
  }
}
