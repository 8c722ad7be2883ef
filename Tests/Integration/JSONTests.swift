import Testing

/// What programs read: the keys are a promise.
@Suite struct JSONTests {
  let kluis = Kluis()
  private let pointKeys = ["consistency", "disks", "id", "machine", "tags", "tiers", "time"]
  private let diskKeys = [
    "dataBytes", "name", "newBytes", "newChunks", "root", "seconds", "size", "source",
    "storedBytes",
  ]

  private func expect(_ value: JSONValue, hasAtLeast keys: [String]) {
    #expect(Set(value.keys).isSuperset(of: keys), "\(value.keys)")
  }

  private func backUp() throws -> String {
    let image = kluis.path("a.img")
    writeBytes([UInt8](repeating: 9, count: 123_456), to: image)
    return kluis("backup", "web01", "--disk", "root=\(image)", "--tag", "why=test", "--json")
      .expect(0).output
  }

  @Test func `points, show and backup describe a point alike`() throws {
    let made = try JSONValue(try backUp())
    let listed = try JSONValue(kluis("points", "--json").expect(0).output)
    let shown = try JSONValue(kluis("show", "web01", "--json").expect(0).output)
    #expect(listed.elements.count == 1)
    for point in [made, listed[0], shown] {
      expect(point, hasAtLeast: pointKeys)
      expect(point["disks"][0], hasAtLeast: diskKeys)
      #expect(point["id"].text == made["id"].text)
      #expect(point["machine"].text == "web01")
      #expect(point["tiers"][0].text == "vault")
      #expect(point["consistency"].text == "crash-consistent")
      #expect(point["tags"]["why"].text == "test")
      #expect(point["disks"][0]["size"].number == 123_456)
      let time = try #require(point["time"].text)
      #expect(try #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/#.wholeMatch(in: time) != nil)
    }
  }

  @Test func `a vault without points is an empty list`() throws {
    let listed = try JSONValue(kluis("points", "--json").expect(0).output)
    guard case .array(let points) = listed else {
      Issue.record("not a list")
      return
    }
    #expect(points.isEmpty)
  }

  @Test func `every report is JSON and nothing else`() throws {
    _ = try backUp()
    let target = kluis.path("restored.img")
    let reports = [
      (["stats"], ["dataBytes", "diskBytes", "machines", "points", "tiers"]),
      (
        ["restore", "disk", "web01", "--to", target],
        ["dataBytes", "disk", "point", "seconds", "size", "target"]
      ),
      (
        ["init", kluis.path("v2"), "--redundancy", "single"],
        ["format", "id", "redundancy", "stores"]
      ),
      (["recover", "web01"], ["machine", "outcome"]),
    ]
    for (command, keys) in reports {
      let outcome = kluis.run(command + ["--json"]).expect(0)
      expect(try JSONValue(outcome.output), hasAtLeast: keys)
      #expect(outcome.errors.isEmpty, "\(outcome)")
    }
  }

  @Test func `reports on tiers have an element for each`() throws {
    _ = try backUp()
    let verified = try JSONValue(kluis("--json", "verify").expect(0).output)
    expect(
      verified[0], hasAtLeast: ["bytes", "chunks", "damaged", "maps", "points", "tier"])
    let rebuilt = try JSONValue(kluis("rebuild-index", "--json").expect(0).output)
    expect(rebuilt[0], hasAtLeast: ["lostRecords", "packs", "records", "tier"])
    let stats = try JSONValue(kluis("stats", "--json").expect(0).output)["tiers"]
    expect(
      stats[0],
      hasAtLeast: ["indexBytes", "packBytes", "packs", "points", "records", "stores", "tier"])
  }
}
