import Glibc
import Testing

/// What a stranger, or a failing disk, can do to the objects of an encrypted vault: in one copy it
/// is healed, in all it is named, and wrong bytes never come out.
@Suite struct SealedDamageTests {
  /// A kind of object, as its place in a store begins and ends.
  enum Class: String, CaseIterable {
    case pack = "packs/"
    case segment = "index/"
    case point = "points/"
    case machine = "machines/"
    case descriptor = "vault.json"
  }

  enum Attack: String, CaseIterable {
    case flipped, truncated, swapped, replayed
  }

  /// Four points of two machines, and what an older state of the vault looked like.
  private func makeVault(
    _ test: String, _ redundancy: String
  ) throws -> (vault: RedundantVault, older: String) {
    var vault = RedundantVault(redundancy, encrypted: true, seededFor: test)
    for machine in ["m", "n"] { try vault.takeDay(machine, byteCount: 1 << 20) }
    let older = vault.kluis.path("older")
    run("cp", "-a", vault.copies[0], older)
    let key = vault.kluis.makeKeyFile("second.key")
    vault.kluis("key", "add", "--new-key-file", key, "--label", "later").expect(0)
    for machine in ["m", "n"] { try vault.takeDay(machine, byteCount: 1 << 20) }
    return (vault, older)
  }

  /// Does to objects of a class what an attack is; the same in each of `stores`.
  /// - Returns: the objects that are not what was written any more.
  private func attack(
    _ vault: inout RedundantVault, _ kind: Class, _ attack: Attack, in stores: [String],
    older: String
  ) -> [String] {
    let all = vault.places(kind.rawValue, in: stores[0])
    let names = all.shuffled(using: &vault.random)
    let first = names[0]
    // A descriptor changes in place; of all else an older one has another name.
    let old = files(under: older).filter { $0.hasPrefix(kind.rawValue) }
    switch attack {
    case .flipped, .truncated:
      let byteCount = fileSize("\(stores[0])/\(first)")
      let place = Int.random(in: 0..<byteCount, using: &vault.random)
      for store in stores {
        if attack == .flipped { flipBit(in: "\(store)/\(first)", at: place) }
        if attack == .truncated { ImageFile("\(store)/\(first)").resize(place) }
      }
      return [first]
    case .swapped where names.count > 1:
      for store in stores {
        run("mv", "\(store)/\(first)", "\(store)/\(names[1])~")
        run("mv", "\(store)/\(names[1])", "\(store)/\(first)")
        run("mv", "\(store)/\(names[1])~", "\(store)/\(names[1])")
      }
      return [first, names[1]]
    case .swapped, .replayed:
      let newer = all.first { !old.contains($0) } ?? first
      let from = old.first { $0 != newer } ?? old[0]
      for store in stores { run("cp", "\(older)/\(from)", "\(store)/\(newer)") }
      return [newer]
    }
  }

  @Test(arguments: Class.allCases)
  func `what happens to one copy is healed from the others`(kind: Class) throws {
    var (vault, older) = try makeVault("one copy, \(kind)", "lrs")
    for attack in Attack.allCases {
      let copy = vault.copies.randomElement(using: &vault.random)!
      let harmed = self.attack(&vault, kind, attack, in: [copy], older: older)
      vault.kluis("points").expect(0, 3, saying: vault.points[3])
      vault.expectAllRestore(statuses: [0, 3])
      let outcome = vault.kluis("scrub", "--repair").expect(0, 3)
      vault.expectEqualCopies()
      #expect(try vault.scrub().problems.isEmpty, "\(attack) \(harmed)\n\(outcome)")
      #expect(try vault.kluis.keySlots().count == 2, "\(attack)")
    }
    try vault.takeDay("m", byteCount: 1 << 20)
    vault.expectAllRestore()
  }

  @Test(arguments: Class.allCases)
  func `what happens to all copies is named, and never gives wrong bytes`(kind: Class) throws {
    var (vault, older) = try makeVault("all copies, \(kind)", kind == .pack ? "single" : "lrs")
    let (copies, whole) = (vault.copies, vault.kluis.path("whole"))
    run("mkdir", whole)
    for copy in copies { run("cp", "-a", copy, whole) }
    for attack in Attack.allCases {
      let harmed = self.attack(&vault, kind, attack, in: copies, older: older)
      for command in [["points"], ["verify"], ["scrub"], ["show", "m"]] {
        expectHonest(vault.kluis.run(command), harmed)
      }
      for day in vault.days {
        let target = vault.kluis.path("target.img")
        let outcome = vault.kluis("restore", "disk", day.point, "--to", target)
        expectHonest(outcome, harmed)
        if outcome.status != 1 { #expect(haveSameBytes(target, day.image), "\(outcome)") }
        #expect(outcome.status != 1 || access(target, F_OK) != 0, "\(outcome)")
        unlink(target)
      }
      for copy in copies { destroy(copy) }
      run("cp", "-a", "\(whole)/.", vault.kluis.scratch.path)
      vault.kluis("verify").expect(0)
    }
  }

  private func expectHonest(
    _ outcome: Outcome, _ harmed: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    outcome.expect(0, 1, 3, sourceLocation: sourceLocation)
    if outcome.status != 1 { return }
    // A point is known by its path, by its id, or by that of a chunk that it needs.
    let names = ["pack ", "packs/", "index", "machines/", "points/", "point ", "vault.json"]
    #expect(
      names.contains { outcome.errors.contains($0) }, "\(harmed)\n\(outcome)",
      sourceLocation: sourceLocation)
  }

