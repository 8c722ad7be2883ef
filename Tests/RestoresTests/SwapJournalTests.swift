import Files
import SystemPackage
import TestSupport
import Testing
import Vaults

@testable import Restores

@Suite struct SwapJournalTests {
  /// Machines: for each disk its directory, and whether there was one before.
  static let shapes: [[(folder: String, existed: Bool)]] = [
    [("a", true)],
    [("a", false)],
    [("a", true), ("a", true), ("a", true)],
    [("a", true), ("b", true), ("c", true)],
    [("b", true), ("a", false), ("a", true), ("b", false)],
  ]

  @Test("a restore that was stopped while it built is undone", arguments: shapes.indices)
  func preparing(shape: Int) throws {
    let bench = try SwapBench(Self.shapes[shape])
    // Any of the new disks may be there: they are built one by one, and removed one by one.
    for built in 0..<1 << bench.disks.count {
      for partial in [nil, built % bench.disks.count] {
        try bench.arrangeOld()
        try bench.place(.preparing)
        for (number, disk) in bench.disks.enumerated() where built & 1 << number != 0 {
          try bench.put(disk.new, at: disk.swap.new)
        }
        if let partial {
          let new = FilePath(bench.disks[partial].swap.new)
          let name = ".\(new.lastComponent?.string ?? "").4711.partial"
          try bench.put("half a disk", at: parent(of: new).appending(name).string)
        }
        try bench.recover(to: .undone)
        #expect(try bench.files() == bench.old, "built \(built), partial \(partial ?? -1)")
      }
    }
  }

  @Test(
    "a restore that was stopped in the swap is completed, wherever each of the disks was",
    arguments: shapes.indices)
  func swapping(shape: Int) throws {
    let bench = try SwapBench(Self.shapes[shape])
    for places in bench.combinations {
      try bench.arrange(places)
      try bench.place(.swapping)
      try bench.recover(to: .done)
      #expect(try bench.files() == bench.new, "\(places)")
      // Stopped before the journal was gone: once more changes nothing.
      try bench.place(.swapping)
      try bench.recover(to: .done)
      #expect(try bench.files() == bench.new, "\(places), twice")
    }
  }

  @Test("a swap that a file stands in the way of goes on when that is gone, and loses nothing")
  func obstacle() throws {
    let bench = try SwapBench(Self.shapes[3])
    for number in bench.disks.indices {
      let disk = bench.disks[number]
      var places = [SwapBench.Place](repeating: .untouched, count: bench.disks.count)
      places[number] = .aside
      try bench.arrange(places)
      try bench.place(.swapping)
      try bench.put("somebody else's", at: disk.swap.path)
      #expect(throws: FileError.self) { _ = try bench.journal(.swapping).recover(at: bench.path) }
      let stopped = try bench.files()
      #expect(stopped[bench.name(disk.swap.path)] == "somebody else's")
      #expect(stopped[bench.name(disk.swap.replaced!)] == disk.old)
      #expect(stopped[bench.name(disk.swap.new)] == disk.new)
      try removeFile(FilePath(disk.swap.path))
      try bench.recover(to: .done)
      #expect(try bench.files() == bench.new)
    }
  }

  @Test("a restore from begin to remove leaves the new disks, the old ones aside and no journal")
  func wholeWay() throws {
    let bench = try SwapBench(Self.shapes[4])
    try bench.arrangeOld()
    var journal = bench.journal(.preparing)
    let begun = try journal.begin(at: bench.path)
    for disk in bench.disks { try bench.put(disk.new, at: disk.swap.new) }
    let committed = try journal.commit(at: bench.path)
    _ = consume begun
    try journal.swapAll()
    try journal.remove(bench.path)
    _ = consume committed
    #expect(try bench.files() == bench.new)
  }

  @Test("while a restore holds its journal nobody recovers or begins; once it ended, anybody may")
  func held() throws {
    let bench = try SwapBench(Self.shapes[3])
    try bench.arrangeOld()
    var journal = bench.journal(.preparing)
    let begun = try journal.begin(at: bench.path)
    try expectUnderWay(bench)
    #expect(throws: FileError.self) { _ = try bench.journal(.preparing).begin(at: bench.path) }
    #expect(try bench.files().count == bench.old.count + 1, "who is refused leaves nothing")
    let committed = try journal.commit(at: bench.path)
    _ = consume begun
    try expectUnderWay(bench)
    _ = consume committed
    let found = try SwapJournal.find(of: "m", beside: bench.places)
    #expect(found?.journal == journal && found?.path == bench.path)
  }

  private func expectUnderWay(_ bench: SwapBench) throws {
    let error = #expect(throws: InPlaceError.self) {
      _ = try SwapJournal.find(of: "m", beside: bench.places)
    }
    #expect("\(try #require(error))".contains("under way"))
  }

  @Test("what was being written as a journal is removed, and that of other machines is left")
  func drafts() throws {
    let bench = try SwapBench(Self.shapes[3])
    try bench.arrangeOld()
    let other = bench.directory.appending("a/.m2.kluis-journal.5.new").string
    try bench.put("another machine's", at: other)
    for folder in ["a", "b"] {
      try bench.put("{", at: bench.directory.appending("\(folder)/.m.kluis-journal.7.new").string)
    }
    #expect(try SwapJournal.find(of: "m", beside: bench.places) == nil)
    try SwapJournal.removeDrafts(of: "m", beside: bench.places)
    #expect(
      try bench.files() == bench.old.merging([bench.name(other): "another machine's"]) { $1 })
  }

  @Test("a journal with flipped bits or cut off is refused by its name, and nothing is touched")
  func damaged() throws {
    let bench = try SwapBench(Self.shapes[3])
    let bytes = try bench.stopped()
    var random = Seed.ofThisRun.random
    for byte in stride(from: random.below(3), to: bytes.count, by: 3) {
      var bad = bytes
      bad[byte] ^= 1 << UInt8(random.below(8))
      try expectRefusal(bench, bad, "a bit of byte \(byte)")
    }
    for count in stride(from: 0, to: bytes.count, by: 9) {
      try expectRefusal(bench, Array(bytes.prefix(count)), "cut after \(count)")
    }
    for foreign in ["[1]", "{}", "{\"state\":\"swapping\"}"] {
      let text = [UInt8](foreign.utf8)
      try expectRefusal(bench, text, foreign)
    }
    try expectRefusal(bench, CheckedDocument.encode(["state": "swapping"]), "another document")
  }

  @Test("a journal changed in any way is refused by its name, and nothing is touched")
  func fuzz() throws {
    let bench = try SwapBench(Self.shapes[4])
    let bytes = try bench.stopped()
    var random = Seed.ofThisRun.random
    for round in 0..<150 {
      let bad = mutated(bytes, &random)
      if bad != bytes { try expectRefusal(bench, bad, "round \(round)") }
    }
  }

  private func expectRefusal(_ bench: SwapBench, _ bytes: [UInt8], _ what: String) throws {
    try overwriteFile(bench.path, with: bytes)
    let before = try bench.files()
    do {
      _ = try SwapJournal.find(of: "m", beside: bench.places)
      Issue.record("believed: \(what) \(Seed.ofThisRun)")
    } catch let error as VaultError {
      #expect("\(error)".contains(bench.path.string), "\(what): \(error) \(Seed.ofThisRun)")
    }
    #expect(try bench.files() == before, "\(what) \(Seed.ofThisRun)")
  }
}
