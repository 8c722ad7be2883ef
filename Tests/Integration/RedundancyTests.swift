import Glibc
import Testing

/// Making vaults with copies, and what a write needs.
@Suite struct RedundancyTests {
  @Test func `a vault has three equal copies unless it is told otherwise`() throws {
    let kluis = Kluis(in: Scratch(inMemory: true))
    kluis("init", kluis.vault).expect(0, saying: "redundancy lrs")
    var random = seededGenerator("default redundancy")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 2 << 20, &random)
    let point = try kluis.backUp("m", image)
    kluis.expect(point, restores: image)
    let copies = (1...3).map { "\(kluis.vault)/copy-\($0)" }
    for copy in copies {
      #expect(!packs(in: copy).isEmpty)
      #expect(run("diff", "--recursive", "--brief", copies[0], copy).isEmpty)
    }
  }

  @Test func `copies lie where they are told to, with the vault's own directory as the first`()
    throws
  {
    let kluis = Kluis(in: Scratch(inMemory: true))
    let (a, b) = (kluis.path("a"), kluis.path("b"))
    kluis("init", kluis.vault, "--copy", a, "--copy", b).expect(0)
    var random = seededGenerator("own directory")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 2 << 20, &random)
    _ = try kluis.backUp("m", image)
    for copy in [a, b] { #expect(run("diff", "-rq", kluis.vault, copy).isEmpty) }
  }

  @Test(arguments: [
    (["--copy", "a", "--copy", "a", "--copy", "b"], "/a is named as two stores"),
    (["--copy", "a", "--copy", "b", "--copy", "./a/"], "/a is named as two stores"),
    (["--copy", "a", "--copy", "b", "--copy", "b/../a"], "/a is named as two stores"),
    (["--copy", "a", "--copy", "b", "--copy", "link"], "/a is named as two stores"),
    (["--copy", "new", "--copy", "b", "--copy", "here/new"], "/new is named as two stores"),
    (["--copy", "a", "--copy", "a/b", "--copy", "c"], "inside one another"),
    (["--copy", "a/b/c", "--copy", "a", "--copy", "c"], "inside one another"),
    (["--copy", "a", "--copy", "b", "--copy", "link/deep/er"], "inside one another"),
    (["--copy", "a", "--copy", "b", "--snapshots", "a"], "is named as two stores"),
    (["--copy", "a", "--copy", "b", "--copy", "c", "--snapshots", "link/s"], "inside one"),
    (["--copy", "a", "--copy", "b", "--copy", "."], "inside"),
    (["--redundancy", "single", "--snapshots", "vault"], "is named as two stores"),
    (["--redundancy", "grs", "--secondary", "far", "--secondary", "far"], "two stores"),
    (["--redundancy", "grs", "--secondary", "vault/copy-2"], "is named as two stores"),
    (["--redundancy", "grs"], "--secondary"),
    (["--redundancy", "lrs", "--secondary", "far"], "--redundancy grs"),
    (["--redundancy", "single", "--secondary", "far"], "--redundancy grs"),
    (["--redundancy", "zrs", "--secondary", "far"], "--redundancy grs"),
    (["--copy", "b"], "keeps 3 copies, and --copy names 1"),
    (["--copy", "b", "--copy", "c", "--copy", "d", "--copy", "e"], "--copy names 4"),
    (["--redundancy", "single", "--copy", "b", "--copy", "c"], "keeps 1 copy"),
  ])
  func `stores that guard against nothing are refused, and nothing is made`(
    options: [String], wanted: String
  ) {
    let kluis = Kluis(in: Scratch(inMemory: true))
    _ = kluis.scratch.directory("a")
    symlink("a", kluis.path("link"))
    symlink(".", kluis.path("here"))
    kluis.run(["init", "vault"] + options).expect(1, 64, saying: wanted)
    #expect(files(under: kluis.scratch.path).isEmpty)
    #expect(access(kluis.vault, F_OK) != 0)
    kluis("init", "vault").expect(0)
  }

  @Test func `more than three stores of a secondary region are refused`() {
    let kluis = Kluis(in: Scratch(inMemory: true))
    let far = (0..<4).flatMap { ["--secondary", "far-\($0)"] }
    kluis.run(["init", "vault", "--redundancy", "grs"] + far).expect(1, 64, saying: "one to three")
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `a directory that is mounted under a second name is no second copy`() {
    let kluis = Kluis(in: Scratch(inMemory: true))
    let (a, b) = (kluis.scratch.directory("a"), kluis.scratch.directory("b"))
    run("mount", "--bind", a, b)
    defer { run("umount", b) }
    kluis("init", "vault", "--copy", a, "--copy", b).expect(64, saying: "is named as two stores")
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `copies that share a file system are warned of, others are not`() {
    let kluis = Kluis(in: Scratch(inMemory: true))
    let disks = ["x", "y", "z"].map { kluis.scratch.mountMemory($0, byteCount: 8 << 20) }
    let apart = disks.flatMap { ["--copy", "\($0)/vault"] }
    let made = kluis.run(["init", "vault"] + apart).expect(0)
    #expect(!made.text.contains("share a file system"), "\(made)")
    let together = ["--copy", "\(disks[0])/v2", "--copy", "\(disks[0])/v3"]
    let warned = kluis.run(["init", "\(disks[1])/v1"] + together)
      .expect(0, saying: "\(disks[0])/v2, \(disks[0])/v3 share a file system")
    #expect(!warned.errors.contains(disks[1]), "\(warned)")
  }

  @Test(arguments: ["lrs", "grs"])
  func `with a copy gone nothing is written, and the copy is named`(redundancy: String) throws {
    var vault = RedundantVault(
      redundancy, secondaries: redundancy == "grs" ? 1 : 0, seededFor: "\(redundancy) writes")
    try vault.takeDay()
    let (gone, left) = (vault.copies[1], vault.copies[2])
    takeAway(gone)
    let before = files(under: left)
    let image = vault.change("m", byteCount: 3 << 20)
    vault.kluis("backup", "m").expect(1, saying: gone)
    #expect(files(under: left) == before)
    #expect(try vault.listedPoints(statuses: [3]) == vault.points)
    vault.expectAllRestore(statuses: [3])

    bringBack(gone)
    let outcome = vault.kluis("backup", "m", "--json").expect(0)
    vault.note(try #require(JSONValue(outcome.output)["id"].text), image)
    vault.expectEqualCopies()
    vault.expectAllRestore()
  }

  @Test func `zrs writes with one zone away, and catches it up when it is back`() throws {
    var vault = RedundantVault("zrs", seededFor: "zrs")
    try vault.takeDay()
    for zone in vault.copies {
      takeAway(zone)
      try vault.takeDay(statuses: [3])
      try vault.takeDay("n", statuses: [3])
      vault.expectAllRestore(statuses: [3])
      bringBack(zone)
      let outcome = vault.kluis("backup", "m", "--json").expect(3)
      #expect(outcome.errors.contains(zone) && outcome.errors.contains("caught up"), "\(outcome)")
      vault.expectEqualCopies()
    }
    vault.kluis("backup", "m").expect(0)
    vault.expectAllRestore()
    for zone in vault.copies {
      let others = vault.copies.filter { $0 != zone }
      others.forEach(takeAway)
      vault.expectAllRestore("--vault", zone, statuses: [3])
      others.forEach(bringBack)
    }
  }

  @Test func `zrs refuses to write to one zone alone, and names the two others`() throws {
    var vault = RedundantVault("zrs", seededFor: "zrs alone")
    try vault.takeDay()
    vault.copies.dropFirst().forEach(takeAway)
    let before = files(under: vault.copies[0])
    let outcome = vault.kluis("backup", "m").expect(1)
    for gone in vault.copies.dropFirst() { #expect(outcome.errors.contains(gone), "\(outcome)") }
    #expect(files(under: vault.copies[0]) == before)
    vault.expectAllRestore(statuses: [3])
  }

  @Test func `a zone that missed writes is caught up by scrub as well`() throws {
    var vault = RedundantVault("zrs", seededFor: "zrs scrub")
    try vault.takeDay()
    takeAway(vault.copies[0])
    try vault.takeDay(statuses: [3])
    bringBack(vault.copies[0])
    let missing = try vault.scrub(statuses: [3]).problems
    #expect(!missing.isEmpty)
    #expect(missing.allSatisfy { $0.kind == "missing" && $0.store == vault.copies[0] })
    _ = try vault.scrub("--repair", statuses: [3])
    vault.expectEqualCopies()
    #expect(try vault.scrub().problems.isEmpty)
  }

  @Test(
    .enabled(if: canMount, "needs the right to mount a file system"), arguments: ["lrs", "zrs"])
  func `a copy that fills up while it is written to is told, and level again with more room`(
    redundancy: String
  ) throws {
    let kluis = Kluis(in: Scratch(inMemory: true))
    let disk = kluis.scratch.mountMemory("disk", byteCount: 8 << 20)
    let (small, other) = ("\(disk)/store", kluis.path("other"))
    kluis("init", kluis.vault, "--redundancy", redundancy, "--copy", other, "--copy", small)
      .expect(0)
    var random = seededGenerator("full copy, \(redundancy)")
    let images = ["a", "b"].map { kluis.path("\($0).img") }
    makeImage(images[0], byteCount: 2 << 20, &random)
    makeImage(images[1], byteCount: 9 << 20, &random)
    let first = try kluis.backUp("a", images[0])
    let outcome = kluis("backup", "b", "--disk", "root=\(images[1])")
    outcome.expect(redundancy == "lrs" ? 1 : 3, saying: small)
    kluis.expect(first, restores: images[0], statuses: [0, 3])
    if redundancy == "lrs" {
      kluis("points", "b").expect(0, saying: "no recovery points")
    } else {
      kluis.expect("b", restores: images[1], statuses: [0, 3])
    }
    run("mount", "-o", "remount,size=\(64 << 20)", disk)
    kluis("backup", "b", "--disk", "root=\(images[1])").expect(0, 3)
    for store in [other, small] { #expect(run("diff", "-rq", kluis.vault, store).isEmpty) }
    kluis("scrub").expect(0)
    kluis.expect("b", restores: images[1])
  }

  @Test(.enabled(if: canMount, "needs the right to mount a file system"))
  func `a read-only copy is read from, and stops writing where all copies must have it`() throws {
    let kluis = Kluis(in: Scratch(inMemory: true))
    let disk = kluis.scratch.mountMemory("disk", byteCount: 16 << 20)
    let store = "\(disk)/store"
    kluis("init", store, "--copy", kluis.path("b"), "--copy", kluis.path("c")).expect(0)
    var random = seededGenerator("read-only copy")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 2 << 20, &random)
    let place: [String: String?] = ["KLUIS_VAULT": store]
    kluis.run(["backup", "m", "--disk", "root=\(image)"], environment: place).expect(0)
    run("mount", "-o", "remount,ro", disk)
    for command in ["points", "verify", "scrub"] {
      kluis.run([command], environment: place).expect(0)
    }
    for lone in ["b", "c"].map(kluis.path) { takeAway(lone) }
    kluis.run(["restore", "disk", "m", "--to", kluis.path("r.img")], environment: place).expect(3)
    #expect(haveSameBytes(kluis.path("r.img"), image))
    for lone in ["b", "c"].map(kluis.path) { bringBack(lone) }
    ImageFile(image).writeNoise(at: 0, count: 1 << 20, &random)
    kluis.run(["backup", "m"], environment: place).expect(1, saying: store)
    let points = kluis.run(["points", "--json"], environment: place).expect(0, 3).output
    #expect(try JSONValue(points).elements.count == 1)
  }
}