  @Test func `an older point under a newer one's name is refused by name`() throws {
    let (vault, _) = try makeVault("replayed point", "single")
    let store = vault.copies[0]
    let days = vault.days.filter { $0.point.hasPrefix("m@") }
    let files = days.map { day in
      objects(in: store, "points/").first {
        $0.hasSuffix("/\(day.point.dropFirst(2)).json")
      }!
    }
    run("cp", files[0], files[1])
    vault.kluis("restore", "disk", days[1].point, "--to", "target.img")
      .expect(1, saying: "put under another name")
    let newest = vault.kluis("restore", "disk", "m", "--to", "target.img")
    newest.expect(1, saying: days[1].point)
    #expect(access(vault.kluis.path("target.img"), F_OK) != 0)
    vault.kluis("scrub").expect(1, saying: "lost: ")
    vault.expect(days[0], statuses: [3])
  }

  @Test func `a descriptor that is forged is not believed`() throws {
    for (what, with) in [
      ("\"compression\" : \"zstd:1\"", "\"compression\" : \"none\""),
      ("\"label\" : \"later\"", "\"label\" : \"mine\""),
      ("\"revision\" : 2", "\"revision\" : 2000"), ("\"logN\" : 16", "\"logN\" : 30"),
    ] {
      let (vault, _) = try makeVault("forged \(what)", "lrs")
      let typed = vault.kluis.makePassphraseFile("pass.txt", "typed")
      vault.kluis("key", "add", "--new-passphrase-file", typed).expect(0)
      let places = vault.copies + [vault.kluis.vault]
      let original = readBytes("\(places[0])/vault.json")
      let text = String(decoding: original, as: UTF8.self)
        .replacing("\"revision\" : 3", with: "\"revision\" : 2000")
      #expect(text.contains(what) || what.contains("revision"), "\(text)")
      let forged = text.replacing(what, with: with)

      forge(forged, in: places[1])
      let outcome = vault.kluis("points").expect(3, saying: places[1])
      #expect(readBytes("\(places[1])/vault.json") == original, "\(outcome)")
      vault.kluis("points").expect(0)
      for place in places { forge(forged, in: place) }
      let refused = vault.kluis("points").expect(1, saying: "vault.json")
      #expect(refused.output.isEmpty, "\(refused)")
    }
  }

  @Test func `a vault that pretends not to be encrypted is not believed`() throws {
    let (vault, _) = try makeVault("pretending", "lrs")
    let places = vault.copies + [vault.kluis.vault]
    let plain = String(decoding: readBytes("\(places[0])/vault.json"), as: UTF8.self)
      .replacing(#/  "encryption" : \{(?s:.*?)\n  \},\n/#, with: "")
      .replacing("hmac-sha256", with: "sha256").replacing("\"format\" : 3", with: "\"format\" : 2")
      .replacing("\"revision\" : 2", with: "\"revision\" : 99")
      .replacing(
        "\"averageByteCount\" : 65536",
        with: "\"averageByteCount\" : 65536, \"seed\" : \"\(String(repeating: "a", count: 64))\"")
    forge(plain, in: places[2])
    let disk = ["--disk", "root=\(vault.image(of: "m"))"]
    for place in places {
      let outcome = vault.withoutKey.run(["backup", "m", "--vault", place] + disk)
      outcome.expect(1, saying: needsKey)
    }
    vault.kluis("backup", "m", "--vault", places[2]).expect(3, saying: places[2])
    vault.kluis("verify").expect(0)
    vault.expectEqualCopies()

    for place in places { forge(plain, in: place) }
    for command in [["points"], ["backup", "m"] + disk, ["scrub", "--repair"]] {
      vault.kluis.run(command).expect(1, saying: "says that it is not encrypted")
    }
  }

  /// Writes both descriptors of a store anew, with the digest that fits: see `CheckedDocument`.
  private func forge(_ text: String, in store: String) {
    let (head, middle) = ("{\n\"body\":", ",\n\"sha256\":\"")
    let end = text.firstRange(of: middle)!.lowerBound
    let body = String(text[text.index(text.startIndex, offsetBy: head.count)..<end])
    writeBytes(Array(body.utf8), to: "\(store)/vault.body")
    let digest = run("sha256sum", "\(store)/vault.body").prefix(64)
    unlink("\(store)/vault.body")
    for name in ["vault.json", "vault.copy.json"] {
      writeBytes(Array("\(head)\(body)\(middle)\(digest)\"\n}\n".utf8), to: "\(store)/\(name)")
    }
  }
}
