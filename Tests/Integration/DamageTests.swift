import Glibc
import Testing

/// Flipped bits, short files and missing files, one at a time, anywhere in a vault.
///
/// A command may succeed with the right bytes or fail and say what is wrong. It never gives wrong
/// bytes and never crashes, and with the damage undone everything is as before.
@Suite struct DamageTests {
  let kluis = Kluis(inMemory: true)
  private let images: [String]
  private let points: [String]

  /// A small vault with two points of which the second shares most with the first.
  init() throws {
    var random = SeededGenerator(seed: 2)
    images = [kluis.path("first.img"), kluis.path("second.img")]
    ImageFile(images[0], byteCount: 66 << 20).writeNoise(at: 0, count: 900_000, &random)
    ImageFile(images[0]).write([UInt8](repeating: 7, count: 200_000), at: 65 << 20)
    let first = try kluis.backUp("m", images[0])
    run("cp", "--sparse=always", images[0], images[1])
    ImageFile(images[1]).writeNoise(at: 300_000, count: 100_000, &random)
    points = [first, try kluis.backUp("m", images[1])]
  }

  @Test(arguments: ["vault.json", "packs/", "index/", "points/", "machines/"])
  func `no flipped bit gives wrong bytes`(kind: String) throws {
    var random = seededGenerator("flipping in \(kind)")
    let files = kluis.vaultFiles().filter { $0.hasPrefix(kind) }
    #expect(!files.isEmpty)
    for file in files {
      let bytes = readBytes("\(kluis.vault)/\(file)")
      for place in places(in: file, bytes, &random) {
        let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
        try check("\(file), \(place.name): byte \(place.offset) xor \(bit)", file) { path in
          ImageFile(path).write([bytes[place.offset] ^ bit], at: place.offset)
        } undo: { path in
          ImageFile(path).write([bytes[place.offset]], at: place.offset)
        }
      }
    }
  }

  @Test func `no file that is cut short or gone gives wrong bytes`() throws {
    for file in kluis.vaultFiles() {
      let bytes = readBytes("\(kluis.vault)/\(file)")
      for length in [nil, 0, 1, 47, bytes.count / 2, bytes.count - 1, bytes.count + 1] {
        try check("\(file) cut to \(length.map(String.init) ?? "nothing")", file) { path in
          if let length { ImageFile(path).resize(length) } else { unlink(path) }
        } undo: { path in
          writeBytes(bytes, to: path)
        }
      }
    }
  }

  /// Damages a copy of the vault, runs every command on it, and undoes the damage.
  private func check(
    _ what: String, _ file: String, damage: (String) -> Void, undo: (String) -> Void
  ) throws {
    let copy = kluis.path("copy")
    defer { run("rm", "-rf", copy) }
    run("cp", "-a", kluis.vault, copy)
    damage("\(copy)/\(file)")
    for command in [["points"], ["verify"], ["stats"], ["show", points[1]]] {
      expectHonest(command, in: copy, what)
    }
    for (point, image) in zip(points, images) { expectRestore(of: point, image, in: copy, what) }
    let image = "root=\(images[1])"
    let backup = expectHonest(["backup", "m", "--disk", image, "--json"], in: copy, what)
    var made = Array(zip(points, images))
    if backup.signal == 0, backup.status != 1 {
      let point = try #require(JSONValue(backup.output)["id"].text)
      expectRestore(of: point, images[1], in: copy, what)
      made.append((point, images[1]))
    }
    undo("\(copy)/\(file)")
    for (point, image) in made { expectRestore(of: point, image, in: copy, what, isWhole: true) }
    expectHonest(["verify"], in: copy, "\(what), undone", statuses: [0])
  }

  @discardableResult
  private func expectHonest(
    _ command: [String], in vault: String, _ what: String, statuses: [Int32] = [0, 1, 3]
  ) -> Outcome {
    let outcome = kluis.run(command, environment: ["KLUIS_VAULT": vault])
    #expect(outcome.signal == 0 && statuses.contains(outcome.status), "\(what)\n\(outcome)")
    #expect(outcome.peakBytes < 256 << 20, "\(what)\n\(outcome)")
    if outcome.status == 1 { #expect(namesSomething(outcome.errors), "\(what)\n\(outcome)") }
    return outcome
  }

  /// Whether an error says which point, pack, chunk, store or file it is about.
  private func namesSomething(_ errors: String) -> Bool {
    let names = ["vault.json", "pack ", "index", "machines/", "points/", "recovery point"]
    return names.contains { errors.contains($0) } && errors.split(separator: "\n").count < 40
  }

  private func expectRestore(
    of point: String, _ image: String, in vault: String, _ what: String, isWhole: Bool = false
  ) {
    let target = kluis.path("target.img")
    defer { unlink(target) }
    let command = ["restore", "disk", point, "--to", target]
    let outcome = expectHonest(command, in: vault, what, statuses: isWhole ? [0, 3] : [0, 1, 3])
    if outcome.status == 1 {
      #expect(access(target, F_OK) != 0, "\(what)\n\(outcome)")
    } else {
      #expect(haveSameBytes(target, image), "wrong bytes! \(what)\n\(outcome)")
    }
  }
}
