import Backups
import Files
import Machines
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Restores

/// In-place restores that write what differs.
@Suite struct InPlaceDeltaTests {
  /// How a restore learns what differs.
  enum Knowledge: CaseIterable { case trees, bytes }

  @Test("disks of the point's size become its disks by what differs", arguments: Knowledge.allCases)
  func restored(by knowledge: Knowledge) throws {
    var random = Seed.ofThisRun.random
    for _ in 0..<6 {
      let bench = try InPlaceBench()
      let changed = try change(bench, &random)
      let journal = try run(bench, knowledge)
      for name in InPlaceBench.files {
        expectSame(
          try readFile(bench.path(name)), bench.backedUp[name] ?? [], "\(name) \(Seed.ofThisRun)")
      }
      for (swap, name) in zip(journal.disks, InPlaceBench.files) {
        // A machine's firmware variables are small, and always built whole.
        #expect((swap.writtenBytes == nil) == (name == "vars.fd"))
        if let old = swap.replaced { expectSame(try readFile(FilePath(old)), changed[name] ?? []) }
      }
      #expect(
        try bench.names().count == 3 + journal.disks.compactMap(\.replaced).count,
        "nothing else is left")
    }
  }

  @Test("nothing is written where nothing differs", arguments: Knowledge.allCases)
  func equal(by knowledge: Knowledge) throws {
    let bench = try InPlaceBench()
    for (name, bytes) in bench.backedUp { try writeFile(bytes, to: bench.path(name)) }
    let journal = try run(bench, knowledge)
    #expect(journal.disks.map(\.writtenBytes) == [0, 0, nil])
  }

  @Test("a disk of another size is built whole, and stays under a dated name")
  func otherSize() throws {
    let bench = try InPlaceBench()
    let journal = try run(bench, .trees)
    #expect(journal.disks.allSatisfy { $0.writtenBytes == nil && $0.replaced != nil })
    for name in ["root.img", "vars.fd"] { #expect(try bench.has(name, bench.backedUp[name])) }
  }

  @Test("a disk that was changed after the point of its state is left as it is")
  func changedSince() throws {
    var random = Seed.ofThisRun.random
    let bench = try InPlaceBench()
    _ = try change(bench, &random)
    var restore = bench.restore()
    let states = try restore.presentStates()
    let taken = try takePoint(bench)
    let late = random.bytes(4096)
    let file = try File.openForWriting(bench.path("root.img"))
    try file.write(late.span.bytes, at: 8192)
    _ = consume file
    let now = try readFile(bench.path("root.img"))
    restore.delta = .taken(taken, in: try tier(bench), since: states)
    #expect(throws: InPlaceError.self) { try bench.run(restore) }
    expectSame(try readFile(bench.path("root.img")), now)
    #expect(try bench.names() == InPlaceBench.files.sorted(), "nothing is left beside the disks")
  }

  @Test("a restore that is cancelled or finds chunks damaged leaves the old disks and no more")
  func failing() throws {
    var random = Seed.ofThisRun.random
    let bench = try InPlaceBench()
    let changed = try change(bench, &random)
    let cancellation = Cancellation()
    cancellation.request()
    var restore = bench.restore()
    restore.delta = .read
    #expect(throws: Cancelled.self) { try bench.run(restore, cancellation: cancellation) }
    try bench.spoilPacks()
    #expect(throws: (any Error).self) { try bench.run(restore) }
    for (name, bytes) in changed { expectSame(try readFile(bench.path(name)), bytes) }
    #expect(try bench.names() == InPlaceBench.files.sorted())
  }

  private func run(_ bench: InPlaceBench, _ knowledge: Knowledge) throws -> SwapJournal {
    var restore = bench.restore()
    let states = try restore.presentStates()
    restore.delta =
      knowledge == .bytes
      ? .read : .taken(try takePoint(bench), in: try tier(bench), since: states)
    return try bench.run(restore)
  }

  private func tier(_ bench: InPlaceBench) throws -> OpenTier {
    try OpenTier(bench.vault.firstTier, notices: bench.notices)
  }

  private func takePoint(_ bench: InPlaceBench) throws -> RecoveryPoint {
    let protected = try ProtectedMachine(definedBy: bench.directory.appending("m.json"))
    return try Backup(machine: "m", disks: .defined(protected)).run(
      vault: bench.vault, notices: bench.notices, progress: Progress(),
      cancellation: Cancellation())
  }

  /// Makes the present disks such as time makes of the point's: the same size, some bytes others.
  private func change(
    _ bench: InPlaceBench, _ random: inout SeededRandom
  ) throws -> [String: [UInt8]] {
    var changed = bench.changed
    for (name, tail) in [("root.img", 0), ("data.vhd", 512)] {
      var bytes = bench.backedUp[name] ?? []
      for _ in 0..<4 {
        let start = random.below(bytes.count - tail)
        let count = min(1 + random.below(50_000), bytes.count - tail - start)
        let piece =
          random.below(3) == 0 ? [UInt8](repeating: 0, count: count) : random.bytes(count)
        bytes.replaceSubrange(start..<start + count, with: piece)
      }
      changed[name] = bytes
      try writeFile(bytes, to: bench.path(name))
    }
    return changed
  }
}
