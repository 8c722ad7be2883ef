import Glibc
import Testing

/// A vault of several stores, each in a directory of its own, and all images that it has to give
/// back.
struct RedundantVault {
  let kluis: Kluis
  /// The stores of the vault tier, in the order in which reads ask them.
  let copies: [String]
  let snapshots: String?
  let secondaries: [String]
  var random: SeededGenerator
  private(set) var days: [Day] = []

  /// A point and a copy of the image that was backed up.
  struct Day {
    let point: String
    let image: String
  }

  init(
    _ redundancy: String, snapshots: Bool = false, secondaries: Int = 0, inMemory: Bool = true,
    encrypted: Bool = false, seededFor test: String
  ) {
    let scratch = Scratch(inMemory: inMemory)
    var kluis = Kluis(in: scratch)
    if encrypted { kluis.giveKey() }
    self.kluis = kluis
    random = seededGenerator(test)
    let names = redundancy == "single" ? ["copy-a"] : ["copy-a", "copy-b", "copy-c"]
    copies = names.map { scratch.path($0) }
    self.snapshots = snapshots ? scratch.path("near") : nil
    self.secondaries = (0..<secondaries).map { scratch.path("far-\($0)") }
    var command = ["init", kluis.vault, "--redundancy", redundancy]
    for copy in copies { command += ["--copy", copy] }
    if let snapshots = self.snapshots { command += ["--snapshots", snapshots] }
    for secondary in self.secondaries { command += ["--secondary", secondary] }
    if encrypted { command.append("--encrypt") }
    kluis.run(command).expect(0)
  }

  /// Every store of every tier.
  var stores: [String] { [snapshots].compactMap { $0 } + copies + secondaries }

  func image(of machine: String) -> String { kluis.path("\(machine).img") }

  /// Changes a machine's disk, or makes it, and keeps a copy of it.
  mutating func change(_ machine: String, byteCount: Int) -> String {
    let image = image(of: machine)
    let isNew = access(image, F_OK) != 0
    let file = ImageFile(image)
    if isNew {
      file.resize(byteCount + (1 << 20))
      file.writeNoise(at: 0, count: byteCount, &random)
    } else {
      let place = Int.random(in: 0..<byteCount / 8192, using: &random) << 12
      file.writeNoise(at: place, count: byteCount / 4, &random)
    }
    let copy = kluis.path("\(machine)-\(UInt64.random(in: .min ... .max, using: &random)).img")
    run("cp", "--sparse=always", image, copy)
    return copy
  }

  /// Changes a machine's disk and backs it up.
  @discardableResult
  mutating func takeDay(
    _ machine: String = "m", byteCount: Int = 3 << 20, options: [String] = [],
    statuses: [Int32] = [0], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let copy = change(machine, byteCount: byteCount)
    let outcome = kluis.run(
      ["backup", machine, "--disk", "root=\(image(of: machine))", "--json"] + options)
    #expect(statuses.contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
    let point = try #require(
      JSONValue(outcome.output)["id"].text, "\(outcome)", sourceLocation: sourceLocation)
    days.append(Day(point: point, image: copy))
    return point
  }

  /// Takes over a point that was made otherwise.
  mutating func note(_ point: String, _ image: String) {
    days.append(Day(point: point, image: image))
  }

  /// Expects that every point gives its disk back, bit for bit.
  /// - Returns: what the restores said.
  @discardableResult
  func expectAllRestore(
    _ options: String..., statuses: [Int32] = [0],
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> [Outcome] {
    days.map {
      expect($0, options, statuses: statuses, sourceLocation: sourceLocation)
    }
  }

  /// Expects that a point gives its disk back, bit for bit.
  @discardableResult
  func expect(
    _ day: Day, _ options: [String] = [], statuses: [Int32] = [0],
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> Outcome {
    let target = kluis.path("restored-\(UInt32.random(in: .min ... .max)).img")
    defer { unlink(target) }
    let outcome = kluis.run(["restore", "disk", day.point, "--to", target] + options)
    #expect(statuses.contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
    #expect(haveSameBytes(target, day.image), "\(outcome)", sourceLocation: sourceLocation)
    return outcome
  }

  /// The tiers that a point is in, as `points` shows them.
  func tiers(
    of point: String, _ options: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) -> String {
    let outcome = kluis.run(["points"] + options)
    #expect([0, 3].contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
    let line = outcome.output.split(separator: "\n").first { $0.hasPrefix(point) }
    return line?.split(separator: " ").dropFirst().first.map(String.init) ?? "none"
  }

  /// The ids of all points, in order.
  var points: [String] { days.map(\.point).sorted() }

  /// The ids of the points that are listed, in order.
  func listedPoints(
    _ options: String..., statuses: [Int32] = [0],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [String] {
    let outcome = kluis.run(["points", "--json"] + options)
    #expect(statuses.contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
    return try JSONValue(outcome.output).elements.compactMap { $0["id"].text }.sorted()
  }

  /// Expects that all copies of the vault tier hold the same files with the same bytes. What killed
  /// programs were writing lies about until it is old, and does not count.
  func expectEqualCopies(
    _ stores: [String]? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let stores = stores ?? copies
    for other in stores.dropFirst() {
      let command = ["diff", "--recursive", "--brief", "--exclude=.new-*", stores[0], other]
      let difference = RunningProgram(command).wait()
      #expect(difference.status == 0, "\(difference)", sourceLocation: sourceLocation)
    }
  }

  /// What a scrub reports; its status has to be one of `statuses`.
  func scrub(
    _ options: String..., statuses: [Int32] = [0],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> ScrubReport {
    let outcome = kluis.run(["scrub", "--json"] + options)
    #expect(statuses.contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
    return ScrubReport(json: try JSONValue(outcome.output), outcome: outcome)
  }
}

/// What `scrub --json` prints.
struct ScrubReport {
  let json: JSONValue
  let outcome: Outcome

  struct Problem {
    let store: String
    let kind: String
    let object: String
    let repairedFrom: String?
  }

  var problems: [Problem] {
    json["stores"].elements.flatMap { store in
      store["problems"].elements.map {
        Problem(
          store: store["store"].text ?? "", kind: $0["kind"].text ?? "",
          object: $0["object"].text ?? "", repairedFrom: $0["repairedFrom"].text)
      }
    }
  }

  var foreign: [String] {
    json["stores"].elements.flatMap { store in
      store["foreign"].elements.map { "\(store["store"].text ?? "")/\($0.text ?? "")" }
    }
  }

  var lostPoints: Set<String> {
    Set(json["lostPoints"].elements.compactMap { $0["point"].text })
  }

  var readBytes: Int { Int(json["readBytes"].number ?? -1) }
}

extension Kluis {
  /// No vault yet.
  init(in scratch: Scratch) { self.scratch = scratch }
}
