import Glibc
import Testing

/// An encrypted vault on an ordinary day, and what a stranger sees of it.
@Suite struct EverydayEncryptionTests {
  /// How the key of a vault can be named.
  enum Naming: String, CaseIterable {
    case passphraseOption, keyFileOption, passphraseVariable, keyFileVariable

    func name(in kluis: Kluis) -> (options: [String], variables: [String: String?]) {
      let passphrase = kluis.path("pass.txt")
      return switch self {
      case .passphraseOption: (["--passphrase-file", passphrase], [:])
      case .keyFileOption: (["--key-file", kluis.keyFile], [:])
      case .passphraseVariable: ([], ["KLUIS_PASSPHRASE_FILE": passphrase])
      case .keyFileVariable: ([], ["KLUIS_KEY_FILE": kluis.keyFile])
      }
    }
  }

  @Test(arguments: Naming.allCases)
  func `an encrypted vault does all that another does, however its key is named`(
    naming: Naming
  ) throws {
    var random = seededGenerator("named by \(naming)")
    var kluis = Kluis(in: Scratch(inMemory: true))
    kluis.giveKey()
    _ = kluis.makePassphraseFile("pass.txt", "a horse, a battery and a staple")
    let (options, variables) = naming.name(in: kluis)
    kluis.variables = variables
    kluis.run(["init", kluis.vault, "--redundancy", "single", "--encrypt"] + options).expect(0)
    let (image, monday) = (kluis.path("a.img"), kluis.path("monday.img"))
    makeImage(image, byteCount: 2 << 20, &random)
    run("cp", image, monday)
    let disk = ["--disk", "root=\(image)", "--json"]
    let first = try JSONValue(kluis.run(["backup", "m"] + disk + options).expect(0).output)
    let again = try JSONValue(kluis.run(["backup", "m", "--json"] + options).expect(0).output)
    #expect(again["disks"][0]["newBytes"].number == 0)
    #expect(again["disks"][0]["root"].text == first["disks"][0]["root"].text)
    ImageFile(image).writeNoise(at: 1 << 20, count: 200_000, &random)
    let other = try JSONValue(kluis.run(["backup", "n"] + disk + options).expect(0).output)
    #expect(try #require(other["disks"][0]["newBytes"].number) < 800_000)

    let point = try #require(first["id"].text)
    kluis.run(["points"] + options).expect(0, saying: point)
    kluis.run(["show", point] + options).expect(0, saying: "disk         root")
    kluis.run(["stats"] + options).expect(0, saying: "2 machines, 3 points")
    kluis.run(["verify"] + options).expect(0, saying: "all good")
    kluis.run(["scrub"] + options).expect(0, saying: "all good")
    for (name, expected) in [(point, monday), ("n", image)] {
      let target = kluis.path("restored-\(name).img")
      kluis.run(["restore", "disk", name, "--to", target] + options).expect(0)
      #expect(haveSameBytes(target, expected))
    }
  }

  @Test(arguments: ["single", "lrs", "zrs", "grs"])
  func `every tier of an encrypted vault gives every point back`(redundancy: String) throws {
    let isFar = redundancy == "grs"
    var vault = RedundantVault(
      redundancy, snapshots: true, secondaries: isFar ? 2 : 0, encrypted: true,
      seededFor: "tiers of \(redundancy)")
    for machine in ["m", "n", "m"] { try vault.takeDay(machine) }
    if isFar { vault.kluis("replicate").expect(0, saying: "replicated 3 points") }
    for tier in ["snapshot", "vault"] + (isFar ? ["secondary"] : []) {
      vault.kluis("verify", "--tier", tier).expect(0, saying: "\(tier) tier: 3 points")
      vault.expectAllRestore("--tier", tier)
    }
    vault.expectEqualCopies()
    vault.expectEqualCopies(vault.secondaries)
    vault.kluis("scrub").expect(0, saying: "all good")
    // Any store is enough.
    vault.stores.dropLast().forEach(takeAway)
    takeAway(vault.kluis.vault)
    vault.expectAllRestore("--vault", vault.stores.last!, statuses: [0, 3])
  }

