import Glibc
import Testing

/// Key slots: who can open a vault.
@Suite struct KeyTests {
  /// An encrypted vault of three copies with two points.
  private func makeVault(_ test: String) throws -> RedundantVault {
    var vault = RedundantVault("lrs", encrypted: true, seededFor: test)
    for machine in ["m", "n"] { try vault.takeDay(machine, byteCount: 1 << 20) }
    return vault
  }

  /// What is stored, without the descriptors: no key slot may touch any of it.
  private func stored(in vault: RedundantVault) -> String {
    vault.copies.map { state(of: "\($0)/packs", "\($0)/index", "\($0)/points") }
      .joined(separator: "\n")
  }

  @Test func `a key file has 32 random bytes, is for its owner only, and replaces nothing`() {
    let kluis = Kluis(in: Scratch(inMemory: true))
    var made: Set<[UInt8]> = []
    for name in ["a.key", "b.key"] {
      kluis("key", "generate", name).expect(0, saying: "made key file \(name)")
      #expect(permissions(of: kluis.path(name)) == 0o600)
      made.insert(readBytes(kluis.path(name)))
    }
    #expect(made.count == 2 && made.allSatisfy { $0.count == 32 })
    kluis("key", "generate", "a.key").expect(1, saying: "it exists already")
    #expect(made.contains(readBytes(kluis.path("a.key"))))
    kluis("key", "generate", "no/such/place").expect(1, saying: "no/such/place cannot be written")
  }

  @Test func `keys that programs add at the same moment are all there then`() throws {
    let vault = try makeVault("at once")
    let kluis = vault.kluis
    let files = (0..<8).map { kluis.makeKeyFile("key-\($0)") }
    let running = files.map { kluis.start(["key", "add", "--new-key-file", $0]) }
    for program in running { program.wait().expect(0) }
    #expect(try kluis.keySlots().count == 9)
    for file in files { kluis.with(keyFile: file)("key", "check").expect(0) }
  }

