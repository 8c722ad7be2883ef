import Testing

/// What a backup leaves on the machine that makes it, so that the next recognises unchanged chunks.
@Suite struct RecognitionTests {
  let kluis = Kluis()

  private func backUp(
    _ arguments: String..., environment: [String: String?] = [:]
  ) throws -> String {
    let outcome = kluis.run(
      ["backup", "web01", "--json"] + arguments, environment: environment)
    outcome.expect(0)
    return try #require(JSONValue(outcome.output)["disks"][0]["root"].text)
  }

  /// Who backs up more slowly than need be is told so once, unless it is what he wants.
  private func expectNotes() {
    func errors(_ environment: [String: String?], _ arguments: String...) -> String {
      kluis.run(["backup", "web01"] + arguments, environment: environment).expect(0).errors
    }
    let image = kluis.path("a.img")
    let disks = ["--disk", "a=\(image)", "--disk", "b=\(image)"]
    let told = kluis.run(
      ["backup", "two"] + disks, environment: ["KLUIS_CACHE": "/proc/nothing"]
    ).expect(0).errors
    #expect(told.hasPrefix("note: ") && told.contains("/proc/nothing"), "\(told)")
    #expect(told.split(separator: "\n").count == 1, "\(told)")
    #expect(errors(["KLUIS_CACHE": "/proc/nothing"], "--quiet").isEmpty)
    #expect(errors(["KLUIS_CACHE": ""]).isEmpty)
    let homeless: [String: String?] = ["KLUIS_CACHE": nil, "XDG_CACHE_HOME": nil, "HOME": nil]
    #expect(errors(homeless).contains("note: neither HOME nor KLUIS_CACHE"))
  }

  private func shell(_ command: String) -> Outcome {
    RunningProgram(["sh", "-c", command]).wait()
  }

  @Test func `a cache that is missing, unwritable or spoiled changes no backup`() throws {
    var random = seededGenerator("RecognitionTests")
    let image = kluis.path("a.img")
    let file = ImageFile(image, byteCount: 3 << 20)
    file.writeNoise(at: 8192, count: 2 << 20, &random)
    let root = try backUp("--disk", "root=\(image)")
    let cache = kluis.path("cache")
    let modes = shell("find \(cache) -type f -exec stat -c '%a' {} +").output
    #expect(modes == "600\n", "nobody else may read the key beside the fingerprints")
    for spoil in [
      "true", "rm -r \(cache)", "find \(cache) -type f -exec sh -c 'echo nothing >$0' {} ';'",
    ] {
      shell(spoil).expect(0)
      #expect(try backUp() == root, "after \(spoil)")
    }
    #expect(try backUp("--rehash") == root)
    #expect(try backUp(environment: ["KLUIS_CACHE": ""]) == root)
    #expect(try backUp(environment: ["KLUIS_CACHE": "/proc/nothing"]) == root)
    expectNotes()
    file.writeNoise(at: 40960, count: 4096, &random)
    let changed = try backUp()
    #expect(changed != root)
    #expect(try backUp("--rehash") == changed)
    kluis("verify").expect(0)
  }
}