  private static let marker = "Zq7-planted-marker-Wx3"

  /// A vault of every tier, made and used with the marker wherever a person can put one.
  private func plant(encrypted: Bool) throws -> RedundantVault {
    var vault = RedundantVault(
      "grs", snapshots: true, secondaries: 1, encrypted: encrypted, seededFor: "marker")
    let marker = Self.marker
    let image = vault.kluis.path("\(marker).img")
    let file = ImageFile(image, byteCount: 6 << 20)
    file.writeNoise(at: 0, count: 1 << 20, &vault.random)
    // Alone in a hole, long and compressible, and amid what does not compress.
    file.write(Array(marker.utf8), at: 2 << 20)
    file.write(Array(String(repeating: "\(marker)\n", count: 9000).utf8), at: 3 << 20)
    for place in stride(from: 0, to: 1 << 20, by: 40_000) {
      file.write(Array(marker.utf8), at: place + 300)
    }
    writeBytes(Array("\(marker) secret".utf8), to: vault.kluis.path("secret.txt"))
    var command = ["backup", marker, "--disk", "\(marker)=\(image)"]
    command += ["--tag", "\(marker)=\(marker)"]
    if encrypted { command += ["--secret", "\(marker)=secret.txt"] }
    vault.kluis.run(command).expect(0, saying: marker)
    vault.kluis("replicate").expect(0)
    let target = vault.kluis.path("restored.img")
    vault.kluis("restore", "disk", marker, "--to", target).expect(0)
    #expect(haveSameBytes(target, image))
    return vault
  }

  @Test func `nothing that was planted is found in any store, nor said to a stranger`() throws {
    let vault = try plant(encrypted: true)
    for store in vault.stores + [vault.kluis.vault] {
      #expect(!isFound(Self.marker, under: store), "\(store)")
    }
    for command in [
      ["key", "list"], ["key", "list", "--json"], ["scrub"], ["scrub", "--json"], ["replicate"],
      ["replicate", "--status"], ["replicate", "--status", "--json"], ["transfer"],
      ["rebuild-index"],
    ] {
      let outcome = vault.withoutKey.run(command).expect(0)
      #expect(!outcome.text.contains(Self.marker), "\(outcome)")
    }
    for command in [["points"], ["show", "m"], ["stats"], ["verify"]] {
      let outcome = vault.withoutKey.run(command).expect(1)
      #expect(!outcome.text.contains(Self.marker), "\(outcome)")
    }
  }

  @Test func `the same search finds it in every store of a vault that is not encrypted`() throws {
    let vault = try plant(encrypted: false)
    for store in vault.stores { #expect(isFound(Self.marker, under: store), "\(store)") }
  }

  @Test func `two encrypted vaults with the same disk do not show that they have it`() throws {
    let scratch = Scratch(inMemory: true)
    // Lone blocks are chunks of their own, whatever key the boundaries have.
    let image = scratch.path("a.img")
    let file = ImageFile(image, byteCount: 1 << 20)
    for block in 0..<8 { file.write([UInt8](repeating: 7, count: 512 + block), at: block << 16) }
    func names(in kluis: Kluis) throws -> Set<[UInt8]> {
      _ = try kluis.backUp("m", image)
      return Set(objects(in: kluis.vault, "index/").flatMap { namesInIndex(readBytes($0)) })
    }
    let plain = try (0..<2).map { _ in try names(in: Kluis(inMemory: true)) }
    #expect(plain[0].count >= 9 && plain[0] == plain[1])
    let sealed = try (0..<2).map { _ in try names(in: Kluis(encrypted: [])) }
    #expect(sealed[0].count == plain[0].count && sealed[0].isDisjoint(with: sealed[1]))
    #expect(sealed.allSatisfy { $0.isDisjoint(with: plain[0]) })
  }
}