  @Test func `slots are added and removed, and only those that are there open the vault`() throws {
    let vault = try makeVault("slots")
    let kluis = vault.kluis
    let before = stored(in: vault)
    let typed = kluis.makePassphraseFile("pass.txt", "typed")
    let second = kluis.makeKeyFile("second.key")
    kluis("key", "add", "--new-passphrase-file", typed, "--label", "laptop")
      .expect(0, saying: "added key slot")
    let added = try JSONValue(
      kluis.with(passphraseFile: typed)("key", "add", "--new-key-file", second, "--json")
        .expect(0).output)
    let slots = try kluis.keySlots()
    #expect(slots.map { $0["kind"].text } == ["key-file", "passphrase", "key-file"])
    #expect(slots.map { $0["label"].text } == [nil, "laptop", nil])
    #expect(slots[2]["id"].text == added["id"].text)
    #expect(slots[1]["scrypt"]["logN"].number == 16)
    let ids = try slots.map { try #require($0["id"].text) }
    let table = kluis.withoutKey("key", "list").expect(0, saying: "scrypt, 64.0 MiB  laptop")
    for id in ids { #expect(table.output.contains(id)) }

    let ways = [kluis, kluis.with(passphraseFile: typed), kluis.with(keyFile: second)]
    for (way, id) in zip(ways, ids) {
      way("key", "check").expect(0, saying: "opens key slot \(id)")
    }
    kluis("key", "remove", "00000000").expect(1, saying: "it has \(ids.joined(separator: ", "))")
    kluis("key", "remove", ids[1]).expect(0, saying: "removed key slot \(ids[1])")
    ways[2]("key", "remove", ids[0]).expect(0)
    #expect(try kluis.keySlots().compactMap { $0["id"].text } == [ids[2]])
    for way in ways[..<2] { for verb in ["points", "verify"] { way(verb).expect(1) } }
    ways[2]("key", "remove", ids[2]).expect(1, saying: "this is the last key slot")
    for day in vault.days { ways[2].expect(day.point, restores: day.image) }
    #expect(stored(in: vault) == before)
    vault.expectEqualCopies()
  }

  @Test func `after a rotation the old passphrase opens nothing, and no pack was rewritten`() throws
  {
    let vault = try makeVault("rotation")
    let kluis = vault.kluis
    let old = kluis.makePassphraseFile("old.txt", "old")
    let new = kluis.makePassphraseFile("new.txt", "new")
    kluis("key", "add", "--new-passphrase-file", old, "--label", "safe").expect(0)
    let before = stored(in: vault)
    let slots = try kluis.keySlots()
    let id = try #require(slots[1]["id"].text)
    kluis.with(passphraseFile: old)("key", "rotate", "--new-passphrase-file", new)
      .expect(0, saying: "key slot \(id) has a new passphrase now")
    for verb in ["points", "verify", "stats"] {
      kluis.with(passphraseFile: old)(verb).expect(1, saying: "opens none of the vault's 1 key")
    }
    for day in vault.days {
      kluis.with(passphraseFile: new).expect(day.point, restores: day.image)
    }
    // Another slot than that of the key which is given, and another kind.
    let key = kluis.makeKeyFile("new.key")
    let renewed = kluis.with(passphraseFile: new)(
      "key", "rotate", id, "--new-key-file", key, "--label", "vaulted", "--json")
    #expect(try JSONValue(renewed.expect(0).output)["label"].text == "vaulted")
    kluis.with(passphraseFile: new)("points").expect(1, saying: "no key slot for a passphrase")
    kluis.with(keyFile: key)("key", "check").expect(0, saying: "\(id) (key-file, vaulted)")
    kluis("points").expect(0)
    kluis("key", "rotate", "00000000", "--new-key-file", key).expect(1, saying: "no key slot")
    #expect(stored(in: vault) == before)
    vault.expectEqualCopies()
  }

  @Test(arguments: ["rotated", "removed"])
  func `a store that was away does not bring back a key that is`(gone: String) throws {
    let vault = try makeVault("brought back, \(gone)")
    let kluis = vault.kluis
    let second = kluis.makeKeyFile("second.key")
    let third = kluis.makeKeyFile("third.key")
    kluis("key", "add", "--new-key-file", second).expect(0)
    let id = try #require(try kluis.keySlots()[1]["id"].text)
    takeAway(vault.copies[2])
    let command =
      gone == "rotated" ? ["rotate", id, "--new-key-file", third] : ["remove", id]
    kluis.run(["key"] + command).expect(0, 3)
    bringBack(vault.copies[2])
    let slots = try kluis.keySlots().map { $0["id"].text }
    for place in [kluis.vault] + vault.copies {
      kluis.with(keyFile: second)("--vault", place, "points")
        .expect(1, saying: "opens none of the vault's")
    }
    #expect(try kluis.keySlots().map { $0["id"].text } == slots)
    // Whoever may open the vault brings the store up to date.
    kluis("points").expect(0, 3, saying: vault.points[0])
    for file in ["vault.json", "vault.copy.json"] {
      let found = vault.copies.map { readBytes("\($0)/\(file)") }
      #expect(found.allSatisfy { $0 == found[0] })
    }
    kluis.with(keyFile: second)("--vault", vault.copies[2], "points").expect(1)
    kluis("points").expect(0)
    if gone == "rotated" { kluis.with(keyFile: third)("points").expect(0) }
  }

  @Test func `keys that are changed while a copy is added stay as they were changed`() throws {
    for _ in 0..<10 {
      let vault = try makeVault("beside add-copy")
      let (kluis, fourth) = (vault.kluis, vault.kluis.path("fourth"))
      let second = kluis.makeKeyFile("second.key")
      kluis("key", "add", "--new-key-file", second).expect(0)
      let first = try #require(try kluis.keySlots()[0]["id"].text)
      let addition = kluis.start(["add-copy", fourth])
      _ = addition.wait { access("\(fourth)/vault.json", F_OK) == 0 }
      addition.send(SIGSTOP)
      let isOver = isFound(fourth, under: "\(vault.copies[0])/vault.json")
      if !isOver { kluis.with(keyFile: second)("key", "remove", first).expect(0, 3) }
      addition.send(SIGCONT)
      addition.wait().expect(0, 3)
      if isOver { continue }
      #expect(try kluis.keySlots().count == 1)
      kluis("points").expect(1, saying: "opens none")
      kluis.with(keyFile: second)("--vault", fourth, "points").expect(0)
      return
    }
    Issue.record("a copy was never added slowly enough")
  }

  @Test func `a slot that could never be opened is not added`() throws {
    let kluis = Kluis(encrypted: [])
    for number in 2...32 {
      let key = kluis.makeKeyFile("\(number).key")
      kluis("key", "add", "--new-key-file", key, "--quiet").expect(0)
    }
    kluis.with(keyFile: kluis.path("32.key"))("key", "check").expect(0)
    kluis("key", "add", "--new-key-file", kluis.makeKeyFile("33.key"))
      .expect(1, saying: "has no more than 32 key slots")
    #expect(try kluis.keySlots().count == 32)
  }

  @Test func `a recovery sheet opens a vault whose keys are all lost`() throws {
    let vault = try makeVault("sheet")
    let kluis = vault.kluis
    let sheet = kluis.path("sheet.txt")
    let printed = kluis("key", "export").expect(0, saying: "KLUIS RECOVERY SHEET").output
    kluis("key", "export", "--to", sheet).expect(0, saying: "print it, and delete the file")
    #expect(permissions(of: sheet) == 0o600)
    kluis("key", "export", "--to", sheet).expect(1, saying: "it exists already")
    let written = String(decoding: readBytes(sheet), as: UTF8.self)
    #expect(lines(of: written) == lines(of: printed) && lines(of: written).count == 4)
    unlink(kluis.keyFile)

    // As a person types it: in small letters, O for 0, without gaps, and nothing else.
    let typed = lines(of: written).map { line in
      let parts = line.lowercased().filter { $0 != " " }.split(separator: ":")
      return "\(parts[0]): \(parts[1].replacing("0", with: "o").replacing("1", with: "l"))"
    }
    writeBytes(Array(typed.joined(separator: "\n").utf8), to: kluis.path("typed.txt"))
    let new = kluis.makeKeyFile("new.key")
    kluis.withoutKey("key", "import", "typed.txt", "--new-key-file", new, "--label", "again")
      .expect(0, saying: "added key slot")
    #expect(try kluis.keySlots().map { $0["label"].text } == [nil, "again"])
    for day in vault.days { kluis.with(keyFile: new).expect(day.point, restores: day.image) }
  }

  /// The lines of a sheet that hold the key.
  private func lines(of sheet: String) -> [String] {
    sheet.split(separator: "\n").filter { $0.contains(/^ *[1-4]:/) }.map(String.init)
  }

  @Test func `a sheet that was mistyped says which line, and changes no slot`() throws {
    var vault = try makeVault("mistyped")
    let kluis = vault.kluis
    let good = lines(of: kluis("key", "export").expect(0).output)
    let other = Kluis(encrypted: [])
    let foreign = lines(of: other("key", "export").expect(0).output)
    var sheets = [
      (Array(good[..<3]), "the recovery sheet has no line 4"), ([], "no line 1, 2, 3, 4"),
      (foreign, "line 1 of the recovery sheet is mistyped, or the sheet is another vault's"),
    ]
    let swapped = [good[0], good[2], good[1], good[3]].enumerated().map { number, line in
      "\(number + 1)\(line.drop { $0 != ":" })"
    }
    sheets.append((swapped, "line 2 of the recovery sheet"))
    for number in 0..<4 {
      var changed = good
      var letters = Array(changed[number])
      let place = Int.random(in: 5..<letters.count, using: &vault.random)
      guard letters[place] != " " else { continue }
      letters[place] = letters[place] == "7" ? "8" : "7"
      changed[number] = String(letters)
      sheets.append((changed, "line \(number + 1) of the recovery sheet is mistyped"))
    }
    let before = state(of: kluis.vault, vault.copies[0])
    for (lines, message) in sheets {
      let text = "A sheet\n" + lines.joined(separator: "\n")
      writeBytes(Array(text.utf8), to: kluis.path("typed.txt"))
      kluis.withoutKey("key", "import", "typed.txt", "--new-key-file", kluis.keyFile)
        .expect(1, saying: message)
    }
    #expect(state(of: kluis.vault, vault.copies[0]) == before)
  }

  @Test func `a sheet that anything may have happened to gives the key or an error`() throws {
    var vault = try makeVault("sheets")
    let kluis = vault.kluis
    let sheet = Array(kluis("key", "export").expect(0).output.utf8)
    let new = kluis.makeKeyFile("new.key")
    for _ in 0..<60 {
      var bytes = sheet
      for _ in 0..<Int.random(in: 1...3, using: &vault.random) {
        let place = Int.random(in: 0..<bytes.count, using: &vault.random)
        switch Int.random(in: 0..<3, using: &vault.random) {
        case 0: bytes[place] = .random(in: .min ... .max, using: &vault.random)
        case 1: bytes.removeSubrange(place..<min(place + 9, bytes.count))
        default: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
        }
      }
      writeBytes(bytes, to: kluis.path("typed.txt"))
      kluis.withoutKey("key", "import", "typed.txt", "--new-key-file", new)
        .expect(0, 1, saying: "")
    }
    // Whatever was taken for the key was the key: each slot that was made opens the vault.
    kluis.with(keyFile: new)("key", "check").expect(try kluis.keySlots().count > 1 ? 0 : 1)
    vault.expectAllRestore()
  }
}
