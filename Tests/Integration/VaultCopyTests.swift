import Glibc
import Testing

/// Points that are copied from one vault into another.
@Suite struct VaultCopyTests {
  /// Vaults beside one another, the images of whose points are kept in one place.
  private struct Pair {
    let source: Kluis
    let target: Kluis
    /// Names the target and its key.
    let options: [String]
    let images: [(point: String, image: String)]
  }

  /// A vault with two days of a machine, and another beside it.
  private func makePair(
    _ test: String, from isSealed: Bool, to isTargetSealed: Bool, options: [String] = [],
    byteCount: Int = 3 << 20
  ) throws -> Pair {
    var random = seededGenerator(test)
    let source = isSealed ? Kluis(encrypted: []) : Kluis(inMemory: true)
    let target = isTargetSealed ? Kluis(encrypted: options) : Kluis(inMemory: true)
    let image = source.path("m.img")
    ImageFile(image, byteCount: 70 << 20).writeNoise(at: 0, count: byteCount, &random)
    ImageFile(image).write([UInt8](repeating: 5, count: 300_000), at: 66 << 20)
    var images: [(String, String)] = []
    for day in 0..<2 {
      if day > 0 { ImageFile(image).writeNoise(at: 1 << 20, count: 300_000, &random) }
      images.append((try source.backUp("m", image), source.path("day-\(day).img")))
      run("cp", "--sparse=always", image, images[day].1)
    }
    var names = ["--to-vault", target.vault]
    if isTargetSealed { names += ["--to-key-file", target.keyFile] }
    return Pair(source: source, target: target, options: names, images: images)
  }

  private func storedBytes(_ kluis: Kluis) -> Int {
    packs(in: kluis.vault).reduce(0) { $0 + fileSize($1) }
  }

  @Test(arguments: [
    (false, true, []), (true, false, []), (true, true, []), (true, true, ["--chunk-size", "128K"]),
    (false, true, ["--chunk-size", "16K", "--compression", "none"]),
  ])
  func `a point is copied, restores bit for bit, and is known by the name it had`(
    from: Bool, to: Bool, options: [String]
  ) throws {
    let pair = try makePair("copy \(from) \(to) \(options)", from: from, to: to, options: options)
    let before = state(of: pair.source.vault)
    for (point, _) in pair.images {
      pair.source.run(["copy", point] + pair.options).expect(0, saying: "copied \(point)")
    }
    for (point, image) in pair.images { pair.target.expect(point, restores: image) }
    pair.target("verify").expect(0, saying: "2 points")
    let size = storedBytes(pair.target)
    let again = pair.source.run(["copy", "m"] + pair.options)
    again.expect(0, saying: "has \(pair.images[1].point) already")
    #expect(storedBytes(pair.target) == size)
    #expect(state(of: pair.source.vault) == before)
    // The target takes the machine over: its next backup needs only the name, and stores nothing.
    let next = try JSONValue(pair.target("backup", "m", "--json").expect(0).output)
    #expect(next["disks"][0]["newBytes"].number == 0)
    pair.target.expect("m", restores: pair.images[1].image)
  }

  @Test func `a copy stores nothing that the target's own backup of the disk has stored`() throws {
    let pair = try makePair("shared", from: true, to: true)
    let (point, image) = pair.images[1]
    _ = try pair.target.backUp("m", image)
    let before = storedBytes(pair.target)
    let copied = try JSONValue(
      pair.source.run(["copy", point, "--json"] + pair.options).expect(0).output)
    #expect(copied["id"].text == point && copied["disks"][0]["newBytes"].number == 0)
    #expect(storedBytes(pair.target) == before)
    pair.target.expect(point, restores: image)
  }

  @Test func `secrets are sealed anew, and go into no vault that is not encrypted`() throws {
    let pair = try makePair("secrets", from: true, to: true)
    let secret = pair.source.makeKeyFile("secret")
    pair.source("backup", "m", "--secret", "luks=\(secret)").expect(0)
    pair.source.run(["copy", "m"] + pair.options).expect(0)
    pair.target("restore", "secrets", "m", "--to", "out").expect(0)
    #expect(readBytes(pair.target.path("out/luks")) == readBytes(secret))

    let plain = Kluis(inMemory: true)
    pair.source("copy", "m", "--to-vault", plain.vault).expect(1, saying: "is not encrypted")
    plain("points").expect(0, saying: "no recovery points")
    #expect(!isFound("luks", under: plain.vault))
  }

  @Test func `what cannot be copied is refused, and changes neither vault`() throws {
    let pair = try makePair("refused", from: true, to: true, byteCount: 200_000)
    let before = state(of: pair.source.vault, pair.target.vault)
    let (to, key) = (["--to-vault", pair.target.vault], pair.source.keyFile)
    let source = pair.source
    source.run(["copy", "m"] + to).expect(1, saying: needsKey)
    source.run(["copy", "m", "--to-key-file", key] + to).expect(1, saying: "opens none")
    source.run(["copy", "m", "--to-key-file", source.path("no.key")] + to)
      .expect(1, saying: "no.key: no key file")
    source.run(["copy", "m", "--to-vault", source.vault, "--to-key-file", key])
      .expect(64, saying: "is the vault that m is in")
    source.run(["copy", "m", "--to-vault", source.path("nowhere")]).expect(1, saying: "nowhere")
    source.run(["copy", "x"] + pair.options).expect(1, saying: "x")
    source.run(["copy", "m@1999"] + pair.options).expect(1, saying: "m@1999")
    source.run(["copy", "m", "--tier", "secondary"] + pair.options).expect(1, saying: "secondary")
    source.withoutKey.run(["copy", "m"] + pair.options).expect(1, saying: needsKey)
    #expect(state(of: source.vault, pair.target.vault) == before)
  }

  @Test func `a copy into a vault of several tiers ends in the vault tier`() throws {
    let pair = try makePair("tiers", from: false, to: true)
    let far = RedundantVault("lrs", snapshots: true, encrypted: true, seededFor: "target of tiers")
    pair.source("copy", "m", "--to-vault", far.kluis.vault, "--to-key-file", far.kluis.keyFile)
      .expect(0)
    #expect(far.tiers(of: pair.images[1].point) == "snapshot+vault")
    far.expectEqualCopies()
    for tier in ["snapshot", "vault"] {
      far.kluis("verify", "--tier", tier).expect(0, saying: "1 point")
    }
    far.kluis.expect("m", restores: pair.images[1].image)
  }

  @Test func `a copy that is killed at any moment harms neither vault, and goes on`() throws {
    var random = seededGenerator("killed copies")
    let pair = try makePair("killed copies", from: true, to: true, byteCount: 24 << 20)
    let before = state(of: pair.source.vault)
    var killed = 0
    for _ in 0..<8 {
      let copy = pair.source.start(["copy", "m"] + pair.options)
      usleep(.random(in: 0..<80_000, using: &random))
      copy.send(SIGKILL)
      if copy.wait().signal == SIGKILL { killed += 1 }
      pair.target("points").expect(0)
      pair.target("verify").expect(0)
    }
    print("killed \(killed) of 8 copies")
    #expect(killed > 0)
    pair.source.run(["copy", "m"] + pair.options).expect(0)
    pair.target.expect("m", restores: pair.images[1].image)
    #expect(state(of: pair.source.vault) == before)
    pair.target("scrub").expect(0)
  }
}
