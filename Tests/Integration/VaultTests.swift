import Glibc
import Testing

/// Vaults that are none, and vaults that were moved, shared or half lost.
@Suite struct VaultTests {
  let kluis = Kluis()

  private func makeNoise(_ name: String, _ byteCount: Int, _ random: inout SeededGenerator)
    -> String
  {
    let image = kluis.path(name)
    makeImage(image, byteCount: byteCount, &random)
    return image
  }

  @Test func `what is not a vault is told from one`() {
    let empty = kluis.scratch.directory("empty")
    kluis("points", "--vault", empty).expect(1, saying: "\(empty) is not a vault")
    kluis("points", "--vault", kluis.path("nothing")).expect(1, saying: "is not a vault")
    let file = kluis.path("file")
    writeBytes([1], to: file)
    kluis("points", "--vault", file).expect(1, saying: "\(file) is not a directory")
    kluis("backup", "m", "--disk", "a=\(file)", "--vault", empty).expect(1, saying: "not a vault")
  }

  @Test func `a store that has lost what says what it is leads to the others, or says so`() throws {
    let image = kluis.path("a.img")
    writeBytes([1, 2, 3], to: image)
    let vault = kluis.path("three")
    kluis("init", vault).expect(0)
    kluis("backup", "m", "--disk", "root=\(image)", "--vault", vault).expect(0)
    let lone = kluis.path("lone")
    run("cp", "-r", "\(vault)/copy-2", lone)
    for spoil in ["rm", "truncate -s 0"] {
      for store in ["\(vault)/copy-2", lone] {
        run("sh", "-c", "\(spoil) \(store)/vault.json \(store)/vault.copy.json")
      }
      let found = kluis("points", "--vault", "\(vault)/copy-2").expect(3, saying: "m@")
      #expect(found.errors.contains("vault.json"), "\(found)")
      run("rm", "-f", "\(lone)/vault.copy.json")
      let lost = kluis("points", "--vault", lone).expect(1, saying: "name another store")
      #expect(lost.errors.split(separator: "\n").count == 1, "\(lost)")
      run("cp", "\(vault)/copy-1/vault.json", "\(vault)/copy-2/vault.json")
      run("cp", "\(vault)/copy-1/vault.json", "\(lone)/vault.json")
      run("cp", "\(vault)/copy-1/vault.json", "\(lone)/vault.copy.json")
    }
  }

  @Test func `a vault is not made where something lies already`() {
    kluis("init", kluis.vault).expect(1)
    kluis("init", kluis.vault, "--redundancy", "single").expect(1, saying: "not empty")
    let file = kluis.path("file")
    writeBytes([1], to: file)
    kluis("init", file, "--redundancy", "single").expect(1, saying: "\(file) is not a directory")
    kluis("init", file).expect(1, saying: "\(file) is not a directory")
    kluis("init", "/proc/none/vault", "--redundancy", "single").expect(1, saying: "/proc/none")
    let empty = kluis.scratch.directory("empty")
    kluis("init", empty, "--redundancy", "single").expect(0)
    kluis("init", kluis.path("deep/er/vault"), "--redundancy", "single").expect(0)
  }

  @Test func `a vault of a newer format is not touched`() {
    let path = kluis.path("vault/vault.json")
    let text = String(decoding: readBytes(path), as: UTF8.self)
    let newer = text.replacing("\"format\" : 2", with: "\"format\" : 4")
    writeBytes(Array(resealed(newer).utf8), to: path)
    for command in [["points"], ["verify"], ["rebuild-index"]] {
      kluis.run(command).expect(1, saying: "format 4")
    }
  }

  /// A checked document with the digest that its changed body has.
  private func resealed(_ document: String) -> String {
    let head = "{\n\"body\":"
    let middle = ",\n\"sha256\":\""
    let end = document.ranges(of: middle).last!.lowerBound
    let body = document[..<end].dropFirst(head.count)
    let copy = kluis.path("body")
    writeBytes(Array(body.utf8), to: copy)
    return "\(head)\(body)\(middle)\(run("sha256sum", copy).prefix(64))\"\n}\n"
  }

  @Test func `the copy of a vault is opened as itself, also where the original is`() throws {
    var random = seededGenerator("copy of a vault")
    let image = makeNoise("a.img", 2 << 20, &random)
    let point = try kluis.backUp("m", image)
    let copy = kluis.path("copy")
    run("cp", "-r", kluis.vault, copy)
    kluis("verify", "--vault", copy).expect(0)
    kluis("backup", "copied", "--disk", "root=\(image)", "--vault", copy).expect(0)
    kluis("points").expect(0, saying: point)
    #expect(!kluis("points").output.contains("copied"))
    run("rm", "-r", "\(copy)/packs")
    kluis("verify", "--vault", copy).expect(1)
    kluis("verify").expect(0)
    symlink(kluis.vault, kluis.path("link"))
    kluis("verify", "--vault", kluis.path("link")).expect(0)
  }

  @Test func `the copy of one store of several is told from the stores that are used`() throws {
    let vault = kluis.path("three")
    kluis("init", vault).expect(0)
    let copy = kluis.path("copy")
    run("cp", "-r", "\(vault)/copy-2", copy)
    kluis("points", "--vault", copy).expect(3, saying: "\(copy) is no store of this vault now")
    symlink("\(vault)/copy-2", kluis.path("link"))
    kluis("points", "--vault", kluis.path("link")).expect(0)
  }

