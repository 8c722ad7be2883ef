import Hashing
import Maintenance
import Stores
import Synchronization
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct ScrubTests {
  private let bench: ScrubBench
  private let bytes: [UInt8]
  private let point: RecoveryPoint

  init() throws {
    var random = Seed.ofThisRun.random
    bench = try ScrubBench(hasSecondary: true)
    bytes = random.bytes(600_000)
    point = try bench.backUp(bytes)
    try bench.replicate([point])
  }

  private var puts: Int { bench.stores.reduce(0) { $0 + $1.count(of: .put) } }
  private func countPutsAnew() { for store in bench.stores { store.fail(.put, number: 0) } }

  @Test("sound stores are clean: every byte of every copy is read, and nothing is written")
  func clean() throws {
    countPutsAnew()
    let report = try bench.scrub(repairs: true)
    #expect(report.isClean && report.openProblems.isEmpty && bench.notices.all == [])
    let all = bench.stores.flatMap { bench.contents(of: $0).values }
    #expect(report.readBytes == all.reduce(0) { $0 + UInt64($1.count) })
    #expect(puts <= 1, "a lease on the tier that had none")
    #expect(report.stores.map(\.tier) == ["vault", "vault", "vault", "secondary"])
    #expect(report.stores.map(\.store) == ["copy 0", "copy 1", "copy 2", "far"])
    #expect(report.stores.map(\.objects) == bench.stores.map { bench.contents(of: $0).count })
  }

  @Test(
    "what one copy has lost or has damaged is told of, then healed",
    arguments: [ObjectFolder.packs, .index, .points, .machines]
  )
  func healing(folder: ObjectFolder) throws {
    let before = bench.contents(of: bench.copies[2])
    for harm in Harm.allCases {
      for number in 0..<2 {
        let path = bench.copies[0].paths(in: folder)[0]
        harm.strike(path, in: bench.copies[number])
        let damaged = bench.contents(of: bench.copies[number])
        countPutsAnew()
        let found = try bench.scrub()
        #expect(puts == 0 && bench.contents(of: bench.copies[number]) == damaged, "\(harm)")
        let problems = found.stores[number].problems
        #expect(problems.map(\.object) == [path.description], "\(harm)")
        #expect(problems.map(\.kind) == [harm == .dropped ? .missing : .damaged])
        #expect(problems.allSatisfy { $0.isRepairable == true && $0.repairedFrom == nil })
        #expect(found.openProblems.count == 1 && !found.isClean && found.lostPoints.isEmpty)

        let healed = try bench.scrub(repairs: true)
        let donor = number == 0 ? "copy 1" : "copy 0"
        #expect(healed.stores[number].problems.map(\.repairedFrom) == [donor], "\(harm)")
        #expect(healed.openProblems.isEmpty && healed.stores[number].repairedCount == 1)
        #expect(bench.copies.allSatisfy { bench.contents(of: $0) == before }, "\(harm)")
        #expect(try bench.scrub().isClean)
      }
    }
  }

  @Test("two of three copies in ruins, in different places, are healed to be equal again")
  func ruins() throws {
    let before = bench.contents(of: bench.copies[2])
    for (place, path) in before.keys.sorted().enumerated() {
      Harm.allCases[place % 4].strike(path, in: bench.copies[place % 3])
      Harm.allCases[(place + 1) % 4].strike(path, in: bench.copies[(place + 1) % 3])
    }
    let report = try bench.scrub(repairs: true)
    #expect(report.openProblems.isEmpty && report.lostPoints.isEmpty)
    #expect(bench.copies.allSatisfy { bench.contents(of: $0) == before })
    #expect(try bench.scrub().isClean)
  }

  @Test("what a whole tier has lost comes from another tier", arguments: Harm.allCases)
  func otherTier(harm: Harm) throws {
    let before = bench.contents(of: bench.copies[0])
    for copy in bench.copies {
      for path in before.keys where path.pack != nil || path.point != nil {
        harm.strike(path, in: copy)
      }
    }
    let report = try bench.scrub(repairs: true)
    #expect(report.lostPoints.isEmpty && report.openProblems.isEmpty, "\(report.openProblems)")
    #expect(bench.copies.allSatisfy { bench.contents(of: $0)[bench.chunkPack] != nil })
    expectSame(try bench.restore(point), bytes, "\(Seed.ofThisRun)")
  }

  @Test("files that are not Kluis's are told of in every folder, and are left alone")
  func foreign() throws {
    let strangers = [
      "index/notes.txt", "machines/old/web01.json", "packs/00/readme", "points/web01/x.json~",
    ].map { ObjectPath(listed: $0) }
    for path in strangers { bench.copies[1].place([1, 2], at: path) }
    let report = try bench.scrub(repairs: true)
    #expect(report.stores.map(\.foreign) == [[], strangers.map(\.description), [], []])
    #expect(!report.isClean && report.openProblems.isEmpty)
    for path in strangers {
      #expect(bench.copies[1].bytes(at: path) == [1, 2] && bench.copies[0].bytes(at: path) == nil)
    }
  }

  @Test("a scrub goes on from where one was stopped, and looks again at what that found damaged")
  func resuming() throws {
    let pack = bench.copies[0].paths(in: .packs)[0]
    Harm.flipped.strike(pack, in: bench.copies[0])
    Harm.flipped.strike(bench.copies[0].paths(in: .index)[0], in: bench.copies[2])
    let left = ScrubState(
      nextPath: bench.copies[0].paths(in: .packs)[1].description, readBytes: 1000,
      problems: ["copy 0", "copy 1"].map {
        .init(store: $0, object: pack.description, reason: "seen before")
      })
    try bench.vault.saveScrubState(left)
    let resumed = try bench.scrub()
    #expect(resumed.stores[0].problems.map(\.object) == [pack.description])
    #expect(resumed.stores[1].problems.isEmpty, "it was healed since")
    #expect(resumed.stores[2].problems.isEmpty, "what was good is not read again")
    #expect(bench.vault.scrubState() == nil, "a scrub that came to its end leaves no state")
    try bench.vault.saveScrubState(left)
    let anew = try bench.scrub(restarts: true)
    #expect(anew.stores.map(\.problems.count) == [1, 0, 1, 0])
  }

  @Test("a part of the index that was merged away since it was read is no problem")
  func mergedAway() throws {
    let gone = ObjectPath.segment(digest(1)).description
    let problems = ["copy 0", "copy 1"].map {
      ScrubState.Finding(store: $0, object: gone, reason: "missing")
    }
    try bench.vault.saveScrubState(
      ScrubState(nextPath: "index/0", readBytes: 0, problems: problems))
    #expect(try bench.scrub().isClean)
  }

  @Test("however often a scrub is stopped, what it finds in the end is everything")
  func stopping() throws {
    var random = Seed.ofThisRun.random
    for count in 1..<6 { try bench.backUp(random.bytes(20_000 * count)) }
    for copy in bench.copies.suffix(2) {
      for path in bench.contents(of: copy).keys { Harm.flipped.strike(path, in: copy) }
    }
    let objects = bench.contents(of: bench.copies[1]).count
    for _ in 0..<8 {
      let (report, rounds) = try scrubWithStops(&random)
      #expect(
        report.stores.map(\.problems.count) == [0, objects, objects, 0],
        "\(rounds) rounds \(Seed.ofThisRun)")
    }
  }

  /// A scrub that is stopped at random and run again; after some rounds it may come to its end, for
  /// one that is always stopped within the same object never would.
  private func scrubWithStops(
    _ random: inout SeededRandom
  ) throws -> (report: Scrub.Report, rounds: Int) {
    for rounds in 1... {
      let (cancellation, progress) = (Cancellation(), Progress())
      let limit = rounds > 20 ? UInt64.max : UInt64(random.below(1_200_000))
      let finished = FinishedFlag()
      let stopper = WorkerThread {
        while !finished.isSet {
          if progress.doneBytes.load(ordering: .relaxed) >= limit { return cancellation.request() }
        }
      }
      defer {
        finished.set()
        stopper.wait()
      }
      var scrub = Scrub(bench.vault, notices: bench.notices)
      scrub.workerCount = 4
      do { return (try scrub.run(progress: progress, cancellation: cancellation), rounds) } catch {
        #expect(error is Cancelled)
      }
    }
    preconditionFailure("the loop has no end")
  }

  @Test("a scrub that is limited takes its time")
  func limited() throws {
    let total = bench.stores.flatMap { bench.contents(of: $0).values }.reduce(0) { $0 + $1.count }
    var scrub = Scrub(bench.vault, notices: bench.notices)
    scrub.bytesPerSecond = UInt64(total)
    let start = ContinuousClock.now
    let report = try scrub.run(progress: Progress(), cancellation: Cancellation())
    // The last piece of each pack is not waited for.
    #expect(report.isClean && start.duration(to: .now) > .milliseconds(500))
  }

  @Test("a store that cannot be healed is told of, and the others are healed")
  func readOnly() throws {
    let path = bench.chunkPack
    for copy in bench.copies.prefix(2) { Harm.flipped.strike(path, in: copy) }
    bench.copies[0].limitCapacity(to: 0)
    let report = try bench.scrub(repairs: true)
    #expect(report.stores[0].problems[0].repairedFrom == nil)
    #expect(report.stores[0].problems[0].isRepairable == true)
    #expect(report.stores[1].problems[0].repairedFrom == "copy 2")
    #expect(bench.notices.all.contains { $0.contains("is not repaired") && $0.contains("copy 0") })
  }
}

/// A flag that one thread sets and another looks at.
private final class FinishedFlag: Sendable {
  private let flag = Atomic(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}
