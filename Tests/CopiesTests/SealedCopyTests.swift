import Copies
import Encryption
import Stores
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct SealedCopyTests {
  private let bench: CopyBench
  private let locked: Vault
  private let contents: [[UInt8]]

  init() throws {
    var random = Seed.ofThisRun.random
    bench = try CopyBench(isEncrypted: true)
    locked = try bench.locked()
    var disk = DiskModel(byteCount: 900_000, runs: 12, random: &random)
    contents = (0..<3).map { _ in
      defer { disk.mutate(&random) }
      return disk.bytes
    }
  }

  @discardableResult
  private func transfer(
    _ cancellation: Cancellation = Cancellation()
  ) throws -> SealedCopy.Report {
    // As a new process does: one that has seen a store fail gives it nothing more.
    let fresh = try bench.locked()
    return try SealedCopy(
      vault: fresh, from: try fresh.require(.snapshot), to: try fresh.require(.vault)
    ).run(notices: bench.notices, progress: Progress(), cancellation: cancellation)
  }

  @discardableResult
  private func replicate() throws -> Replication.Report {
    try Replication(vault: try bench.locked(), notices: bench.notices)
      .run(progress: Progress(), cancellation: Cancellation())
  }

  private func backUpAll() throws -> [RecoveryPoint] {
    try contents.enumerated().map { number, bytes in
      try bench.backUp(
        bytes, of: number == 0 ? "db01" : "web01",
        now: Timestamp(secondsSince1970: 1_000_000 + Int64(number)))
    }
  }

  /// Expects that every point which a tier lists restores from it alone.
  private func expectSound(_ points: [RecoveryPoint], in tier: Tier.Name, _ what: String) throws {
    for (point, bytes) in zip(points, contents) where try bench.tiers(of: point).contains(tier) {
      expectSame(try bench.restore(point, from: tier), bytes, "\(what) \(Seed.ofThisRun)")
    }
  }

  private func areListed(_ points: [RecoveryPoint], in tier: Tier.Name) throws -> Bool {
    try points.allSatisfy { try bench.tiers(of: $0).contains(tier) }
  }

  @Test("without the key all points go to the next tiers, and restore there bit for bit")
  func everything() throws {
    let points = try backUpAll()
    #expect(try transfer().points.count == 3)
    #expect(try replicate().pointCount == 3)
    for store in [bench.snapshots] + bench.copies {
      for path in store.paths(in: .packs) + store.paths(in: .points) {
        store.flipBit(8 * 70, of: path)
      }
    }
    #expect(try bench.vault.points(notices: bench.notices).map(\.point) == points)
    for (point, bytes) in zip(points, contents) {
      expectSame(try bench.restore(point, from: .secondary), bytes, "\(Seed.ofThisRun)")
    }
    for machine in ["db01", "web01"] {
      let far = try bench.vault.require(.secondary)
      #expect(try bench.vault.machine(machine, in: far, notices: bench.notices) != nil)
    }
    #expect(try Replication(vault: locked, notices: bench.notices).status().behind.isEmpty)
  }

  @Test("what the target has is not sent again, and a second run writes nothing")
  func difference() throws {
    var bytes = contents[0]
    _ = try bench.backUp(bytes)
    #expect(try transfer().sentBytes > 0)
    bytes.replaceSubrange(0..<4096, with: repeated([7, 1, 9], 4096))
    _ = try bench.backUp(bytes)
    let report = try transfer()
    #expect(report.points.count == 1 && report.sentBytes > 0 && report.sentBytes < 300_000)
    for store in bench.copies { store.fail(.put, number: 0) }
    let again = try transfer()
    #expect(again.points.isEmpty && again.sentBytes == 0)
    // That somebody may write is told all the same.
    #expect(bench.copies.allSatisfy { $0.count(of: .put) <= 1 } && bench.notices.all == [])
  }

  @Test("whoever has the key and whoever has not take turns, and nothing is sent twice")
  func turns() throws {
    let first = try bench.backUp(contents[0])
    try bench.copy([first])
    #expect(try transfer().points.isEmpty)
    let second = try bench.backUp(contents[1])
    #expect(try transfer().points.count == 1)
    #expect(try bench.copy([first, second]).sentBytes == 0)
    try expectSound([first, second], in: .vault, "after both")
  }

  @Test("a copy that is cut off at any write leaves only whole points, and the next one ends it")
  func cutOff() throws {
    var failures = 0
    for number in 1..<30 {
      let bench = try SealedCopyTests()
      let points = try bench.backUpAll()
      bench.bench.copies[number % 3].fail(.put, number: number)
      do {
        try bench.transfer()
        break
      } catch {
        #expect(error is StoreError, "\(error)")
        failures += 1
      }
      try bench.expectSound(points, in: .vault, "put \(number)")
      try bench.transfer()
      #expect(try bench.areListed(points, in: .vault), "put \(number)")
      try bench.expectSound(points, in: .vault, "after put \(number)")
    }
    #expect(failures > 4, "\(failures)")
  }

  @Test("a copy that is stopped says so and commits nothing, and the next one goes on")
  func stopped() throws {
    let points = try backUpAll()
    for puts in 0..<3 {
      let cancellation = Cancellation()
      if puts == 0 { cancellation.request() }
      bench.copies[0].call(after: puts) { cancellation.request() }
      do { try transfer(cancellation) } catch {
        #expect(error is Cancelled, "\(error)")
        #expect(bench.copies[0].paths(in: .points).isEmpty)
      }
    }
    try transfer()
    #expect(try areListed(points, in: .vault))
    try expectSound(points, in: .vault, "at last")
  }

  @Test("a pack that the source has lost is an error that says what to do, and no point goes over")
  func lostPack() throws {
    _ = try backUpAll()
    let pack = bench.snapshots.chunkPack
    bench.snapshots.drop(pack)
    let error = #expect(throws: SealedCopyError.self) { try transfer() }
    let text = "\(try #require(error))"
    #expect(text.contains(pack.name(without: ".pack") ?? "?") && text.contains("scrub --repair"))
    #expect(bench.copies.allSatisfy { $0.paths(in: .points).isEmpty })
  }

  @Test("a pack that one copy of the source has damaged comes from another, and is healed")
  func damagedCopy() throws {
    let points = try backUpAll()
    try transfer()
    let pack = bench.copies[0].chunkPack
    let good = bench.copies[0].bytes(at: pack)
    bench.copies[0].flipBit(8 * 5000, of: pack)
    bench.copies[1].drop(pack)
    try replicate()
    #expect(bench.copies.allSatisfy { $0.bytes(at: pack) == good })
    #expect(bench.notices.all.contains { $0.contains("copy 0") && $0.contains("repaired from") })
    try expectSound(points, in: .secondary, "after healing")
  }

  @Test("a pack that is damaged in all copies of the source takes the key, and no point goes over")
  func damagedEverywhere() throws {
    let points = try backUpAll()
    try transfer()
    let pack = bench.copies[0].chunkPack
    // Behind the records, so that all of them are good.
    let size = try #require(bench.copies[0].bytes(at: pack)).count
    for copy in bench.copies { copy.flipBit(8 * (size - 60), of: pack) }
    #expect(throws: LockedError.self) { try replicate() }
    #expect(bench.far.allSatisfy { $0.paths(in: .points).isEmpty })
    try bench.copy(points, from: .vault, to: .secondary)
    try expectSound(points, in: .secondary, "with the key")
  }

  @Test("a flipped bit anywhere in the source's index hides nothing from the copy")
  func damagedIndex() throws {
    var random = Seed.ofThisRun.random
    let points = try backUpAll()
    let index = bench.snapshots.paths(in: .index)
    for round in 0..<60 {
      let path = index[random.below(index.count)]
      let bit = random.below((bench.snapshots.bytes(at: path) ?? []).count * 8)
      bench.snapshots.flipBit(bit, of: path)
      do { try transfer() } catch {
        #expect(error is LockedError || error is SealedCopyError, "bit \(bit) \(Seed.ofThisRun)")
      }
      try expectSound(points, in: .vault, "round \(round), bit \(bit)")
      bench.snapshots.flipBit(bit, of: path)
      for copy in bench.copies {
        for folder in ObjectFolder.kept {
          for path in copy.paths(in: folder) { copy.drop(path) }
        }
      }
    }
  }

  @Test("a machine that the target knows stays as it knows it: nobody can tell which is newer")
  func machines() throws {
    _ = try bench.backUp(contents[0])
    try transfer()
    let path = bench.copies[0].paths(in: .machines)[0]
    let known = bench.copies[0].bytes(at: path)
    _ = try bench.backUp(contents[1])
    #expect(bench.snapshots.bytes(at: path) != known)
    try transfer()
    #expect(bench.copies.allSatisfy { $0.bytes(at: path) == known })
  }

  @Test("a point whose document is damaged in every copy of the source is an error that names it")
  func damagedDocument() throws {
    _ = try bench.backUp(contents[0])
    let path = bench.snapshots.paths(in: .points)[0]
    bench.snapshots.flipBit(8 * 70, of: path)
    let error = #expect(throws: VaultError.self) { try transfer() }
    #expect("\(try #require(error))".contains(path.description))
    #expect(bench.copies.allSatisfy { $0.paths(in: .points).isEmpty })
  }
}