  @Test func `a vault that was moved still opens`() throws {
    var random = seededGenerator("moved")
    let image = makeNoise("a.img", 2 << 20, &random)
    let point = try kluis.backUp("m", image)
    let moved = kluis.path("elsewhere")
    rename(kluis.vault, moved)
    let place: [String: String?] = ["KLUIS_VAULT": moved]
    kluis.run(["verify"], environment: place).expect(0)
    kluis.run(["backup", "m"], environment: place).expect(0)
    kluis.run(["restore", "disk", point, "--to", kluis.path("r.img")], environment: place).expect(0)
    #expect(haveSameBytes(kluis.path("r.img"), image))
    #expect(access(kluis.vault, F_OK) != 0)
  }

  @Test func `the index is made anew from the packs`() throws {
    var random = seededGenerator("rebuild")
    let image = makeNoise("a.img", 6 << 20, &random)
    let point = try kluis.backUp("m", image)
    run("rm", "-rf", kluis.path("vault/index"))
    kluis.expect(point, restores: image)
    kluis("rebuild-index").expect(0, saying: "vault tier")
    #expect(kluis.vaultFiles().contains { $0.hasPrefix("index/") })
    kluis("verify").expect(0)
    kluis.expect(point, restores: image)
    let again = kluis("backup", "m", "--json").expect(0)
    #expect(try JSONValue(again.output)["disks"][0]["newBytes"].number == 0)
  }

  @Test func `after a damaged pack, rebuild-index and a backup make a good point`() throws {
    var random = seededGenerator("heal")
    let image = makeNoise("a.img", 6 << 20, &random)
    _ = try kluis.backUp("m", image)
    let pack = try #require(largestPack())
    let byte = readBytes(pack)[3 << 20]
    ImageFile(pack).write([byte ^ 4], at: 3 << 20)
    kluis("verify").expect(1, saying: "damaged")
    kluis("rebuild-index").expect(3, saying: "are good")
    // The chunk is not stored again where the point before has it at the same place.
    let healed = try kluis.backUp("m", image)
    kluis.expect(healed, restores: image)
    kluis("verify").expect(0)
  }

  private func largestPack() -> String? {
    kluis.vaultFiles().filter { $0.hasPrefix("packs/") }.map { "\(kluis.vault)/\($0)" }
      .max { readBytes($0).count < readBytes($1).count }
  }

  @Test func `a pack that is gone is stored again by the next backup`() throws {
    var random = seededGenerator("lost pack")
    let image = makeNoise("a.img", 6 << 20, &random)
    let point = try kluis.backUp("m", image)
    unlink(try #require(largestPack()))
    kluis("verify").expect(1)
    kluis("backup", "m").expect(0, 3)
    kluis.expect("m", restores: image, statuses: [0, 3])
    kluis.expect(point, restores: image, statuses: [0, 3])
  }

  @Test func `two backups at once share a vault`() throws {
    var random = seededGenerator("two at once")
    let images = ["a", "b"].map { makeNoise("\($0).img", 24 << 20, &random) }
    for _ in 0..<3 {
      let running = zip(["a", "b"], images).map {
        kluis.start(["backup", $0, "--disk", "root=\($1)"])
      }
      for backup in running { backup.wait().expect(0, 3) }
      kluis("verify").expect(0)
      for (machine, image) in zip(["a", "b"], images) {
        kluis.expect(machine, restores: image)
        ImageFile(image).writeNoise(at: 4 << 20, count: 8 << 20, &random)
      }
    }
  }

  @Test func `two backups of one machine at once make two points`() throws {
    var random = seededGenerator("one machine twice")
    let image = makeNoise("a.img", 12 << 20, &random)
    let running = (0..<2).map { _ in kluis.start(["backup", "a", "--disk", "root=\(image)"]) }
    for backup in running { backup.wait().expect(0, 3) }
    let points = try JSONValue(kluis("points", "--json").expect(0).output).elements
    #expect(points.count == 2)
    for point in points { kluis.expect(try #require(point["id"].text), restores: image) }
  }

  @Test func `a tier that the vault does not have is named`() throws {
    var random = seededGenerator("tiers")
    _ = try kluis.backUp("m", makeNoise("a.img", 1 << 20, &random))
    for tier in ["snapshot", "secondary"] {
      kluis("verify", "--tier", tier).expect(1, saying: tier)
      kluis("restore", "disk", "m", "--to", kluis.path("r"), "--tier", tier).expect(1)
    }
    kluis("verify", "--tier", "vault").expect(0)
  }

  @Test func `a snapshot tier takes the backup and gives it back`() throws {
    var random = seededGenerator("snapshots")
    let two = Kluis("--snapshots", kluis.path("snapshots"))
    let image = makeNoise("a.img", 2 << 20, &random)
    let point = try two.backUp("m", image)
    two.expect(point, restores: image)
    #expect(files(under: kluis.path("snapshots")).contains { $0.hasPrefix("packs/") })
    two("points", "--vault", kluis.path("snapshots")).expect(0, saying: point)
    two("verify").expect(0, saying: "snapshot tier")
  }

  @Test(arguments: ["zstd:1", "zstd:19", "zlib:6", "none"], ["16K", "64K", "1M"])
  func `every compression and chunk size gives the disk back`(
    compression: String, chunkSize: String
  ) throws {
    var random = seededGenerator("\(compression) \(chunkSize)")
    let other = Kluis("--compression", compression, "--chunk-size", chunkSize)
    let image = makeNoise("\(compression)-\(chunkSize).img", 1 << 20, &random)
    ImageFile(image).write([UInt8](repeating: 65, count: 300_000), at: 200_000)
    other.expect(try other.backUp("m", image), restores: image)
    other("verify").expect(0)
  }
}
